"""Connections by number, and their segments in tcpdump's words, with relative sequence numbers (judge/sequence)."""

from __future__ import annotations

from collections.abc import Iterable

from netlab.judge.sequence import Starts
from netlab.outputs._text import quoted
from netlab.records import Address, Segment


class Connections:
    """The connections of a run, in the order in which they appear on the wire; feed it every segment in order."""

    def __init__(self) -> None:
        self._starts = Starts()
        self._numbers: dict[frozenset[Address], int] = {}

    def number(self, segment: Segment) -> int | None:
        """The number of the segment's connection, from 1; None where no segment of it was seen."""
        return self._numbers.get(frozenset(self._starts.direction(segment)[0]))

    def __len__(self) -> int:
        return len(self._numbers)

    @classmethod
    def among(cls, segments: Iterable[Segment]) -> int:
        """How many connections these segments are of."""
        connections = cls()
        for segment in segments:
            connections.learn(segment)
        return len(connections)

    def learn(self, segment: Segment) -> None:
        """Take the starts that this segment tells."""
        self._starts.learn(segment)
        self._numbers.setdefault(frozenset(self._starts.direction(segment)[0]), len(self._numbers) + 1)

    def describe(self, segment: Segment, width: int) -> str:
        """The segment in tcpdump's words, at most `width` columns wide: `P. seq 1:6 ack 1 "hello"`."""
        words = [segment.flags]
        seq = self._starts.relative((segment.source, segment.target), segment.seq)
        if segment.length:
            words.append(f"seq {seq}:{seq + segment.length}")
        elif set(segment.flags) & set("SFR"):
            words.append(f"seq {seq}")
        if "." in segment.flags:
            words.append(f"ack {self._starts.relative((segment.target, segment.source), segment.ack)}")
        text = " ".join(words)
        room = width - len(text) - 3
        return f"{text} {quoted(segment.payload, room)}" if segment.payload and room >= 3 else text
