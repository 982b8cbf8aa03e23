"""One line of a script against one entry of the tape: what differs, in words.

Rules: pure; `differences` is lazy, so that asking only whether there is one is cheap. Flags are compared as sets. A
relation to another line (`seq=ack(previous)`) compares absolute numbers; a bare number the relative one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from netlab.judge.evidence import at, quoted
from netlab.judge.expression import PREVIOUS, SPACE, Expression
from netlab.judge.line import LETTERS, Line, Place
from netlab.judge.moments import Moment
from netlab.judge.sequence import flag_letters
from netlab.judge.tape import Entry, Tape, named
from netlab.records import Address, Frame, Segment
from netlab.units import human_duration

KEPT_PAYLOAD = 1024
"""Bytes of a segment's payload that the record keeps (records.Segment.payload)."""


@dataclass(frozen=True)
class Difference:
    """One thing that is not as the line says."""

    kind: Literal["who", "what", "flags", "data", "number", "time"]
    text: str


@dataclass(frozen=True)
class Slot:
    """A line and the barriers around it."""

    line: Line
    after: Moment | None = None
    """The last barrier before it."""
    before: Moment | None = None
    """The first barrier after it."""


def differences(slot: Slot, entry: Entry, tape: Tape, bound: Mapping[str, int]) -> Iterator[Difference]:
    """What of the entry is not as the line says; `bound` are the entries that labelled lines matched."""
    line, event = slot.line, entry.event
    yield from _who(line, event, tape)
    if isinstance(event, Frame) or line.protocol is not None:
        yield from _frame(line, event)
    else:
        yield from _flags(line, event)
        yield from _data(line, event, tape, entry, bound)
        yield from _numbers(line, event, tape, entry, bound)
    yield from _time(slot, entry, tape)


def _who(line: Line, event: Segment | Frame, tape: Tape) -> Iterator[Difference]:
    sent, arrived = (event.as_sent, event.as_arrived) if isinstance(event, Segment) else (None, None)
    sides = (event.sides or (event.as_sent,)) if isinstance(event, Segment) else ()
    sources: list[Address | None] = [side.source for side in sides] or [None]
    targets: list[Address | None] = [side.target for side in sides] or [None]
    for place, host, ends, word in (
        (line.source, event.from_, sources, "sender"),
        (line.target, event.to, targets, "receiver"),
    ):
        if not any(_at(place, host, end) for end in ends):
            yield Difference("who", f"its {word} is {host or ends[0] or 'unknown'}, not {place.text}")
    pairs = ((sent.source, sent.target), (arrived.target, arrived.source)) if sent and arrived else ((), ())
    for place, pair in zip((line.source, line.target), pairs):
        if place.socket and pair not in tape.sockets.get((place.host or "", place.socket), ()):
            yield Difference("who", f"it is not of the socket {place.text}")


def _at(place: Place, host: str | None, end: Address | None) -> bool:
    return (
        place.host in (None, host)
        and (place.ip is None or (end is not None and end.ip == place.ip))
        and (place.port is None or (end is not None and end.port == place.port))
    )


def _frame(line: Line, event: Segment | Frame) -> Iterator[Difference]:
    if isinstance(event, Segment):
        yield Difference("what", f"it is TCP, not {line.protocol}")
    elif line.protocol is None or not named(line.protocol, event):
        yield Difference("what", f"it is {event.protocol}, not {line.protocol or 'TCP'}")
    elif line.words not in event.text:
        yield Difference("what", f"it says {event.text!r}, not {line.words!r}")


def _flags(line: Line, segment: Segment) -> Iterator[Difference]:
    if line.flags and flag_letters(segment) not in line.flags:
        yield Difference("flags", f"its flags are {segment.flags}, not {flags_text(line)}")


def flags_text(line: Line) -> str:
    """The line's flags in tcpdump's order."""
    return "|".join("".join(sorted(flags, key=LETTERS.index)) or "none" for flags in line.flags) or "any"


def _data(line: Line, segment: Segment, tape: Tape, entry: Entry, bound: Mapping[str, int]) -> Iterator[Difference]:
    if line.payload is not None:
        same = segment.length == len(line.payload) and segment.payload == line.payload[:KEPT_PAYLOAD]
        if not same:
            yield Difference("data", f"its payload is {quoted(segment.payload)}, not {quoted(line.payload)}")
    if isinstance(line.length, Expression):
        wanted = _value(line.length, tape, entry, bound)
        if wanted != segment.length:
            yield Difference("data", f"it carries {segment.length} bytes, not {line.length.text}{_is(wanted)}")
    if line.payload is None and line.length is None and line.flags:
        if "P" in flag_letters(segment):
            if not segment.length:
                yield Difference("data", "it carries no data")
        elif segment.length:
            yield Difference("data", f"it carries {segment.length} bytes where the line names none")


def _is(wanted: int | None) -> str:
    return "" if wanted is None else f" (which is {wanted})"


def _numbers(line: Line, segment: Segment, tape: Tape, entry: Entry, bound: Mapping[str, int]) -> Iterator[Difference]:
    has_ack = entry.ack is not None
    for name, asked, absolute, relative in (
        ("seq", line.seq, segment.seq, entry.seq),
        ("ack", line.ack, segment.ack if has_ack else None, entry.ack),
    ):
        if asked is None:
            continue
        wanted = _value(asked, tape, entry, bound)
        seen = absolute if asked.absolute else relative
        if wanted is None:
            yield Difference("number", f"{name}={asked.text} refers to a segment that was not seen")
        elif seen is None:
            yield Difference("number", f"it has no {name}, the line asks for {asked.text}")
        elif wanted != seen:
            yield Difference("number", f"its {name} is {seen}, not {asked.text}{_is(wanted) if asked.labels else ''}")
    if line.window is not None and segment.window != line.window:
        yield Difference("number", f"its window is {segment.window}, not {line.window}")
    for option in line.options:
        if not any(seen_option == option or seen_option.split(" ")[0] == option for seen_option in segment.options):
            yield Difference("number", f"it has no option {option}")


def _value(asked: Expression, tape: Tape, entry: Entry, bound: Mapping[str, int]) -> int | None:
    def look_up(field: str, of: str) -> int | None:
        index = entry.previous if of == PREVIOUS else bound.get(of)
        segment = tape.entries[index].event if index is not None else None
        if not isinstance(segment, Segment):
            return None
        return {"seq": segment.seq, "ack": segment.ack, "len": segment.length}[field] % SPACE

    return asked.value(look_up)


def _time(slot: Slot, entry: Entry, tape: Tape) -> Iterator[Difference]:
    if slot.after and entry.sent_ns < slot.after.start_ns:
        yield Difference("time", f"it was sent before {slot.after.name} began at {at(slot.after.start_ns)}")
    if slot.before and entry.sent_ns >= slot.before.end_ns:
        yield Difference("time", f"it was sent after {slot.before.name} had ended at {at(slot.before.end_ns)}")
    if slot.line.within_ns is None:
        return
    base, since = base_of(slot, entry, tape)
    if entry.sent_ns - base > slot.line.within_ns:
        late, limit = human_duration(entry.sent_ns - base), human_duration(slot.line.within_ns)
        yield Difference("time", f"it was sent {late} after {since}, more than {limit}")


def base_of(slot: Slot, entry: Entry, tape: Tape) -> tuple[int, str]:
    """What `within` counts from: the segment before it, or the end of a barrier that stands between the two."""
    previous = None if entry.previous is None else tape.entries[entry.previous]
    if slot.after and (previous is None or previous.sent_ns < slot.after.start_ns):
        return slot.after.end_ns, slot.after.name
    if previous is None:
        return 0, "the run began"
    return previous.sent_ns, f"packet {previous.event.packet}"
