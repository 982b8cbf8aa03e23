"""Relative sequence numbers, as tcpdump and Wireshark show them: the SYN is 0, the first byte of data is 1.

Rules: each direction of a connection counts by itself; where a NAT translates, both its sides are one connection. A
four-tuple that is used again gets a new start, and a number is read against the start it lies closest above: the
survivor of a half-open connection still speaks the old numbers. A SYN that a step injects into a connection starts
nothing. A direction whose SYN was not seen starts one below the first number that tells about it; a segment with the
sequence number 0 and no SYN (the RST of a closed port) keeps its 0. Numbers wrap at 2**32.
Source: RFC 9293 section 3.4.
"""

from __future__ import annotations

from netlab.judge.expression import SPACE
from netlab.records import Address, Segment


class Starts:
    """Where each direction of each connection starts; feed it every segment in order of time."""

    def __init__(self) -> None:
        self._starts: dict[tuple[Address, Address], list[int]] = {}
        self._ends: dict[tuple[Address, Address], tuple[Address, Address]] = {}
        """What a direction is called on the other side of a NAT, to what its two ends call it."""

    def learn(self, segment: Segment) -> tuple[int, int | None]:
        """Take what this segment tells, and give its relative seq and ack (None without the ACK flag)."""
        self._learn_sides(segment)
        ours, theirs = self.direction(segment)
        forged = segment.injected and ours in self._starts
        if "S" in segment.flags and not forged:
            starts = self._starts.setdefault(ours, [])
            if segment.seq not in starts:
                starts.append(segment.seq)
        else:
            self._starts.setdefault(ours, [(segment.seq - 1) % SPACE if segment.seq else 0])
        if "." not in segment.flags:
            return self.relative(ours, segment.seq), None
        self._starts.setdefault(theirs, [(segment.ack - 1) % SPACE])
        return self.relative(ours, segment.seq), self.relative(theirs, segment.ack)

    def relative(self, direction: tuple[Address, Address], number: int) -> int:
        """A number of this direction, from the start it lies closest above; from 0 where nothing told of one."""
        starts = self._starts.get(self._ends.get(direction, direction), [0])
        return min((number - start) % SPACE for start in starts)

    def direction(self, segment: Segment) -> tuple[tuple[Address, Address], tuple[Address, Address]]:
        """The four-tuple of the segment's direction and of the other one, as the two ends of the connection have it."""
        ours, theirs = (segment.source, segment.target), (segment.target, segment.source)
        return self._ends.get(ours, ours), self._ends.get(theirs, theirs)

    def _learn_sides(self, segment: Segment) -> None:
        for side in segment.sides:
            self._ends[side.source, side.target] = (segment.source, segment.target)
            self._ends[side.target, side.source] = (segment.target, segment.source)


def flag_letters(segment: Segment) -> frozenset[str]:
    """The segment's flags as a set of tcpdump's letters."""
    return frozenset("" if segment.flags == "none" else segment.flags)


def span(segment: Segment) -> int:
    """SEG.LEN: the bytes of payload, and one each for SYN and FIN. Source: RFC 9293 section 3.4."""
    return segment.length + len(flag_letters(segment) & set("SF"))
