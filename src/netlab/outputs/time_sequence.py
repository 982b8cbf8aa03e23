"""time-sequence: the numbers of one direction over time: what was sent, what was sent again, what was acknowledged.

    connection            segments  sent again  in vain  lost  overtaken  duplicate ACKs  SACK  D-SACK
    client:40000 > 9000        100          12       12     0          9              31    29       8

Rules: pure but for the plot, which is _plot.py's. A segment is sent again where a segment with its first number was
sent before; in vain where that one arrived (however late): it was late and not lost. It was overtaken where one with
higher numbers arrived before it. A duplicate ACK acknowledges what the one before it did, and has no data.
Source: RFC 5681 section 2 (duplicate ACK), RFC 2018 (SACK), RFC 2883 section 4 (D-SACK: the first block lies below the
ACK, or within the second block).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from netlab.judge.directions import Direction, Numbered, directions
from netlab.judge.expression import SPACE
from netlab.outputs import Report, doc
from netlab.outputs._text import Line, clean
from netlab.records import Address, RunRecord, Segment
from netlab.spec import Ref

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = {
    "segments": "segments",
    "again": "sent again",
    "in_vain": "in vain",
    "lost": "lost",
    "overtaken": "overtaken",
    "duplicate_acks": "duplicate ACKs",
    "sacks": "SACK",
    "dsacks": "D-SACK",
}
BLOCKS = re.compile(r"\{(\d+):(\d+)\}")


@dataclass(frozen=True, kw_only=True)
class TimeSequence(Report):
    """Sequence numbers over time, for one direction: a table of what was sent again, and a plot."""

    example = "time-sequence: {from: client, to: server}"

    from_: Annotated[str, Ref("host")] = doc("Whose data.")
    to: Annotated[str, Ref("host")] = doc("Whose acknowledgments.")
    port: int | None = doc("Only connections with this port at either end.", default=None)
    title: str = doc("What the table and the plot are headed by.", default="")
    file: str = doc("The name of its files, without their ending.", default="time-sequence")

    def rows(self, record: RunRecord) -> list[dict[str, Any]]:
        return [{"connection": _named(flow.ends, self.from_), **counted(flow)} for flow in self.flows(record)]

    def flows(self, record: RunRecord) -> list[Direction]:
        """The connections on which data was sent."""
        found = directions(record, self.from_, self.to, self.port)
        return [flow for flow in found if any(one.segment.length for one in flow.sent)]

    def lines(self, record: RunRecord) -> Iterator[Line]:
        yield ((clean(self.headed), "bold"),)
        rows = self.rows(record)
        if not rows:
            yield ((f"  {self.from_} sent no data to {self.to}", "yellow"),)
            return
        width = max(len(row["connection"]) for row in rows)
        yield ((f"  {'':{width}}  {'  '.join(COLUMNS.values())}", "dim"),)
        for row in rows:
            yield (
                (f"  {row['connection']:{width}}", ""),
                *((f"  {row[key]:>{len(name)}}", _style(key, row[key])) for key, name in COLUMNS.items()),
            )

    @property
    def headed(self) -> str:
        """The title, or whose data it is."""
        return self.title or f"What {self.from_} sent to {self.to}"

    def save(self, record: RunRecord, folder: Path) -> list[str]:
        from netlab.outputs import _plot

        flows = self.flows(record)
        return _plot.write(self.file, folder, lambda: drawn(flows, self.headed)) if flows else []


def counted(flow: Direction) -> dict[str, int]:
    """What is counted of a direction."""
    data = [one for one in flow.sent if one.segment.length]
    copies: dict[int, list[Numbered]] = {}
    again = in_vain = 0
    for one in data:
        earlier = copies.setdefault(one.begin, [])
        again += bool(earlier)
        in_vain += any(copy.segment.arrived_ns is not None for copy in earlier)
        earlier.append(one)
    acks = _bare(flow.back)
    return {
        "segments": len(data),
        "again": again,
        "in_vain": in_vain,
        "lost": sum(one.segment.arrived_ns is None for one in data),
        "overtaken": _overtaken(data),
        "duplicate_acks": sum(one.ack == before.ack for before, one in pairwise(acks)),
        "sacks": sum(bool(_blocks(one.segment)) for one in acks),
        "dsacks": sum(_tells_twice(one.segment) for one in acks),
    }


def _bare(back: list[Numbered]) -> list[Numbered]:
    """The acknowledgments without data."""
    return [one for one in back if one.ack is not None and not one.occupies]


def _overtaken(data: list[Numbered]) -> int:
    """How many segments arrived after one with higher numbers; of those sent again, the first copy counts."""
    first = {one.begin: one for one in reversed(data)}
    arrived = [one for one in data if one.segment.arrived_ns is not None]
    highest = count = 0
    for one in sorted(arrived, key=lambda one: one.segment.arrived_ns or 0):
        count += one.begin < highest and one is first[one.begin]
        highest = max(highest, one.begin)
    return count


def _blocks(segment: Segment) -> list[tuple[int, int]]:
    """The blocks of its SACK option, absolute as sent."""
    text = next((option for option in segment.options if option.startswith("sack ")), "")
    return [(int(left), int(right)) for left, right in BLOCKS.findall(text)]


def _tells_twice(segment: Segment) -> bool:
    """Its first SACK block is a D-SACK."""
    blocks = _blocks(segment)
    if not blocks:
        return False
    (left, right), *others = blocks
    below = (segment.ack - right) % SPACE < SPACE // 2
    within = bool(others) and (left - others[0][0]) % SPACE < SPACE // 2 and (others[0][1] - right) % SPACE < SPACE // 2
    return below or within


def _named(ends: tuple[Address, Address], host: str) -> str:
    """ "client:40000 > 9000"."""
    return f"{host}:{ends[0].port} > {ends[1].port}"


def _style(key: str, count: int) -> str:
    return "red" if key in ("in_vain", "lost") and count else ""


def drawn(flows: list[Direction], title: str) -> Figure:
    """Sequence numbers over time: each segment where it was sent, the line of what is acknowledged below."""
    from netlab.outputs import _plot

    begin_ns = min(one.segment.time_ns for flow in flows for one in flow.sent if one.segment.length)

    def seconds(time_ns: int | None) -> float:
        return ((time_ns or 0) - begin_ns) / 1e9

    figure, axes = _plot.chart(title, "seconds since the first data was sent", "sequence number, in kB")
    kinds: dict[str, tuple[str, list[Numbered]]] = {
        "sent": (_plot.NOTICED, []),
        "sent again": (_plot.RESET, []),
    }
    for flow in flows:
        sent: set[int] = set()
        for one in flow.sent:
            if one.segment.length:
                kinds["sent again" if one.begin in sent else "sent"][1].append(one)
                sent.add(one.begin)
    everything = [one for _, ones in kinds.values() for one in ones]
    came = [one for one in everything if one.segment.arrived_ns is not None]
    axes.scatter(
        [seconds(one.segment.arrived_ns) for one in came],
        [one.end / 1000 for one in came],
        s=9,
        color=_plot.FAINT,
        label="arrived",
    )
    for label, (colour, ones) in kinds.items():
        if ones:
            at = [seconds(one.segment.time_ns) for one in ones]
            low, high = [one.begin / 1000 for one in ones], [one.end / 1000 for one in ones]
            axes.vlines(at, low, high, color=colour, linewidth=2.2, label=label)
            axes.scatter(at, high, s=6, color=colour)
    lost = [one for one in everything if one.segment.arrived_ns is None]
    if lost:
        at, high = [seconds(one.segment.time_ns) for one in lost], [one.end / 1000 for one in lost]
        axes.scatter(at, high, s=36, marker="x", color=_plot.INK, label="lost")
    for place, flow in enumerate(flows):
        acks = [(one.segment.arrived_ns, one.ack or 0) for one in flow.back if one.segment.arrived_ns is not None]
        at, upto = [seconds(when) for when, _ in sorted(acks)], [ack / 1000 for _, ack in sorted(acks)]
        axes.step(at, upto, where="post", color=_plot.HEALED, linewidth=1.4, label="" if place else "acknowledged")
    axes.set_xlim(left=-0.02 * max(axes.get_xlim()[1], 0.01))
    _plot.legend(axes)
    return figure
