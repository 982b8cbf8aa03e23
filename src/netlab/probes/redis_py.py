"""Whether redis-py, the client library for Python, is there."""

from __future__ import annotations

from netlab.probes import Finding, Probe
from netlab.probes._programs import library


class RedisPy(Probe):
    """Imports it in the Python of a lab's programs."""

    question = "Can a lab's Python programs speak to Redis?"

    def probe(self) -> Finding:
        """Ask it for its version."""
        return library("redis", least=8)  # whose defaults labs/redis is about
