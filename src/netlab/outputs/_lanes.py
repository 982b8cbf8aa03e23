"""Who noticed a fault, when, and at what price: the record, seen from the fault on, one lane for each way to notice.

    fault ──┬── nothing      ─────────────────────────────────────────────▷  not in 3.6 s
            ├── keepalive    ─────────┼─────────┼─────────● ETIMEDOUT
            └── read timeout ──────────────● TIMEOUT

Rules: pure. Time counts from when the fault began. A call notices by an error or by the end of the stream; a TIMEOUT is
the lab's patience, not a notice, unless the lane says that its program gives up by it. A program notices by a line that
it writes. Of a lane's segments only those between the fault and its notice count (or the end, where there was none).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, ClassVar

from netlab.fields import STRICT, doc
from netlab.judge.moments import Moment, NoMoment, moment
from netlab.judge.tables import plain
from netlab.records import Address, Call, Fault, Output, RunRecord, Segment
from netlab.spec import Ref
from netlab.units import human_duration


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to notice: the call that ends with the news, or the program that writes it."""

    label: str = doc("What it is called in the table and the plot.")
    step: Annotated[str, Ref("step")] | None = doc("The step whose call notices.", default=None)
    gives_up: bool = doc(
        "A TIMEOUT of that call is a notice: the program's own, not the lab's patience.", default=False
    )
    program: Annotated[str, Ref("program")] | None = doc("Or the program that notices.", default=None)
    line: str | None = doc("With `program`: a regular expression for the line by which it says so.", default=None)
    port: int | None = doc("With `program`: the port of its connection, at either end.", default=None)
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT

    def __post_init__(self) -> None:
        if (self.step is None) == (self.program is None):
            raise ValueError("a way to notice is a step or a program; give one of them")
        if self.program is not None and (self.line is None or self.port is None):
            raise ValueError("a program needs the line by which it notices, and the port of its connection")
        try:
            re.compile(self.line or "")
        except re.error as problem:
            raise ValueError(f"{self.line!r} is no regular expression: {problem}; see Python's re") from None


@dataclass(frozen=True)
class Lane:
    """One way, and how it went. Times are ns since the fault."""

    label: str
    noticed_ns: int | None
    """None: it did not notice while it was watched."""
    watched_ns: int
    """Until when it was watched; the same as `noticed_ns` where it noticed."""
    by: str
    """What told it: an errno, "end of file", "TIMEOUT", a program's line; "" where nothing did."""
    segments: tuple[Segment, ...] = ()
    """All of its connection's, those from before the fault and after the notice too."""
    spent: int = 0
    """Segments that its own host sent from the fault until it noticed."""


def told(span_ns: int) -> str:
    """A span in seconds, to the hundredth, so that several compare: "0.70 s"; a short one as it is: "42 ms"."""
    return f"{span_ns / 1e9:.2f} s" if span_ns >= 100_000_000 else human_duration(span_ns)


def fault_moment(record: RunRecord, fault: str) -> Moment | None:
    """When the fault began; None where it was not played."""
    try:
        return moment(record, fault)
    except NoMoment:
        return None


def faults_after(record: RunRecord, began: Moment) -> list[tuple[int, str, bool]]:
    """What befell the network from the fault on: since when in ns, what, whether it healed something."""
    names = {step.index: step.text for step in record.events if step.kind == "step"}
    return [
        (
            fault.time_ns - began.start_ns,
            names.get(fault.step, f"{fault.fault} {fault.target}").replace(": ", " "),
            fault.action == "heal",
        )
        for fault in record.of(Fault)
        if fault.time_ns >= began.start_ns and fault.step >= 0
    ]


def lanes(record: RunRecord, began: Moment, ways: tuple[Way, ...]) -> list[Lane]:
    """Each way that was played, in their order."""
    found = [_of_call(record, began, way) if way.step else _of_program(record, began, way) for way in ways]
    return [lane for lane in found if lane is not None]


def _of_call(record: RunRecord, began: Moment, way: Way) -> Lane | None:
    try:
        index = moment(record, way.step or "").index
    except NoMoment:
        return None
    call = next((call for call in record.of(Call) if call.step == index), None)
    if call is None:
        return None
    by = call.signal or call.error or ("end of file" if call.result.get("eof") else "")
    if call.error == "TIMEOUT" and not way.gives_up:
        by = ""
    segments = [s for s in record.of(Segment) if _ends(s) == _pair(call.local, call.remote)]
    return _lane(way.label, began, call.end_ns, by, call.host, segments)


def _of_program(record: RunRecord, began: Moment, way: Way) -> Lane | None:
    written = [line for line in record.of(Output) if line.endpoint == way.program]
    host = (way.program or "").partition(".")[0]
    segments = [s for s in record.of(Segment) if host in (s.from_, s.to) and way.port in (s.source.port, s.target.port)]
    if not written and not segments:
        return None
    for line in written:
        match = re.search(way.line or "", line.line) if line.time_ns >= began.start_ns else None
        if match:
            return _lane(way.label, began, line.time_ns, match[match.lastindex or 0], host, segments)
    return _lane(way.label, began, record.duration_ns, "", host, segments)


def _lane(label: str, began: Moment, end_ns: int, by: str, host: str, segments: list[Segment]) -> Lane:
    span = max(0, end_ns - began.start_ns)
    spent = sum(s.from_ == host and 0 <= s.time_ns - began.start_ns <= span for s in segments)
    return Lane(label, span if by else None, span, by, tuple(segments), spent)


def _ends(segment: Segment) -> frozenset[tuple[str, int]]:
    return _pair(segment.source, segment.target)


def _pair(one: Address | None, other: Address | None) -> frozenset[tuple[str, int]]:
    return frozenset((plain(end.ip), end.port) for end in (one, other) if end is not None)
