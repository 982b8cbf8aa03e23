"""Why the wire and the script part: the nearest cause, in one sentence.

Rules: pure; says only what the record shows, and names the packet. What a segment is (a retransmission, an escaped
FIN, a reset) is said before how it differs from the line; what did not come is explained by what came last.
"""

from __future__ import annotations

from netlab.judge.compare import Slot, flags_text
from netlab.judge.evidence import at, packet, quoted
from netlab.judge.match import Failure
from netlab.judge.sequence import flag_letters, span
from netlab.judge.tape import Entry, Tape, sent_ns
from netlab.records import Call, Fault, ResetSent, RunRecord, Segment

SENDING_CALLS = frozenset({"connect", "send", "shutdown", "close"})
"""Calls that put a segment on the wire: where one fails, none is sent."""


def cause(failure: Failure, tape: Tape, record: RunRecord) -> str:
    """The nearest cause of this failure."""
    if failure.entry is None:
        assert failure.slot is not None
        return _of_missing(failure.slot, tape, record)
    return _of_unexpected(failure, failure.entry, tape, record)


def _of_unexpected(failure: Failure, entry: Entry, tape: Tape, record: RunRecord) -> str:
    segment = entry.event
    name = f"packet {segment.packet}"
    if not isinstance(segment, Segment):
        return f"{name} is not what the script has here"
    first = original(entry, tape)
    if first is not None:
        fate = "" if first.arrived_ns is not None else f", which was {lost(first)}"
        return f"{name} is a retransmission of packet {first.packet}{fate}"
    if failure.skipped is not None:
        return f"line {failure.skipped.number} is missing: {name} fits the line after it"
    wanted = frozenset[str]().union(*failure.slot.line.flags) if failure.slot else frozenset[str]()
    kinds = {difference.kind for difference in failure.differences}
    if "F" in flag_letters(segment) and "F" not in wanted:
        return f"the FIN of {segment.from_} {_way_out(segment, record)}: {name}"
    if "R" in flag_letters(segment) and "R" not in wanted:
        return f"{segment.from_} sent an RST that the script does not have here: {name}{_reason(segment, record)}"
    if failure.slot is not None and failure.differences and "who" not in kinds and kinds != {"flags", "data"}:
        return f"{name} is not as line {failure.slot.line.number} says: " + _and(failure)
    if failure.slot is None:
        return f"{name} comes after the script's last line"
    return f"no line of the script is for {name} here: " + _and(failure)


def _and(failure: Failure) -> str:
    return ", and ".join(difference.text for difference in failure.differences)


def original(entry: Entry, tape: Tape) -> Segment | None:
    """The earlier segment that this one repeats: the same place in the same connection's sequence space."""
    segment = entry.event
    if not isinstance(segment, Segment) or not span(segment):
        return None
    for earlier in tape.entries[: entry.index]:
        other = earlier.event
        if isinstance(other, Segment) and (other.source, other.target) == (segment.source, segment.target):
            same = other.seq == segment.seq and span(other) == span(segment)
            if same and flag_letters(other) - {"P"} == flag_letters(segment) - {"P"}:
                return other
    return None


def lost(segment: Segment) -> str:
    """ "lost after router:server.nic-a"."""
    return f"lost after {segment.lost_after}" if segment.lost_after else "never seen to arrive"


def _way_out(segment: Segment, record: RunRecord) -> str:
    faults = [fault for fault in record.of(Fault) if fault.time_ns <= sent_ns(segment)]
    if not faults:
        return "is not in the script here"
    last = faults[-1]
    return f"escaped after {'the healing of ' if last.action == 'heal' else ''}{last.fault} {last.target}"


def _reason(segment: Segment, record: RunRecord) -> str:
    reason = next((reset.reason for reset in record.resets if reset.packet == segment.packet), None)
    return f" ({reason})" if reason else ""


def what(slot: Slot) -> str:
    """What the line waits for, in one word: "RST", "FIN", "data"."""
    line = slot.line
    if line.protocol:
        return line.protocol
    letters = frozenset[str]().union(*line.flags)
    if line.payload:
        return quoted(line.payload)
    names = {"R": "RST", "F": "FIN", "S": "SYN-ACK" if "." in letters else "SYN", "P": "data", ".": "ACK"}
    return next((name for letter, name in names.items() if letter in letters), "segment")


def _of_missing(slot: Slot, tape: Tape, record: RunRecord) -> str:
    line, since = slot.line, slot.after.start_ns if slot.after else 0
    head = f"no {what(slot)}: "
    after = f" after {slot.after.name}" if slot.after else ""
    sender, receiver = line.source.host or line.source.text, line.target.host or line.target.text
    made = [event for event in record.of(ResetSent) if event.time_ns >= since]
    if "R" in flags_text(line) and made:
        return f"{head}the kernel made one at {at(made[-1].time_ns)}, but it never reached the wire"
    segments = [e.event for e in tape.entries if isinstance(e.event, Segment) and e.sent_ns >= since]
    theirs = [segment for segment in segments if segment.from_ == receiver and segment.to == sender]
    if _answers(slot) and not theirs:
        return f"{head}the {receiver} never sent{after or ' anything'}"
    if _answers(slot):
        last = theirs[-1]
        if last.arrived_ns is None:
            return f"{head}what it would answer, {packet(last)}, was {lost(last)}"
        return f"{head}{sender} did not answer {packet(last)}"
    return head + _not_sent(sender, since, after, record)


def _answers(slot: Slot) -> bool:
    """The line is something that a host sends because something came: RST, SYN-ACK, a bare ACK."""
    letters = frozenset[str]().union(*slot.line.flags)
    return "R" in letters or ("." in letters and not letters & {"P", "F"} and slot.line.length is None)


def _not_sent(sender: str, since: int, after: str, record: RunRecord) -> str:
    late = [call for call in record.of(Call) if call.host == sender and call.time_ns >= since]
    calls = [call for call in late if call.error and call.call in SENDING_CALLS]
    if calls:
        return f"{sender}'s {calls[0].call} gave {calls[0].error} at {at(calls[0].end_ns)}"
    if record.interrupted:
        return f"the run ended early ({record.interrupted})"
    return f"{sender} never sent it{after}"
