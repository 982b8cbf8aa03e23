"""Handshakes, as the wire and the program tell them: one for each call of connect.

Rules: pure. Times are ns since the call began. What belongs to the handshake is what bears SYN, either way.
"""

from __future__ import annotations

from dataclasses import dataclass

from netlab.judge.directions import Direction, directions
from netlab.judge.tables import plain
from netlab.records import Call, RunRecord, Segment


@dataclass(frozen=True)
class Handshake:
    """One call of connect, and what it put on the wire."""

    label: str
    """The endpoint that called it, or its socket where the endpoint made several: "near", "client.dial-2"."""
    began_ns: int
    took_ns: int
    error: str | None
    syns: tuple[Segment, ...]
    answers: tuple[Segment, ...]
    """The SYNs with ACK."""

    @property
    def round_trip_ns(self) -> int | None:
        """From the only SYN to the first answer that arrived; None where it was repeated: nobody knows which one."""
        came = [answer.arrived_ns for answer in self.answers if answer.arrived_ns is not None]
        return min(came) - self.syns[0].time_ns if came and len(self.syns) == 1 else None


def handshakes(record: RunRecord) -> list[Handshake]:
    """Each call of connect, in the order in which they began."""
    calls = sorted((call for call in record.of(Call) if call.call == "connect"), key=lambda call: call.time_ns)
    several = {call.endpoint for call in calls if sum(other.endpoint == call.endpoint for other in calls) > 1}
    hosts = {(call.host, segment.to) for call in calls for segment in record.of(Segment) if segment.from_ == call.host}
    flows = [(host, flow) for host, peer in sorted(hosts, key=str) if peer for flow in directions(record, host, peer)]
    return [
        Handshake(
            label=f"{call.endpoint}.{call.socket}" if call.endpoint in several else call.endpoint,
            began_ns=call.time_ns,
            took_ns=call.end_ns - call.time_ns,
            error=call.error,
            syns=tuple(one.segment for flow in mine for one in flow.sent if "S" in one.segment.flags),
            answers=tuple(one.segment for flow in mine for one in flow.back if "S" in one.segment.flags),
        )
        for call in calls
        for mine in [[flow for host, flow in flows if host == call.host and _is_of(flow, call)]]
    ]


def _is_of(flow: Direction, call: Call) -> bool:
    """The connection is the one that the call made."""
    ours = flow.ends[0]
    return call.local is not None and (plain(call.local.ip), call.local.port) == (plain(ours.ip), ours.port)
