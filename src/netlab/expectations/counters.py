"""counters: how much one of a host's counters rose.

    reading   reading        reading   reading
       │   ┌─────┼──────────────┼─────┐   │        after … before: the window that is asked about
       │   │     └─ least rise ─┘     │   │
       └───┴──────── most rise ───────┴───┘

Rules: counters only rise, so readings inside the window give the least it can have risen, readings around it the most.
Where both give the same answer the check is decided; where they do not, nobody read at the right moments: unknown. A
name that a reading does not hold is 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from netlab.expectations import Expectation, doc
from netlab.judge.evidence import at, failed, passed, unknown
from netlab.judge.moments import NoMoment, moment
from netlab.records import Check, RunRecord
from netlab.records import Counters as Reading
from netlab.spec import Ref


@dataclass(frozen=True, kw_only=True)
class Counters(Expectation):
    """A counter of a host rose by this much, between two steps or in the whole run."""

    example = "counters: {host: server, name: TcpExtTCPAbortOnData, delta: 1}"

    host: Annotated[str, Ref("host")] = doc("Whose counter.")
    name: str = doc("Group and field run together, as nstat prints them: TcpOutRsts.")
    delta: int | None = doc("It rose by exactly this.", default=None)
    least: int | None = doc("It rose by at least this.", default=None)
    most: int | None = doc("It rose by at most this.", default=None)
    after: Annotated[str, Ref("barrier")] | None = doc(
        "From when this step began. Default: from the start.", default=None
    )
    before: Annotated[str, Ref("barrier")] | None = doc("Until this step had ended. Default: to the end.", default=None)

    def __post_init__(self) -> None:
        if self.delta is None and self.least is None and self.most is None:
            raise ValueError("nothing is asked of the counter; give delta, least or most")

    def judge(self, record: RunRecord) -> list[Check]:
        name = f"{self.name} of {self.host}"
        readings = sorted((r for r in record.of(Reading) if r.host == self.host), key=lambda r: r.time_ns)
        try:
            start = moment(record, self.after).start_ns if self.after else None
            end = moment(record, self.before).end_ns if self.before else None
        except NoMoment as problem:
            return [unknown(name, self.expected, str(problem))]
        outer, inner = around(readings, start, end), inside(readings, start, end)
        if not outer:
            return [unknown(name, self.expected, f"the counters of {self.host} were not read around that")]
        most, least = self.rise(outer), self.rise(inner) if inner else 0
        evidence = tuple(f"{self.name} at {at(r.time_ns)}: {r.values.get(self.name, 0)}" for r in outer)
        seen = str(most) if least == most else f"{least} to {most}"
        if self.fits(least) and self.fits(most):
            return [passed(name, self.expected, seen, "", evidence)]
        if least > self.highest or most < self.lowest:
            return [failed(name, self.expected, seen, f"{self.name} of {self.host} rose by {seen}", evidence)]
        return [unknown(name, self.expected, f"it rose by {seen}; it was not read in between", evidence)]

    @property
    def lowest(self) -> float:
        """The least rise that is right."""
        return max((limit for limit in (self.delta, self.least) if limit is not None), default=float("-inf"))

    @property
    def highest(self) -> float:
        """The greatest rise that is right."""
        return min((limit for limit in (self.delta, self.most) if limit is not None), default=float("inf"))

    @property
    def expected(self) -> str:
        limits = (("exactly", self.delta), ("at least", self.least), ("at most", self.most))
        return "a rise of " + ", ".join(f"{word} {limit}" for word, limit in limits if limit is not None)

    def rise(self, ends: tuple[Reading, Reading]) -> int:
        return ends[1].values.get(self.name, 0) - ends[0].values.get(self.name, 0)

    def fits(self, rise: int) -> bool:
        """A rise of this much is right."""
        return self.lowest <= rise <= self.highest


def around(readings: list[Reading], start: int | None, end: int | None) -> tuple[Reading, Reading] | None:
    """The last reading before the window and the first one after it; None where one is missing."""
    first = [reading for reading in readings if start is None or reading.time_ns <= start]
    last = [reading for reading in readings if end is None or reading.began_ns >= end]
    if len(readings) < 2 or not first or not last:
        return None
    return (readings[0] if start is None else first[-1], readings[-1] if end is None else last[0])


def inside(readings: list[Reading], start: int | None, end: int | None) -> tuple[Reading, Reading] | None:
    """The first and the last reading in the window; None where there are not two."""
    there = [r for r in readings if (start is None or r.began_ns >= start) and (end is None or r.time_ns <= end)]
    return (there[0], there[-1]) if len(there) > 1 else None
