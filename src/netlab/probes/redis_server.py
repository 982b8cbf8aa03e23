"""Whether a Redis server can be run."""

from __future__ import annotations

from netlab.probes import Finding, Probe
from netlab.probes._programs import asked


class RedisServer(Probe):
    """Runs it for its version."""

    question = "Can a lab run a Redis server?"

    def probe(self) -> Finding:
        """Ask it for its version."""
        return asked(("redis-server", "--version"), "apt install redis-server")
