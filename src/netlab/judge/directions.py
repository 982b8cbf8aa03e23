"""One direction of each connection, with relative numbers: what a host sent to another, and what came back for it.

Rules: pure. A connection is its two ends; where a four-tuple is used again, both uses are one. See sequence.py for the
numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from netlab.judge.sequence import Starts, flag_letters
from netlab.records import Address, RunRecord, Segment


@dataclass(frozen=True)
class Numbered:
    """A segment with its relative numbers: it occupies those from `begin` to before `end`."""

    segment: Segment
    begin: int
    end: int
    ack: int | None

    @property
    def occupies(self) -> bool:
        """It has data, SYN or FIN: only such segments are acknowledged, and sent again. RFC 9293 section 3.4."""
        return self.end > self.begin


@dataclass
class Direction:
    """What one end sent, in order of sending, and what came back."""

    ends: tuple[Address, Address]
    sent: list[Numbered] = field(default_factory=list)
    back: list[Numbered] = field(default_factory=list)


def directions(record: RunRecord, from_: str, to: str, port: int | None = None) -> list[Direction]:
    """Each connection of these hosts as `from_` sees it, in order of appearance; with `port`, those with that port."""
    found: dict[tuple[Address, Address], Direction] = {}
    starts = Starts()
    for segment in record.of(Segment):
        seq, ack = starts.learn(segment)
        if (segment.from_, segment.to) not in ((from_, to), (to, from_)):
            continue
        if port not in (None, segment.source.port, segment.target.port):
            continue
        ours, theirs = starts.direction(segment)
        out = segment.from_ == from_
        ends = ours if out else theirs
        direction = found.setdefault(ends, Direction(ends))
        one = Numbered(segment, seq, seq + segment.length + len(flag_letters(segment) & {"S", "F"}), ack)
        (direction.sent if out else direction.back).append(one)
    return list(found.values())
