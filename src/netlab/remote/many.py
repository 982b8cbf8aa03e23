"""Many labs on one target, one after the other, by one warm far end: what netlab.catalogue.runner is here.

Rules: what one lab lacks, or breaks, is its own outcome. Where the target is lost it is reached again for the next lab;
where it cannot be reached at all, nothing is played. The first Ctrl-C ends in order what runs, and nothing more starts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from netlab.catalogue.outcome import Outcome, Problem, problem
from netlab.catalogue.runner import place
from netlab.lab import Lab
from netlab.remote.near import There
from netlab.targets import Target

__all__ = ["Runner"]


class Runner:
    """The labs' target. Use as a context manager. `started` and `tick` as those of the other Runner."""

    jobs = 1

    def __init__(
        self,
        target: Target,
        started: Callable[[Lab], None] = lambda lab: None,
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        self.there = There(target)
        self.started, self.tick = started, tick

    def __enter__(self) -> Runner:
        """Reach the target. Raises: TargetError, NeedError, UsageError."""
        self.there.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self.there.__exit__(*exception)

    def play(self, labs: Iterable[Lab], folder: Path) -> Iterator[Outcome]:
        """Play each lab once, each in a run directory of its own below `folder`.

        Raises: KeyboardInterrupt after the last outcome, where Ctrl-C was pressed.
        """
        for lab in labs:
            self.started(lab)
            self.tick()
            outcome = self.play_one(lab, folder / place(lab))
            yield outcome
            if outcome.interrupted:
                raise KeyboardInterrupt

    def play_one(self, lab: Lab, folder: Path) -> Outcome:
        """Play one lab; what it raises is its outcome."""
        began = time.monotonic()
        try:
            record = self.there.run(lab, folder)
        except KeyboardInterrupt:
            return Outcome(name=lab.name, lab=lab, problem=Problem("interrupted", "Ctrl-C ended it"))
        except Exception as error:
            return Outcome(name=lab.name, lab=lab, problem=problem(error), seconds=time.monotonic() - began)
        return Outcome(name=lab.name, lab=lab, record=record, folder=folder, seconds=time.monotonic() - began)
