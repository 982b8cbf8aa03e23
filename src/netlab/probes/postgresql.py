"""Whether a PostgreSQL server can be run; Debian keeps it outside of every PATH."""

from __future__ import annotations

from netlab.probes import Finding, Probe
from netlab.probes._programs import all_of


class Postgresql(Probe):
    """Runs `postgres` and `initdb` for their versions."""

    question = "Can a lab run a PostgreSQL server?"

    def probe(self) -> Finding:
        """Ask it for its version."""
        return all_of("apt install postgresql", ("postgres", "--version"), ("initdb", "--version"))
