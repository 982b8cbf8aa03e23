"""What came of one lab, in one variant, when many are played.

Rules: a run that was made has its record; one that was not has the reason, as a person is told it.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from netlab.errors import LabError, NeedError, NetlabError, TargetError, UsageError
from netlab.lab import Lab
from netlab.records import RunRecord, Verdict, entry

__all__ = ["Outcome", "Problem", "problem"]

Kind = Literal["need", "mistake", "error", "interrupted"]


@dataclass(frozen=True)
class Problem:
    """Why a lab has no record: this machine lacks something, the lab is wrong, something failed, or Ctrl-C."""

    kind: Kind
    text: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One lab in one variant, and its record or its problem: one of them is there."""

    name: str
    """The lab's name, or that of its folder where its file cannot be read."""
    lab: Lab | None = None
    """As it was played; None where its file has mistakes."""
    record: RunRecord | None = None
    problem: Problem | None = None
    folder: Path | None = None
    """The run directory of the record."""
    seconds: float = 0.0
    """From the run's first process to its verdict."""
    cpu_seconds: float = 0.0
    """Processor time of all its processes, once they have ended."""

    @property
    def variant(self) -> str | None:
        """The variant that was played; None for the lab as it is by default."""
        return self.lab.variant if self.lab is not None else None

    @property
    def title(self) -> str:
        """The lab and its variant: "half-open (down)"."""
        return entry(self.name, self.variant)

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended it."""
        if self.record is not None:
            return self.record.interrupted is not None
        return self.problem is not None and self.problem.kind == "interrupted"

    @property
    def verdict(self) -> Verdict:
        """The record's; unknown for whatever could not be played."""
        return self.record.verdict if self.record is not None else Verdict.UNKNOWN

    @property
    def sentence(self) -> str:
        """The verdict in one sentence, or the problem."""
        if self.record is not None:
            return self.record.sentence
        assert self.problem is not None
        return self.problem.text


def problem(error: Exception) -> Problem:
    """The error as a person is told it."""
    if isinstance(error, (NeedError, TargetError)):
        return Problem("need", str(error))
    if isinstance(error, (LabError, UsageError)):
        return Problem("mistake", str(error))
    if isinstance(error, (NetlabError, OSError)):
        return Problem("error", str(error))
    return Problem("error", "a defect of netlab, not of your lab:\n" + "".join(traceback.format_exception(error)))
