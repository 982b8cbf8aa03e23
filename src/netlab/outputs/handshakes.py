"""handshakes: how long each connect() took, and what it took: SYNs, answers, what of them was lost.

    connection   connect() took   SYN  lost  SYN-ACK  lost
    client               3.05 s     4     3        1     0

Rules: see _handshakes.py. The plot counts from when each call began, one lane a call.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netlab.outputs import Report, doc
from netlab.outputs._handshakes import Handshake, handshakes, table
from netlab.outputs._lanes import told
from netlab.outputs._text import Line, Span
from netlab.records import RunRecord, Segment

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MS = 1_000_000
HEADER = f"{'connect() took':>15}  {'SYN':>5}  {'lost':>5}  {'SYN-ACK':>7}  {'lost':>5}"


@dataclass(frozen=True, kw_only=True)
class Handshakes(Report):
    """How long each connect() took and what it sent for that: a table, and a plot of the SYNs over time."""

    example = "handshakes: {title: What a lost SYN costs}"

    title: str = doc("What the table and the plot are headed by.", default="Handshakes")
    file: str = doc("The name of its files, without their ending.", default="handshakes")

    def rows(self, record: RunRecord) -> list[dict[str, Any]]:
        return [
            {
                "connection": one.label,
                "took_ns": one.took_ns,
                "error": one.error,
                "syns": len(one.syns),
                "syns_lost": _lost(one.syns),
                "answers": len(one.answers),
                "answers_lost": _lost(one.answers),
                "syns_after_ns": [segment.time_ns - one.began_ns for segment in one.syns],
            }
            for one in handshakes(record)
        ]

    def lines(self, record: RunRecord) -> Iterator[Line]:
        yield from table(self.title, HEADER, self.rows(record), _cells)

    def save(self, record: RunRecord, folder: Path) -> list[str]:
        from netlab.outputs import _plot

        found = handshakes(record)
        return _plot.write(self.file, folder, lambda: drawn(found, self.title)) if found else []


def _cells(row: dict[str, Any]) -> list[Span]:
    return [
        (f"  {row['error'] or _told(row['took_ns']):>15}", "red" if row["error"] else ""),
        (f"  {row['syns']:>5}  {row['syns_lost']:>5}  {row['answers']:>7}  {row['answers_lost']:>5}", ""),
    ]


def _told(took_ns: int | None) -> str:
    return "no answer" if took_ns is None else told(took_ns)


def _lost(segments: Sequence[Segment]) -> int:
    return sum(segment.arrived_ns is None for segment in segments)


def drawn(found: list[Handshake], title: str) -> Figure:
    """One lane for each: its SYNs up, its answers down, a cross on what was lost, a dot where connect() returned."""
    from netlab.outputs import _plot

    longest_s = max(max(one.took_ns or MS, one.syns[-1].time_ns - one.began_ns) for one in found) / 1e9
    figure, axes = _plot.chart(title, "seconds since connect() was called", "", 1.6 + 0.4 * max(len(found), 3))
    axes.set_xlim(-0.03 * longest_s, longest_s * 1.2)
    axes.set_ylim(len(found) - 0.4, -0.7)
    axes.set_yticks(range(len(found)), [one.label for one in found], color=_plot.INK)
    axes.tick_params(axis="y", labelcolor=_plot.INK)
    axes.grid(visible=False, axis="y")
    for place, one in enumerate(found):
        until_s = longest_s if one.took_ns is None else one.took_ns / 1e9
        axes.barh(place, until_s, height=0.3, color=_plot.NOTICED, alpha=0.18, linewidth=0)
        _ticks(axes, place, one, one.syns, -0.3)
        _ticks(axes, place, one, one.answers, 0.3)
        if one.took_ns is not None:
            axes.plot(until_s, place, marker="o", markersize=7, color=_plot.NOTICED, markeredgecolor="white")
        text = one.error or _told(one.took_ns)
        axes.text(until_s + 0.02 * longest_s, place, text, va="center", color=_plot.INK, fontsize=9)
    axes.set_title(
        "up a SYN, down a SYN-ACK, ✗ lost, ● connect() returned", fontsize=8.5, color=_plot.FAINT, loc="right"
    )
    return figure


def _ticks(axes: Axes, place: int, one: Handshake, segments: Sequence[Segment], height: float) -> None:
    from netlab.outputs import _plot

    for segment in segments:
        at_s = (segment.time_ns - one.began_ns) / 1e9
        lost = segment.arrived_ns is None
        axes.vlines(at_s, place, place + height, color=_plot.RESET if lost else _plot.INK, linewidth=1.8)
        if lost:
            axes.plot(at_s, place + height, marker="x", markersize=6, color=_plot.RESET)
