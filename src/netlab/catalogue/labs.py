"""Which labs are played: those that are named, or all there are, each in each of its variants.

Rules: a lab file that has mistakes does not hide the others; it becomes an Outcome of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from netlab.catalogue.outcome import Outcome, Problem
from netlab.errors import LabError, UsageError
from netlab.lab import Lab, load_all
from netlab.lab.library import find, names

__all__ = ["Selection", "select"]


@dataclass
class Selection:
    """The labs to be played; the long ones first, so that the others are played beside them."""

    labs: list[Lab] = field(default_factory=list)
    left_out: list[Lab] = field(default_factory=list)
    """Those that take long, and were not asked for."""
    broken: list[Outcome] = field(default_factory=list)
    """Those whose file has mistakes."""

    def only(self, wanted: Iterable[Lab]) -> Selection:
        """The same with these labs only."""
        kept = {id(lab) for lab in wanted}
        labs, left_out = ([lab for lab in labs if id(lab) in kept] for labs in (self.labs, self.left_out))
        return Selection(labs, left_out, self.broken)


def select(wanted: Sequence[str] = (), folders: Iterable[str | Path] = (), *, long: bool = False) -> Selection:
    """The labs of these names or paths (default: all in ./labs, `folders` and those shipped), with every variant.

    Raises: UsageError for a name that no lab has.
    """
    folders = list(folders)
    files = {name: find(name, folders) for name in wanted} or names(folders)
    chosen = Selection()
    for name, path in files.items():
        try:
            labs = load_all(path).values()
        except LabError as error:
            chosen.broken.append(Outcome(name=name, problem=Problem("mistake", str(error))))
            continue
        chosen.labs += [lab for lab in labs if long or not lab.long]
        chosen.left_out += [lab for lab in labs if lab.long and not long]
    chosen.labs.sort(key=lambda lab: -(lab.takes or 0))
    if wanted and not (chosen.labs or chosen.broken):
        raise UsageError(f"play {', '.join(wanted)}: each takes more than 10 s; say --long to play it all the same")
    return chosen
