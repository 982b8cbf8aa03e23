"""What was on the wire, in the order in which it was sent, ready to be compared with the lines of a script.

Rules: one entry for each TCP segment (the sender's sighting), whoever sent it; a host's segments to itself only where a
line names such; frames that are not TCP only where a line names their protocol. `previous` of an entry is the segment
before it: matching is strict, so that is what the line before it matched.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Union

from netlab.judge.evidence import at, segment_text
from netlab.judge.script import Line, Script
from netlab.judge.sequence import Starts
from netlab.records import Address, Call, Frame, RunRecord, Segment

FourTuple = tuple[Address, Address]


@dataclass(frozen=True)
class Entry:
    """A segment or frame at its place in the order of sending."""

    index: int
    event: Union[Segment, Frame]
    seq: int = 0
    """Relative to the connection's start."""
    ack: int | None = None
    previous: int | None = None
    """Index of the segment before it."""

    @property
    def sent_ns(self) -> int:
        """When its sender sent it."""
        return sent_ns(self.event)

    def text(self) -> str:
        """In one line, with the packet's number and time."""
        event = self.event
        if isinstance(event, Frame):
            shown = f"{event.from_ or '?'} > {event.to or 'any'} {event.protocol} {event.text}"
        else:
            shown = segment_text(event, self.seq, self.ack)
        return f"packet {event.packet} at {at(self.sent_ns)}: {shown}"


@dataclass(frozen=True)
class Tape:
    """All entries, and the four-tuples that the named sockets have."""

    entries: list[Entry]
    sockets: dict[tuple[str, str], set[FourTuple]]


def sent_ns(event: Segment | Frame) -> int:
    """When its sender sent it; where the sender's NIC did not see it, when it was first seen."""
    sent = event.sent_ns if isinstance(event, Segment) else None
    return event.time_ns if sent is None else sent


def tape(record: RunRecord, script: Script) -> Tape:
    """What of this record is to be compared with this script."""
    segments = record.of(Segment)
    if not any(to_itself(line) for line in script.lines()):
        segments = [segment for segment in segments if segment.from_ is None or segment.from_ != segment.to]
    frames = [frame for frame in record.of(Frame) if any(named(protocol, frame) for protocol in script.protocols())]
    return Tape(list(_entries([*segments, *frames])), _sockets(record.of(Call)))


def to_itself(line: Line) -> bool:
    """The line names a segment from a host to itself."""
    return line.source.host is not None and line.source.host == line.target.host


def named(protocol: str, frame: Frame) -> bool:
    """A line of this protocol can mean the frame; `icmp` stands for that of either family."""
    return frame.protocol == protocol or (protocol == "icmp" and frame.protocol == "icmp6")


def _entries(events: Iterable[Segment | Frame]) -> Iterable[Entry]:
    starts, previous = Starts(), None
    for index, event in enumerate(sorted(events, key=lambda event: (sent_ns(event), event.packet))):
        if isinstance(event, Frame):
            yield Entry(index, event, previous=previous)
            continue
        seq, ack = starts.learn(event)
        yield Entry(index, event, seq, ack, previous)
        previous = index


def _sockets(calls: list[Call]) -> dict[tuple[str, str], set[FourTuple]]:
    """(host, socket name) to (local, remote), for every socket that was connected when some call used it."""
    known: dict[tuple[str, str], set[FourTuple]] = {}
    for call in calls:
        if call.local and call.remote:
            known.setdefault((call.host, call.socket), set()).add((call.local, call.remote))
    return known
