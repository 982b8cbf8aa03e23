"""connect-times: how long connect() took against the round trip of its connection.

    connection   round trip  connect() took  round trips
    near            20.2 ms         20.4 ms         1.01

Rules: see _handshakes.py. The round trip is the wire's, from SYN to SYN with ACK; where a SYN was sent again nobody
knows it, and that connection is in the table only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netlab.outputs import Report, doc
from netlab.outputs._handshakes import Handshake, handshakes, table
from netlab.outputs._text import Line, Span
from netlab.records import RunRecord

if TYPE_CHECKING:
    from matplotlib.figure import Figure


HEADER = f"{'round trip':>10}  {'connect() took':>14}  {'round trips':>11}  {'SYN':>4}"


@dataclass(frozen=True, kw_only=True)
class ConnectTimes(Report):
    """How long each connect() took against its round trip: a table, and a plot."""

    example = "connect-times: {title: What a handshake costs}"

    title: str = doc("What the table and the plot are headed by.", default="connect() against the round trip")
    file: str = doc("The name of its files, without their ending.", default="connect-times")

    def rows(self, record: RunRecord) -> list[dict[str, Any]]:
        return [
            {
                "connection": one.label,
                "round_trip_ns": one.round_trip_ns,
                "took_ns": one.took_ns,
                "syns": len(one.syns),
                "error": one.error,
            }
            for one in handshakes(record)
        ]

    def lines(self, record: RunRecord) -> Iterator[Line]:
        yield from table(self.title, HEADER, self.rows(record), _cells)

    def save(self, record: RunRecord, folder: Path) -> list[str]:
        from netlab.outputs import _plot

        found = [one for one in handshakes(record) if one.round_trip_ns and one.took_ns and not one.error]
        return _plot.write(self.file, folder, lambda: drawn(found, self.title)) if found else []


def drawn(found: list[Handshake], title: str) -> Figure:
    """A dot for each connection, and the line on which connect() takes one round trip."""
    from netlab.outputs import _plot

    trips = [(one.round_trip_ns or 0) / 1e6 for one in found]
    figure, axes = _plot.chart(title, "round trip, in ms", "connect() took, in ms")
    end = max(trips) * 1.15
    axes.plot([0, end], [0, end], color=_plot.FAINT, linestyle="--", linewidth=1.2, label="one round trip")
    took = [(one.took_ns or 0) / 1e6 for one in found]
    axes.scatter(trips, took, s=46, color=_plot.NOTICED, zorder=3)
    for one, at in zip(found, zip(trips, took, strict=True), strict=True):
        axes.annotate(one.label, at, xytext=(8, -10), textcoords="offset points", color=_plot.INK, fontsize=9)
    axes.set_xlim(0, end)
    axes.set_ylim(bottom=0)
    _plot.legend(axes)
    return figure


def _cells(row: dict[str, Any]) -> list[Span]:
    trip, took = row["round_trip_ns"], row["took_ns"]
    share = f"{took / trip:.2f}" if trip and took else "-"
    return [(f"  {_told(trip):>10}  {row['error'] or _told(took):>14}  {share:>11}  {row['syns']:>4}", "")]


def _told(span_ns: int | None) -> str:
    return "-" if span_ns is None else f"{span_ns / 1e6:.1f} ms"
