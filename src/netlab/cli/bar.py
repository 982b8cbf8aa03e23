"""The progress of many runs, on stderr.

Rules: at a terminal one bar (rich's, without its thread: it is drawn when something happened, and twice a second),
gone when all is over; elsewhere one plain line for each run that ended. It says what takes long before that begins.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING

from netlab.cli import streams
from netlab.cli.live import at_terminal, time_it_takes
from netlab.records import entry
from netlab.units import human_duration

if TYPE_CHECKING:
    from netlab.catalogue.outcome import Outcome
    from netlab.lab import Lab


def watcher(labs: Sequence[Lab], jobs: int, *, told: bool = True) -> Plain:
    """The progress that suits stderr; a plain line for each run only where it is to be `told`."""
    return Bar(labs, jobs, told) if at_terminal() else Plain(labs, jobs, told)


class Plain:
    """One line for each run that ended."""

    def __init__(self, labs: Sequence[Lab], jobs: int, told: bool) -> None:
        self.labs, self.jobs, self.told, self.ended = labs, jobs, told, 0

    def __enter__(self) -> Plain:
        streams.err(f"{len(self.labs)} labs and variants, {min(self.jobs, len(self.labs))} at once\n")
        for lab in self.labs:
            if lab.long:
                streams.err(f"{entry(lab.name, lab.variant)}{time_it_takes(lab)}\n")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """All is over, however it ended."""

    def started(self, lab: Lab) -> None:
        """This lab begins."""

    def tick(self) -> None:
        """Time goes by."""

    def done(self, outcome: Outcome) -> None:
        """This lab has ended."""
        self.ended += 1
        if not self.told:
            return
        took = human_duration(round(outcome.seconds * 1e9))
        streams.err(f"[{self.ended}/{len(self.labs)}] {outcome.title}: {outcome.verdict.value} ({took})\n")

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Something else may be written to the terminal meanwhile."""
        yield


class Bar(Plain):
    """One bar, with the names of what is being played."""

    def __enter__(self) -> Plain:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        super().__enter__()
        columns = (BarColumn(24), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
        self.playing: dict[str, None] = {}
        self.bar = Progress(*columns, console=Console(file=sys.stderr), auto_refresh=False, transient=True)
        self.task = self.bar.add_task("", total=len(self.labs))
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def started(self, lab: Lab) -> None:
        self.playing[entry(lab.name, lab.variant)] = None
        self.tick()

    def tick(self) -> None:
        from rich.markup import escape

        self.bar.update(self.task, completed=self.ended, description=escape(", ".join(self.playing)), refresh=True)

    def done(self, outcome: Outcome) -> None:
        self.ended += 1
        self.playing.pop(outcome.title, None)
        self.tick()

    @contextmanager
    def aside(self) -> Iterator[None]:
        if not sys.stdout.isatty() or self.told:
            yield
            return
        self.bar.stop()
        yield
        self.bar.start()
