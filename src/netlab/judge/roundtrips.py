"""Round trips, as the wire tells them: from when a host sent a segment until what acknowledged it came back.

    client ─ P. seq 1:6 ──────▶ server
           ◀────────── . ack 6 ─          the time between the two at the client's NIC

Rules: pure. A segment whose numbers were sent more than once tells nothing: nobody knows which of the copies was
answered (Karn's algorithm, RFC 6298 section 3). The acknowledgment may be for more than this segment, and may have
waited (delayed ACK): what is measured is what a TCP could measure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from netlab.judge.directions import Direction, Numbered, directions
from netlab.records import RunRecord, Segment


@dataclass(frozen=True)
class RoundTrip:
    """One segment and its acknowledgment. Times are of the sender's NIC."""

    sent_ns: int
    span_ns: int
    segment: Segment
    answer: Segment


def round_trips(record: RunRecord, from_: str, to: str, port: int | None = None) -> list[RoundTrip]:
    """Those of what `from_` sent to `to`, in the order of sending; with `port`, of connections with this port."""
    found = [trip for direction in directions(record, from_, to, port) for trip in _answered(direction)]
    return sorted(found, key=lambda trip: trip.sent_ns)


def _answered(direction: Direction) -> Iterator[RoundTrip]:
    """The round trips of one connection: each segment with the first acknowledgment of its end."""
    answers = [
        (one.segment.arrived_ns, one.ack, one.segment)
        for one in sorted(direction.back, key=lambda one: one.segment.arrived_ns or 0)
        if one.segment.arrived_ns is not None and one.ack is not None
    ]
    place = 0
    for one in _sent_once(direction.sent):
        sent_ns = one.segment.sent_ns
        if sent_ns is None:
            continue
        while place < len(answers) and (answers[place][1] < one.end or answers[place][0] < sent_ns):
            place += 1
        if place == len(answers):
            return
        arrived_ns, _, answer = answers[place]
        yield RoundTrip(sent_ns, arrived_ns - sent_ns, one.segment, answer)


def _sent_once(sent: list[Numbered]) -> list[Numbered]:
    """Those whose numbers no other segment has, by their numbers."""
    ordered = sorted((one for one in sent if one.occupies), key=lambda one: one.begin)
    found: list[Numbered] = []
    reached = 0
    for place, one in enumerate(ordered):
        following = ordered[place + 1].begin if place + 1 < len(ordered) else one.end
        if reached <= one.begin and one.end <= following:
            found.append(one)
        reached = max(reached, one.end)
    return found
