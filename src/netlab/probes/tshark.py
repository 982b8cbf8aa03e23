"""Whether tshark is there to read captures with: netlab itself never needs it."""

from __future__ import annotations

import shutil

from netlab.probes import Finding, Probe


class Tshark(Probe):
    """Looks for the command. Running it would take longer than every other probe together."""

    question = "Is tshark there to look into captures?"
    group = "witnesses"

    def probe(self) -> Finding:
        """Look on the PATH."""
        where = shutil.which("tshark")
        if where is None:
            return Finding("no", "not on the PATH", "apt install tshark; only its users and some tests need it")
        return Finding("yes", where)
