"""One RST, as three witnesses tell it: what the wire showed, matched with what the kernel says it did.

Rules: pure. One entry for each RST that a host sent; the kernel's word is matched to it, never merged: a reset that
the kernel traced may not have reached the wire (NIC down), and an RST on the wire need not come from a TCP (but from a
firewall's reject, or a forger). Where tracepoints are silent, the counters and the socket table are asked
(judge/inference). Where two answers are possible there is no reason, and `why_unknown` says so.

Source: RFC 9293 section 3.10.7.1 (judge/rule); include/net/rstreason.h (the reasons); tcp_v4_send_reset is traced
before the RST leaves, tcp_send_active_reset after it.
"""

from __future__ import annotations

from dataclasses import dataclass

from netlab.judge.inference import Inference
from netlab.judge.sequence import flag_letters
from netlab.judge.tables import same
from netlab.records import NO_REASONS, Counters, Reset, ResetReceived, ResetSent, Segment, SocketTable

__all__ = ["derive"]

NEAR_NS = 2_000_000
"""Between the trace of a reset and the stamp of its RST at the NIC, where nothing delays it: some 20 µs here."""
AFTER_REPLY_NS, AFTER_ACTIVE_NS = 200_000, 20_000_000
"""How much later than the wire's stamp the trace may come. A reply is traced before it is sent: only the clocks' offset
errs. An active reset is traced when its RST has been delivered, and the task may lose its CPU in between."""


def derive(
    segments: list[Segment],
    sent: list[ResetSent],
    received: list[ResetReceived],
    counters: list[Counters],
    tables: list[SocketTable],
    witness: str = "full",
) -> tuple[Reset, ...]:
    """Every RST that a host sent, by time, with its reason where a witness can tell.

    `witness` is what the kernel's witness says of itself (Environment.witnesses).
    """
    inference = Inference(segments, counters, tables)
    unmatched = sorted(sent, key=lambda event: event.time_ns)
    resets = []
    for rst in sorted((each for each in segments if is_sent_rst(each)), key=lambda each: each.time_ns):
        offender = inference.offending(rst)
        match = Match("", None) if rst.injected or rst.by else find(rst, is_reply(rst, offender), unmatched)
        if match.event is not None:
            unmatched.remove(match.event)
        silent = _silence(witness, bool(sent or received) and match.event is None)
        reason, by, why = _reason(rst, offender, match, inference, silent)
        answers = offender.packet if offender is not None else None
        numbers = (rst.flags, rst.seq, rst.packet)
        resets.append(Reset(rst.time_ns, rst.from_, rst.to, *numbers, reason, by, why, answers, rst.by))
    return tuple(resets)


def is_sent_rst(segment: Segment) -> bool:
    """An RST that was seen at its sender's NIC."""
    return "R" in flag_letters(segment) and segment.sent_ns is not None


# --- the kernel's word ---


@dataclass(frozen=True)
class Match:
    """The event that is this RST's, or why none can be named ("" where none fits at all)."""

    problem: str
    event: ResetSent | None
    reason: str | None = None


def is_reply(rst: Segment, offender: Segment | None) -> bool:
    """Whether a segment drew this RST. A socket's own RST always has ACK; a reply has it where the offender had none.

    Source: RFC 9293 section 3.10.7.1; net/ipv4/tcp_output.c, tcp_send_active_reset (TCPHDR_ACK | TCPHDR_RST).
    """
    return "." not in rst.flags or (offender is not None and "." not in offender.flags)


def find(rst: Segment, reply: bool, events: list[ResetSent]) -> Match:
    """The kernel's event of this RST among those that no earlier RST took; `reply`: a segment drew it."""
    last_ns = rst.time_ns + (AFTER_REPLY_NS if reply else AFTER_ACTIVE_NS)
    fits = [event for event in events if is_of(event, rst) and event.time_ns <= last_ns]
    near = [event for event in fits if abs(rst.time_ns - event.time_ns) <= NEAR_NS]
    chosen = near or fits
    if not chosen:
        return Match("", None)
    closest = min(chosen, key=lambda event: abs(event.time_ns - rst.time_ns))
    certain = all(event.candidates == 1 for event in chosen)
    if len(chosen) == 1 and (certain or near):
        return Match("", closest, closest.reason)
    if certain and len({event.reason for event in chosen}) == 1:
        return Match("", closest, closest.reason)
    rivals = max(len(chosen), closest.candidates)
    return Match(f"{rivals} resets that the kernel traced could be this one", closest)


def is_of(event: ResetSent, rst: Segment) -> bool:
    """The event is of this RST's path. A listening socket's event says neither its address nor where the RST went."""
    if event.host not in (None, rst.from_):
        return False
    if event.target.port == 0:
        return event.source.port == rst.source.port
    return same(event.source, rst.as_sent.source) and same(event.target, rst.as_sent.target)


def _reason(
    rst: Segment, offender: Segment | None, match: Match, inference: Inference, silent: str
) -> tuple[str | None, str | None, str | None]:
    """(reason, reason_by, why_unknown)."""
    if rst.by is not None and not rst.injected:
        return None, None, f"{rst.by} put it on the wire in the name of {rst.from_}: a firewall's RST, no TCP's"
    if rst.injected:
        return None, None, "a step of the lab put it on the wire: a forger's RST, which no kernel made"
    if match.problem:
        return None, None, match.problem
    if match.reason is not None:
        return match.reason, "tracepoint", None
    reason, why = inference.reason(rst, offender)
    if reason is not None:
        return reason, "counters", None
    return None, None, f"{silent}; {why}"


def _silence(witness: str, nothing_fits: bool) -> str:
    """Why the tracepoints do not tell a reset's reason. Before Linux 6.10 a reset of no socket is not traced at all."""
    if witness.startswith(NO_REASONS):
        return "its reason is unknown to this kernel"
    return "no tracepoint event fits it" if nothing_fits else "no tracepoint tells its reason"
