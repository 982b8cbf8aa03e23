"""The RST that answers a segment for which there is no connection: what its numbers must be.

    the offending segment has no ACK:   <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>
    the offending segment has ACK:      <SEQ=SEG.ACK><CTL=RST>

SEG.LEN counts SYN and FIN. Source: RFC 9293 sections 3.10.7.1 and 3.5.2 (group 1); net/ipv4/tcp_ipv4.c,
tcp_v4_send_reset.
"""

from __future__ import annotations

from netlab.judge.expression import SPACE
from netlab.judge.sequence import flag_letters, span
from netlab.records import Reset, RunRecord, Segment


def segment_of(record: RunRecord, reset: Reset) -> Segment | None:
    """The RST segment that an entry of `resets` tells of; None where the record holds no such segment."""
    return next((s for s in record.of(Segment) if s.packet == reset.packet and "R" in flag_letters(s)), None)


def answered(record: RunRecord, rst: Segment) -> Segment | None:
    """The segment that an RST answers: the last one that reached its sender on this connection before it."""
    came = [
        segment
        for segment in record.of(Segment)
        if (segment.source, segment.target) == (rst.target, rst.source)
        and "R" not in flag_letters(segment)
        and reached_ns(segment, rst) <= rst.time_ns
    ]
    return max(came, key=lambda segment: reached_ns(segment, rst), default=None)


def reached_ns(segment: Segment, rst: Segment) -> float:
    """When a segment reached whoever made this RST: its receiver, or the firewall that stopped it; never: infinity."""
    nic, on_the_way, _ = (segment.lost_after or "").partition(":")
    if rst.by is not None and not on_the_way and nic.split(".")[0] == rst.by:
        return segment.time_ns
    return float("inf") if segment.arrived_ns is None else segment.arrived_ns


def breach(rst: Segment, offending: Segment) -> str:
    """What of an RST is not as the rule says; "" for nothing."""
    if "." in flag_letters(offending):
        if rst.flags != "R":
            return f"its flags are {rst.flags}; packet {offending.packet} has ACK, so they must be R"
        if rst.seq != offending.ack:
            return f"its seq is {rst.seq}; it must be the ack of packet {offending.packet}, {offending.ack}"
        return ""
    if rst.flags != "R.":
        return f"its flags are {rst.flags}; packet {offending.packet} has no ACK, so they must be R."
    wanted = (offending.seq + span(offending)) % SPACE
    if rst.seq != 0:
        return f"its seq is {rst.seq}; packet {offending.packet} has no ACK, so it must be 0"
    return "" if rst.ack == wanted else f"its ack is {rst.ack}; it must be packet {offending.packet}'s end, {wanted}"
