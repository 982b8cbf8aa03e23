"""Whether curl can be run."""

from __future__ import annotations

from netlab.probes import Finding, Probe
from netlab.probes._programs import asked


class Curl(Probe):
    """Runs it for its version."""

    question = "Can a lab run curl?"

    def probe(self) -> Finding:
        """Ask it for its version."""
        return asked(("curl", "--version"), "apt install curl")
