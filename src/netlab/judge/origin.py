"""Where an RST came from, in one sentence.

Rules: pure. The kernel's reason decides (a tracepoint's or one that follows from the counters); NO_SOCKET alone is not
enough for "half-open": a port where nobody listened, and an end that had said FIN, answer with the same RST. Without a
reason the sentence says what the wire alone tells. Source: include/net/rstreason.h, enum sk_rst_reason; RFC 9293
sections 3.5.1, 3.5.2 and 3.10.7.
"""

from __future__ import annotations

from netlab.judge.evidence import carried
from netlab.judge.rule import segment_of
from netlab.judge.sequence import flag_letters
from netlab.records import Fault, Reset, RunRecord, Segment

REASONS = {
    "TCP_ABORT_ON_DATA": "its kernel still held the socket that its program had closed (an orphan), and data came that "
    "nobody could read",
    "TCP_ABORT_ON_CLOSE": "its program closed the socket before it had read all that had come (RFC 2525 section 2.17)",
    "TCP_ABORT_ON_LINGER": "its program closed the socket, and the FIN-WAIT-2 it may linger in was used up",
    "TCP_ABORT_ON_MEMORY": "its kernel had no memory left for orphaned sockets",
    "TCP_STATE": "its program aborted the connection: close() with SO_LINGER 0, or disconnect",
    "TCP_KEEPALIVE_TIMEOUT": "its keepalive probes had not been answered",
    "TCP_TIMEWAIT_SOCKET": "its program had closed the connection, which was in TIME-WAIT or FIN-WAIT-2: this came too "
    "late",
    "TCP_INVALID_ACK_SEQUENCE": "the segment acknowledged something outside of the window",
    "TCP_ACK_UNSENT_DATA": "the segment acknowledged data that had not been sent",
    "TCP_TOO_OLD_ACK": "the segment's acknowledgment was too old (RFC 5961 section 5.2)",
    "TCP_OLD_ACK": "the segment's acknowledgment was old",
    "TCP_RFC7323_PAWS": "the segment's timestamp was older than the last one (PAWS, RFC 7323 section 5)",
    "TCP_FLAGS": "the segment's flags made no sense in that state",
    "INVALID_SYN": "the handshake could not be completed: its accept queue was full (tcp_abort_on_overflow), or a "
    "second SYN came in the middle of it",
}
"""Reasons whose sentence needs nothing else."""


def explain_reset(record: RunRecord, reset: Reset) -> str:
    """One sentence on where this RST came from."""
    sender = reset.from_ or "nobody"
    head = f"packet {reset.packet}: {sender} sent {reset.flags}"
    rst = segment_of(record, reset)
    if rst is not None and rst.injected:
        return f"{head}: a step of the lab put it on the wire; no TCP made it"
    if reset.by is not None:
        return f"{head}{_to(record, reset)}: the firewall of {reset.by} made it in the name of {sender}; no TCP did"
    if reset.reason == "NO_SOCKET":
        return f"{head}{_to(record, reset)}: {_no_socket(record, sender, rst)}{_inferred(reset)}"
    if reset.reason in REASONS:
        return f"{head}{_to(record, reset)}: {REASONS[reset.reason]} ({reset.reason}){_inferred(reset)}"
    if reset.reason is not None:
        return f"{head}{_to(record, reset)}: the kernel's reason is {reset.reason}{_inferred(reset)}"
    if _rejecting(record, reset):
        return f"{head}{_to(record, reset)}: the firewall of a `reject` fault made it"
    why = reset.why_unknown or "no witness told its reason"
    return f"{head}{_to(record, reset)}: where it came from is unknown ({why})"


def offender(record: RunRecord, reset: Reset) -> Segment | None:
    """The segment that an RST answers; None for one that a socket sent of its own accord."""
    if reset.answers is None:
        return None
    return next((segment for segment in record.of(Segment) if segment.packet == reset.answers), None)


def _to(record: RunRecord, reset: Reset) -> str:
    segment = offender(record, reset)
    return f" to {described(segment)}" if segment is not None else ""


def described(segment: Segment) -> str:
    """A segment by what it carried: "world" in quotes, its SYN, or its packet number."""
    if segment.payload:
        return f"{carried(segment)} (packet {segment.packet})"
    letters = flag_letters(segment)
    name = "the SYN" if "S" in letters else "the FIN" if "F" in letters else "an ACK"
    return f"{name}, packet {segment.packet}"


def _no_socket(record: RunRecord, sender: str, rst: Segment | None) -> str:
    if rst is None:
        return "it had no socket for that (NO_SOCKET)"
    earlier = [s for s in record.of(Segment) if s.time_ns < rst.time_ns and not s.injected]
    ours = [s for s in earlier if (s.source, s.target) == (rst.source, rst.target)]
    began = [s.time_ns for s in ours if "S" in flag_letters(s)]
    if not began:
        return "it had no socket there: nobody listened, and there had been no connection (NO_SOCKET)"
    said = [s for s in ours if s.time_ns >= began[-1] and s.arrived_ns is not None and flag_letters(s) & {"F", "R"}]
    if said:
        word = "FIN" if "F" in flag_letters(said[0]) else "RST"
        told = f"{word}, packet {said[0].packet}"
        return f"it had given the connection up and said so ({told}); this came too late (NO_SOCKET)"
    return "it knew nothing of the connection any more and had never said so: a half-open connection (NO_SOCKET)"


def _inferred(reset: Reset) -> str:
    """Counters are a weaker witness than a tracepoint: say so."""
    return "; the reason follows from the counters and the socket table" if reset.reason_by == "counters" else ""


def _rejecting(record: RunRecord, reset: Reset) -> bool:
    """A `reject` fault was in effect when the RST was sent."""
    faults = [f for f in record.of(Fault) if f.fault == "reject" and f.time_ns <= reset.time_ns]
    return sum(1 if fault.action == "inject" else -1 for fault in faults) > 0
