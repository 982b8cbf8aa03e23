"""Whether nginx can be run."""

from __future__ import annotations

from netlab.probes import Finding, Probe
from netlab.probes._programs import asked


class Nginx(Probe):
    """Runs it for its version."""

    question = "Can a lab run nginx?"

    def probe(self) -> Finding:
        """Ask it for its version."""
        return asked(("nginx", "-v"), "apt install nginx-light")
