"""Handshakes, as the wire and the programs tell them: one for each connection that a SYN began.

Rules: pure. Of a call of connect its times count; of a program's connection those of the wire, from the first SYN to
the first answer that arrived, which is when its kernel lets it go on. What belongs to the handshake is what bears SYN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from netlab.judge.directions import Direction, directions
from netlab.judge.tables import plain
from netlab.outputs._text import Line, Span, clean
from netlab.records import Call, RunRecord, Segment


@dataclass(frozen=True)
class Handshake:
    """One connection, from the call of connect (or its first SYN) on."""

    label: str
    """The endpoint that called, with its socket where it called several times: "near", "client.second". Of a program:
    its host and port."""
    began_ns: int
    took_ns: int | None
    """None: a program's, and no answer arrived."""
    error: str | None
    syns: tuple[Segment, ...]
    answers: tuple[Segment, ...]
    """The SYNs with ACK."""

    @property
    def round_trip_ns(self) -> int | None:
        """From the only SYN to the first answer that arrived; None where it was repeated: nobody knows which one."""
        came = _first(self.answers)
        return came - self.syns[0].time_ns if came is not None and len(self.syns) == 1 else None


def handshakes(record: RunRecord) -> list[Handshake]:
    """Each connection that a SYN began, in the order in which they began."""
    calls = [call for call in record.of(Call) if call.call == "connect"]
    pairs = {(segment.from_, segment.to): None for segment in record.of(Segment) if segment.flags == "S"}
    found = [
        _handshake(host, flow, calls)
        for host, peer in pairs
        if host is not None and peer is not None
        for flow in directions(record, host, peer)
        if any(one.segment.flags == "S" for one in flow.sent)
    ]
    return sorted(found, key=lambda one: one.began_ns)


def table(
    title: str, header: str, rows: Sequence[dict[str, Any]], cells: Callable[[dict[str, Any]], Sequence[Span]]
) -> Iterator[Line]:
    """A report's rows as lines, each the name of its connection and then its cells."""
    yield ((clean(title), "bold"),)
    if not rows:
        yield (("  nobody sent a SYN", "yellow"),)
        return
    width = max(len(row["connection"]) for row in rows)
    yield ((f"  {'':{width}}  {header}", "dim"),)
    for row in rows:
        yield ((f"  {row['connection']:{width}}", ""), *cells(row))


def _handshake(host: str, flow: Direction, calls: list[Call]) -> Handshake:
    syns = tuple(one.segment for one in flow.sent if "S" in one.segment.flags)
    answers = tuple(one.segment for one in flow.back if "S" in one.segment.flags)
    call = next((call for call in calls if call.host == host and _made(call, flow)), None)
    if call is None:
        came = _first(answers)
        took_ns = None if came is None else came - syns[0].time_ns
        return Handshake(f"{host}:{flow.ends[0].port}", syns[0].time_ns, took_ns, None, syns, answers)
    several = sum(other.endpoint == call.endpoint for other in calls) > 1
    label = f"{call.endpoint}.{call.socket}" if several else call.endpoint
    return Handshake(label, call.time_ns, call.end_ns - call.time_ns, call.error, syns, answers)


def _made(call: Call, flow: Direction) -> bool:
    """The call made this connection."""
    ours = flow.ends[0]
    return call.local is not None and (plain(call.local.ip), call.local.port) == (plain(ours.ip), ours.port)


def _first(answers: tuple[Segment, ...]) -> int | None:
    """When the first of these arrived."""
    return min((answer.arrived_ns for answer in answers if answer.arrived_ns is not None), default=None)
