"""Whether another tool that installs a command `netlab` is on this machine.

The PyPI package networklab (https://netlab.tools) brings one: a builder of virtual labs with Vagrant and containerlab.
Its script imports the module `netsim`, ours `netlab.cli`; `netlab --version` is answered by this one only.
"""

from __future__ import annotations

import os
import sys
from importlib import metadata
from pathlib import Path

from netlab.probes import Finding, Probe


class OtherNetlab(Probe):
    """Reads every `netlab` command on the PATH, and asks whether networklab is installed beside this package."""

    question = "Does `netlab` mean this tool everywhere?"
    group = "every lab"

    def probe(self) -> Finding:
        """Look, and say which is which."""
        others = [str(script) for script in commands() if not is_ours(script)]
        if not others and not beside():
            return Finding("yes", "no other netlab command found")
        found = ", ".join(others) or "networklab in this Python"
        remedy = (
            f"this one is `{sys.executable} -m netlab` and answers `netlab --version` with a version; networklab "
            "(netlab.tools) does not; keep them in virtual environments of their own"
        )
        return Finding("no", f"another netlab: {found}", remedy)


def commands() -> list[Path]:
    """Every command called netlab on the PATH, each file once."""
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    scripts = [folder / "netlab" for folder in folders if os.access(folder / "netlab", os.X_OK)]
    return list({script.resolve(): script for script in scripts if script.is_file()}.values())


def is_ours(script: Path) -> bool:
    """Whether this script starts this tool (pip and uv write the module's name into it)."""
    try:
        with script.open("rb") as file:
            return b"netlab.cli" in file.read(4096)
    except OSError:  # not readable: then it is not ours, which pip made readable for those it is for
        return False


def beside() -> bool:
    """Whether networklab is installed in this Python, where one `netlab` script overwrote the other."""
    try:
        metadata.version("networklab")
    except metadata.PackageNotFoundError:
        return False
    return True
