"""Where the commands of a lab's programs are found.

Rules: looked for in the same places before a run (needs, probes) and in it (agent/programs): in netlab's own virtual
environment, so that `python3` has what is installed beside netlab; on the PATH; and where servers are that ordinary
users have not on theirs. A PATH that a program sets in its `env` is taken as it is. Nothing here runs anything.
"""

# ruff: noqa: PTH118, PTH120, PTH207, PTH113  (this is forked into every program: pathlib costs 10 ms there)
from __future__ import annotations

import glob
import os
import re
import sys
from collections.abc import Mapping

SYSTEM = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""Where sshd and nginx are. Source: FHS 3.0 section 4.10; Debian keeps them from ordinary users' PATH."""
POSTGRESQL = "/usr/lib/postgresql/*/bin"
"""Where Debian keeps the server of each major version. Source: postgresql-common(7), /usr/share/doc."""


def environment(own: Mapping[str, str]) -> dict[str, str]:
    """The environment of a program with these variables of its own."""
    return {**os.environ, "PATH": search_path(), **own}


def search_path() -> str:
    """The folders in which commands are looked for, as a PATH."""
    own = [os.path.dirname(sys.executable)] if sys.prefix != sys.base_prefix else []
    given = os.environ.get("PATH", os.defpath).split(os.pathsep)
    newest = sorted(glob.glob(POSTGRESQL), key=version, reverse=True)[:1]
    return os.pathsep.join(dict.fromkeys((*own, *given, *SYSTEM, *newest)))


def version(folder: str) -> tuple[int, ...]:
    """15 of /usr/lib/postgresql/15/bin."""
    return tuple(map(int, re.findall(r"\d+", folder)))


def find(name: str, path: str | None = None) -> str | None:
    """The file of a command: itself where it is a path, else the first on the path that may be run; None without one.

    (execvp(3) would report a folder of PATH that cannot be read, where the command is simply missing.)
    """
    if "/" in name:
        return name if runs(name) else None
    folders = (search_path() if path is None else path).split(os.pathsep)
    return next((file for folder in folders if runs(file := os.path.join(folder, name))), None)


def runs(file: str) -> bool:
    """Whether this is a file that may be executed."""
    return os.path.isfile(file) and os.access(file, os.X_OK)
