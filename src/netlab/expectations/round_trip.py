"""round-trip: how long acknowledgments took to come back, between two steps or in the whole run.

Rules: see judge/roundtrips.py for what is measured. Where nothing was measured the check fails: there was nothing that
took so long, or so short.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from netlab.expectations import Expectation, doc
from netlab.judge.evidence import failed, packet, passed, unknown, wire_doubt
from netlab.judge.moments import NoMoment, window
from netlab.judge.roundtrips import RoundTrip, round_trips
from netlab.records import Check, RunRecord
from netlab.spec import Ref
from netlab.units import Duration, human_duration


@dataclass(frozen=True, kw_only=True)
class RoundTripTime(Expectation):
    """How long it took until what a host sent was acknowledged, as its NIC saw it.

    Source: RFC 6298 section 3; segments that were sent more than once do not count.
    """

    example = "round-trip: {from: client, to: server, of: median, most: 100ms}"

    from_: Annotated[str, Ref("host")] = doc("Whose segments.")
    to: Annotated[str, Ref("host")] = doc("Whose acknowledgments.")
    port: int | None = doc("Only of connections with this port at either end.", default=None)
    of: Literal["each", "median", "longest"] = doc(
        "each: all of them must be so; median: the one in the middle; longest: the one that took longest.",
        default="each",
    )
    least: Duration | None = doc("At least this long.", default=None)
    most: Duration | None = doc("At most this long.", default=None)
    after: Annotated[str, Ref("barrier")] | None = doc("Only of what was sent after this step began.", default=None)
    before: Annotated[str, Ref("barrier")] | None = doc("Only of what was sent before this step began.", default=None)

    def __post_init__(self) -> None:
        if self.least is None and self.most is None:
            raise ValueError("say how long it may take: least, most, or both")

    def judge(self, record: RunRecord) -> list[Check]:
        try:
            start, end = window(record, self.after, self.before)
        except NoMoment as problem:
            return [unknown(self.name, self.expected, str(problem))]
        if unsure := wire_doubt(record):
            return [unknown(self.name, self.expected, unsure)]
        found = round_trips(record, self.from_, self.to, self.port)
        found = sorted((trip for trip in found if start <= trip.sent_ns < end), key=lambda trip: trip.span_ns)
        if not found:
            return [failed(self.name, self.expected, "none", "nothing that was sent then was acknowledged")]
        return [self.compared(found)]

    def compared(self, found: list[RoundTrip]) -> Check:
        """The check of these, shortest first."""
        middle = found[len(found) // 2]
        seen = f"{len(found)}: {_told(found[0])} to {_told(found[-1])}, median {_told(middle)}"
        shortest, longest = {
            "each": (found[0], found[-1]),
            "median": (middle, middle),
            "longest": (found[-1], found[-1]),
        }[self.of]
        wrong = None
        if self.least is not None and shortest.span_ns < self.least:
            wrong = shortest
        elif self.most is not None and longest.span_ns > self.most:
            wrong = longest
        if wrong is None:
            return passed(self.name, self.expected, seen)
        which = "" if self.of == "each" else f", the {self.of}"
        why = f"{packet(wrong.segment)} was acknowledged after {_told(wrong)}{which}, by {packet(wrong.answer)}"
        return failed(self.name, self.expected, seen, why, (packet(wrong.segment), packet(wrong.answer)))

    @property
    def name(self) -> str:
        """ "round trip from phone to server, port 9001, after bulk"."""
        parts = [
            f"round trip from {self.from_} to {self.to}",
            f"port {self.port}" if self.port is not None else "",
            f"after {self.after}" if self.after else "",
            f"before {self.before}" if self.before else "",
        ]
        return ", ".join(part for part in parts if part)

    @property
    def expected(self) -> str:
        """ "median at most 100 ms"."""
        limits = [("at least", self.least), ("at most", self.most)]
        return " ".join([self.of, *(f"{word} {human_duration(span)}" for word, span in limits if span is not None)])


def _told(trip: RoundTrip) -> str:
    """How long it took in ms, to two digits after the point."""
    return f"{trip.span_ns / 1e6:.2f} ms"
