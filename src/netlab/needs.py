"""What a lab needs of this machine, found out before its first namespace is made.

Rules: all that is missing is told at once, each with its remedy; but commands are looked for only where no probe said
no, as most probes are about the package that a missing command comes from. What can only be seen in the run (a library
that a user's program imports, say) is not looked for here: a lab names it in `requires`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from netlab import commands
from netlab.errors import NeedError
from netlab.spec import SCRATCH, Program

if TYPE_CHECKING:
    from netlab.lab import Lab
    from netlab.probes import Finding


def probe_needs(lab: Lab, known: dict[str, Finding] | None = None) -> None:
    """Find out before the run what this machine lacks for it.

    `known` holds the findings of probes that need not be asked again; those that are asked now are put there.
    Raises: NeedError naming each need and its remedy.
    """
    lacking = [*lacking_probes(lab, {} if known is None else known)] or [*lacking_programs(lab)]
    if lacking:
        raise NeedError(f"run {lab.name}: this machine lacks {'; and '.join(lacking)}")


def lacking_probes(lab: Lab, known: dict[str, Finding]) -> Iterator[str]:
    """Each need that its probe answers with no."""
    from netlab.probes import PROBES

    for need in sorted(lab.needs):
        finding = known[need] = known.get(need) or PROBES[need]().probe()
        if finding.status == "no":
            yield f"{need} ({finding.text}; {finding.remedy})"


def lacking_programs(lab: Lab) -> Iterator[str]:
    """Each program that some step starts and that is not there, or may not be run."""
    started = dict.fromkeys(planned.doing.program for planned in lab.steps if planned.word == "start")
    for name in started:
        host, _, short = name.partition(".")
        wrong = missing(lab.topology.hosts[host].programs[short], lab.topology.folder)
        if wrong:
            yield f"the program {name} ({wrong})"


def missing(program: Program, folder: str) -> str:
    """Why a program cannot be run, and what to do; "" where it can, or where only the run can tell."""
    name, where = program.words[0], os.path.join(folder, program.cwd or "")  # noqa: PTH118
    file = os.path.normpath(os.path.join(where, name))  # noqa: PTH118
    if "/" not in name:
        path = commands.environment(program.env)["PATH"]
        return "" if commands.find(name, path) else f"no such command: {name}; install it, or give its full path"
    if file.startswith(SCRATCH) or commands.runs(file):
        return ""
    if os.path.isfile(file):  # noqa: PTH113
        return f"{file} may not be executed; chmod +x it, or name its interpreter first: [python3, {name}]"
    return f"no such file: {file}; give another path, relative to the lab file's folder or full"
