"""A record as a list of moments: what happened, where, and when, on the run's one clock.

    record ──▶ moments (here) ──▶ lines (_ladder.py)

Rules: pure. Each observation that a reader can use becomes one moment; a call that waits is told when it ended, any
other when it began, and one that took long at both. A step shows by the call or the fault it made, and by itself only
where it made neither. What the kernel told is _kernel.py's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from operator import attrgetter

from netlab.outputs import _kernel
from netlab.outputs._moment import Moment
from netlab.outputs._sequence import Connections
from netlab.outputs._text import clean, quoted
from netlab.records import Call, Exit, Fault, Frame, Output, Reset, RunRecord, Segment, Step, Trouble
from netlab.units import human_duration

WAITING_CALLS = frozenset({"accept", "receive"})
"""Calls whose end tells more than their beginning: what came, not that it was asked for."""
LONG_NS = 100_000_000
"""A call that took longer than this is told when it began and when it ended."""
LATE_NS = 5_000_000
"""A segment that was on its way longer than this says when it arrived."""
HOUSEKEEPING = ("multicast listener", "router solicitation")
"""What every IPv6 interface says when it comes up, whatever the experiment: left out."""
TELLING_DETAILS = ("how", "answer")
"""The details of a fault that its line tells."""
TEXT_ROOM = 26
"""Columns for a segment's text on its arrow."""


def moments(record: RunRecord) -> list[Moment]:
    """All moments of a run, ordered by time."""
    told = [
        *_segments(record),
        *_frames(record),
        *_kernel.states(record),
        *_kernel.observations(record),
        *_kernel.tracked(record),
        *_kernel.lookups(record),
        *_calls(record),
        *_faults(record),
        *_steps(record),
        *_programs(record),
        *(Moment(t.time_ns, "trouble", f"{t.witness}: {clean(t.what)}", style="yellow") for t in record.of(Trouble)),
    ]
    return sorted(told, key=attrgetter("time_ns"))


def addresses(record: RunRecord) -> dict[str, str]:
    """The addresses that were seen on the wire, and the hosts that own them."""
    return {segment.source.ip: segment.from_ for segment in record.of(Segment) if segment.from_}


def _segments(record: RunRecord) -> Iterator[Moment]:
    connections = Connections()
    reasons = {reset.packet: _told(reset) for reset in record.resets if reset.reason}
    segments = record.of(Segment)
    several = Connections.among(segments) > 1
    for segment in segments:
        connections.learn(segment)
        number = f"[{connections.number(segment)}] " if several else ""
        text = number + connections.describe(segment, TEXT_ROOM - len(number))
        yield Moment(
            segment.time_ns,
            "segment",
            text,
            host=segment.from_,
            peer=segment.to,
            style="bold red" if "R" in segment.flags else "",
            packet=segment.packet,
            lost=segment.arrived_ns is None,
            remark=reasons.get(segment.packet) or _maker(segment),
            late=_lateness(segment),
        )


def _told(reset: Reset) -> str:
    """A reset's reason, and whether the kernel said it."""
    return f"{reset.reason} (inferred)" if reset.reason_by == "counters" else str(reset.reason)


def _maker(segment: Segment) -> str:
    """Who put it on the wire, where that was not its sender's TCP."""
    if segment.injected:
        return "injected"
    return f"by {segment.by}" if segment.by else ""


def _lateness(segment: Segment) -> str:
    if segment.arrived_ns is None:
        switch, colon, nic = (segment.lost_after or "").partition(":")
        if colon and "." in switch:
            return f"lost in the cable of {switch}"
        if colon and nic.partition(".")[0] == segment.from_:
            return f"lost in {switch}"
        return f"lost after {switch}" if switch else "lost"
    span = segment.arrived_ns - segment.time_ns
    return f"arrives {human_duration(span)} later" if span > LATE_NS else ""


def _frames(record: RunRecord) -> Iterator[Moment]:
    for frame in record.of(Frame):
        if frame.text.startswith(HOUSEKEEPING):
            continue
        text = f"{frame.protocol} {frame.text.partition(' tell ')[0].removeprefix('destination ')}"
        yield Moment(frame.time_ns, "frame", text, frame.from_, frame.to, style="dim", packet=frame.packet)


def _calls(record: RunRecord) -> Iterator[Moment]:
    texts = {step.index: step.text for step in record.of(Step)}
    names = addresses(record)
    for call in record.of(Call):
        host = call.endpoint.partition(".")[0]
        outcome = call.signal or call.error
        style = "red" if outcome else "green"
        if call.call == "segment":  # the wire has the rest
            yield Moment(call.time_ns, "call", f"inject {call.result.get('flags', '')}".strip(), host, style=style)
            continue
        waits, long = call.call in WAITING_CALLS, call.end_ns - call.time_ns > LONG_NS
        if not waits or long:
            text = texts.get(call.step, call.call).removeprefix(f"{call.endpoint}: ")
            text = f"{call.call} …" if waits else text.removesuffix(f" error={outcome}")  # the next line says so
            yield Moment(call.time_ns, "call", text, host, style="green")
        if waits or long or outcome:
            result = outcome or (_received(call, names) if waits else "done")
            yield Moment(call.end_ns, "call", f"{call.call}: {result}", host, style=style)


def _received(call: Call, names: dict[str, str]) -> str:
    """What a waiting call returned, in a word or two."""
    received = call.result.get("bytes") or ""
    if call.result.get("eof"):
        return f"{quoted(received.encode('latin-1'), 5)}, EOF" if received else "end of file"
    if received:
        return quoted(received.encode("latin-1"), 12)
    if call.remote:
        return f"{names.get(call.remote.ip, call.remote.ip)}:{call.remote.port}"
    return "done"


def _faults(record: RunRecord) -> Iterator[Moment]:
    texts = {step.index: step.text for step in record.of(Step)}
    names = {step.index: step.name for step in record.of(Step)}
    alike = Counter((fault.fault, fault.target) for fault in record.of(Fault) if fault.action == "inject")
    for fault in record.of(Fault):
        if fault.action == "inject":
            how = next((fault.details[name] for name in TELLING_DETAILS if name in fault.details), None)
            if alike[fault.fault, fault.target] > 1:  # which of them, as `heal` names it
                how = names.get(fault.step, how)
            text = f"✗ {fault.fault} {fault.target}" + (f" ({how})" if isinstance(how, str) else "")
            yield Moment(fault.time_ns, "fault", clean(text), style="magenta")
        else:
            text = texts.get(fault.step, f"heal {fault.fault} {fault.target} (the run ends)")
            text = clean(f"✓ {text}".replace(": ", " ", 1))
            yield Moment(_healed_ns(fault, record), "healing", text, style="magenta")


def _healed_ns(fault: Fault, record: RunRecord) -> int:
    """When a healing was done, or let the first segment through before that."""
    arrivals = [segment.arrived_ns for segment in record.of(Segment) if segment.arrived_ns is not None]
    return min((at for at in arrivals if fault.time_ns <= at <= fault.end_ns), default=fault.end_ns)


def _steps(record: RunRecord) -> Iterator[Moment]:
    shown = {call.step for call in record.of(Call)} | {fault.step for fault in record.of(Fault)}
    for step in record.of(Step):
        if step.error:
            yield Moment(step.end_ns, "step", clean(f"{step.text}: {step.error}"), style="red")
        elif step.index not in shown:
            took = step.end_ns - step.time_ns
            after = f" (took {human_duration(took)})" if took > LATE_NS else ""
            yield Moment(step.end_ns, "step", clean(step.text) + after, style="blue")


def _programs(record: RunRecord) -> Iterator[Moment]:
    for output in record.of(Output):
        host, _, name = output.endpoint.partition(".")
        yield Moment(output.time_ns, "program", f"{name or host}: {output.line}", host, style="dim")
    for end in record.of(Exit):
        host, _, name = end.endpoint.partition(".")
        how = f"ended by {end.signal}" if end.signal else f"ended: status {end.status}"
        if name or end.signal or end.status:
            style = "red" if end.signal or end.status else "dim"
            yield Moment(end.time_ns, "program", f"{name} {how}".strip(), host, style=style)
