"""round-trips: how long acknowledgments took over time: a table of groups, and a plot of every one.

    group             round trips    least   median     most
    alone                      20   0.1 ms   0.2 ms   0.3 ms
    beside the upload          30   300 ms   480 ms   510 ms

Rules: see judge/roundtrips.py for what is measured. A group that measured nothing has a row that says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from netlab.judge.moments import NoMoment, moment, window
from netlab.judge.roundtrips import RoundTrip, round_trips
from netlab.outputs import STRICT, Report, doc
from netlab.outputs._text import Line, clean
from netlab.records import RunRecord
from netlab.spec import Ref

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEADER = ("round trips", "least", "median", "most")


@dataclass(frozen=True, kw_only=True)
class Group:
    """Round trips that belong together."""

    label: str = doc("What it is called in the table and the plot.")
    from_: Annotated[str, Ref("host")] = doc("Whose segments.")
    to: Annotated[str, Ref("host")] = doc("Whose acknowledgments.")
    port: int | None = doc("Only of connections with this port at either end.", default=None)
    after: Annotated[str, Ref("barrier")] | None = doc("Only of what was sent after this step began.", default=None)
    before: Annotated[str, Ref("barrier")] | None = doc("Only of what was sent before this step began.", default=None)
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A step that the plot shows."""

    step: Annotated[str, Ref("barrier")] = doc("The step, by its id.")
    label: str = doc("What stands beside it.")
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT


@dataclass(frozen=True, kw_only=True)
class RoundTrips(Report):
    """Round-trip times over time, in groups: a table, and a plot."""

    example = """\
round-trips:
  groups:
    - {label: before, from: client, to: server, before: unplug}
    - {label: after, from: client, to: server, after: unplug}
  marks: [{step: unplug, label: the NIC is pulled}]"""

    groups: tuple[Group, ...] = doc("The groups: each has a label, whose segments, and from when to when.")
    marks: tuple[Mark, ...] = doc("Steps that the plot shows as lines.", default=())
    title: str = doc("What the table and the plot are headed by.", default="Round-trip times")
    file: str = doc("The name of its files, without their ending.", default="round-trips")

    def rows(self, record: RunRecord) -> list[dict[str, Any]]:
        return [
            {
                "group": group.label,
                "round_trips": len(found),
                "least_ns": found[0] if found else None,
                "median_ns": found[len(found) // 2] if found else None,
                "most_ns": found[-1] if found else None,
            }
            for group, trips in self.measured(record)
            for found in [sorted(trip.span_ns for trip in trips)]
        ]

    def measured(self, record: RunRecord) -> list[tuple[Group, list[RoundTrip]]]:
        """The round trips of each group; none where a step that it names was not played."""
        return [(group, _within(record, group)) for group in self.groups]

    def lines(self, record: RunRecord) -> Iterator[Line]:
        yield ((clean(self.title), "bold"),)
        rows = self.rows(record)
        width = max(len(clean(row["group"])) for row in rows)
        count, *spans = HEADER
        yield ((f"  {'':{width}}  {count}  {'  '.join(f'{name:>11}' for name in spans)}", "dim"),)
        for row in rows:
            told = [_told(row[f"{name}_ns"]) for name in spans]
            yield (
                (f"  {clean(row['group']):{width}}", ""),
                (f"  {row['round_trips']:>{len(count)}}", "" if row["round_trips"] else "yellow"),
                (f"  {'  '.join(f'{span:>11}' for span in told)}", ""),
            )

    def save(self, record: RunRecord, folder: Path) -> list[str]:
        from netlab.outputs import _plot

        found = self.measured(record)
        if not any(trips for _, trips in found):
            return []
        return _plot.write(self.file, folder, lambda: self.drawn(record, found))

    def drawn(self, record: RunRecord, found: list[tuple[Group, list[RoundTrip]]]) -> Figure:
        """Every round trip where its segment was sent, as high as it was long."""
        from netlab.outputs import _plot

        begin_ns = min(trip.sent_ns for _, trips in found for trip in trips)
        figure, axes = _plot.chart(self.title, "seconds", "round trip, in ms")
        for (group, trips), colour in zip(found, cycle(_plot.CYCLE), strict=False):
            at = [(trip.sent_ns - begin_ns) / 1e9 for trip in trips]
            axes.scatter(at, [trip.span_ns / 1e6 for trip in trips], s=16, color=colour, label=group.label)
        axes.set_ylim(bottom=0)
        for level, asked in enumerate(self.marks):
            try:
                at_s = (moment(record, asked.step).start_ns - begin_ns) / 1e9
            except NoMoment:
                continue
            _plot.mark(axes, at_s, asked.label, level % 2)
        _plot.legend(axes)
        return figure


def _within(record: RunRecord, group: Group) -> list[RoundTrip]:
    try:
        start, end = window(record, group.after, group.before)
    except NoMoment:
        return []
    return [t for t in round_trips(record, group.from_, group.to, group.port) if start <= t.sent_ns < end]


def _told(span_ns: int | None) -> str:
    """A span in ms, so that several compare: "251.3 ms"; "-" for none."""
    return "-" if span_ns is None else f"{span_ns / 1e6:.1f} ms"
