"""Whether this Python is one that netlab is tested with."""

from __future__ import annotations

import platform
import sys

from netlab.probes import Finding, Probe

OLDEST = (3, 11)


class Python(Probe):
    """Looks at the interpreter that runs this."""

    question = "Is this Python new enough?"
    group = "every lab"
    required = True

    def probe(self) -> Finding:
        """Compare its version."""
        text = f"{platform.python_implementation()} {platform.python_version()} ({sys.executable})"
        if sys.version_info >= OLDEST:
            return Finding("yes", text)
        return Finding("no", text, "install Python 3.11 or newer")
