"""Whether psycopg, PostgreSQL's client library for Python, is there."""

from __future__ import annotations

from netlab.probes import Finding, Probe
from netlab.probes._programs import library


class Psycopg(Probe):
    """Imports it in the Python of a lab's programs."""

    question = "Can a lab's Python programs speak to PostgreSQL?"

    def probe(self) -> Finding:
        """Ask it for its version."""
        return library("psycopg")
