"""A run for eyes: the timeline, what the lab's outputs say, the checks, the verdict.

Rules: plain text of at most 98 columns; `lines` gives the same with styles, for whoever paints them (the command line,
at a terminal). Nothing from a program under test reaches the terminal unescaped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from netlab.outputs import Output, Report, _findings, _ladder
from netlab.outputs._text import Line, clean, plain
from netlab.outputs._timeline import addresses, moments
from netlab.records import RunRecord, entry


class Terminal(Output):
    """Timeline, checks and verdict as plain text; between them what these reports say."""

    def __init__(self, reports: Sequence[Report] = ()) -> None:
        self.reports = reports

    def write(self, record: RunRecord, write: Callable[[str], object]) -> None:
        """Write the run as plain text through `write`, a line at a time."""
        for line in self.lines(record):
            write(f"{plain(line)}\n")

    def lines(self, record: RunRecord) -> Iterator[Line]:
        """Timeline, checks and verdict, with styles."""
        yield (clean(entry(record.lab, record.variant)), "bold"), (f"  {clean(_title(record))}", "")
        yield ()
        yield from _ladder.drawn(moments(record), addresses(record))
        yield ()
        yield from self.findings(record)

    def findings(self, record: RunRecord) -> Iterator[Line]:
        """Drops, reports, checks and the verdict, with styles: what a second look at a run asks for."""
        if dropped := _findings.cables(record):
            yield from dropped
            yield ()
        for report in self.reports:
            yield from report.lines(record)
            yield ()
        yield from _findings.checks(record)
        yield ()
        yield from _findings.verdict(record)


def _title(record: RunRecord) -> str:
    """What the lab shows, or what is different in its variant."""
    played = record.definition.get("played")
    variants = played.get("variants") if isinstance(played, dict) else None
    titles = variants if isinstance(variants, dict) else {}
    return str(titles.get(record.variant) or record.definition.get("title") or "")
