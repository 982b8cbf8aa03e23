"""wire: the segments that were on the wire, all of them, in order.

Rules: strict: a segment without a line (an escaped FIN, a retransmission) fails, and so does a line without a segment.
A capture that may have missed something, or a clock that was set, makes the check unknown. So does a barrier whose step
was not played, as long as what came before it is right.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from netlab.expectations import Expectation, Mention, doc
from netlab.judge.causes import cause
from netlab.judge.evidence import failed, packet, passed, unknown, wire_doubt
from netlab.judge.match import Failure, TooAmbiguous, match
from netlab.judge.moments import Moment, NoMoment, moment
from netlab.judge.script import Barrier, Script, parse
from netlab.judge.tape import Tape, tape
from netlab.records import Check, RunRecord, Segment


@dataclass(frozen=True, kw_only=True)
class Wire(Expectation):
    """The wire script: who sent which segment to whom, in which order, before and after which step."""

    shorthand = "script"
    example = (
        "wire: |\n"
        "  client > server  S\n"
        "  server > client  S.\n"
        "  client > server  .\n"
        '  client > server  P. "hello"\n'
        "  server > client  .   ack=seq(previous)+len(previous)  within 50ms"
    )

    script: str = doc("One segment a line: SRC > DST FLAGS, and what else it must be; see the wire script's page.")

    def __post_init__(self) -> None:
        parse(self.script)

    def mentions(self) -> list[Mention]:
        return [Mention(*dataclasses.astuple(name)) for name in parse(self.script).references()]

    def judge(self, record: RunRecord) -> list[Check]:
        script = parse(self.script)
        asked = f"{len(list(script.lines()))} lines of the script"
        doubt = wire_doubt(record)
        if doubt:
            return [unknown("wire", asked, doubt)]
        moments, why_not = barriers(script, record)
        played = before_unplayed(script, moments)
        seen = tape(record, played)
        try:
            failure = match(played, moments, seen)
        except TooAmbiguous as problem:
            return [unknown("wire", asked, str(problem))]
        if why_not and (failure is None or failure.slot is None):
            return [unknown("wire", asked, why_not)]
        if failure is None:
            return [passed("wire", asked, f"{len(seen.entries)} packets", "", ends(seen))]
        return [differs(failure, seen, record)]


def barriers(script: Script, record: RunRecord) -> tuple[dict[str, Moment], str]:
    """When each barrier's step was; and why the first that has no moment has none."""
    moments: dict[str, Moment] = {}
    why_not = ""
    for barrier in script.barriers():
        try:
            moments[barrier.word] = moment(record, barrier.word)
        except NoMoment as problem:
            why_not = why_not or str(problem)
    return moments, why_not


def before_unplayed(script: Script, moments: dict[str, Moment]) -> Script:
    """The script up to its first barrier that has no moment."""
    for place, element in enumerate(script.elements):
        if isinstance(element, Barrier) and element.word not in moments:
            return Script(script.elements[:place])
    return script


def differs(failure: Failure, seen: Tape, record: RunRecord) -> Check:
    """The check of a wire that is not as its script says."""
    line = failure.slot.line if failure.slot else None
    expected = f"line {line.number}: {line.text}" if line else "nothing more"
    why = cause(failure, seen, record)
    if failure.entry is None:
        if record.interrupted:
            return unknown("wire", expected, f"the run ended early: {record.interrupted}")
        last = seen.entries[-1].text() if seen.entries else "nothing on the wire at all"
        return failed("wire", expected, f"nothing more; the last was {last}", why, ends(seen))
    event = failure.entry.event
    where = packet(event) if isinstance(event, Segment) else failure.entry.text().partition(": ")[0]
    return failed("wire", expected, failure.entry.text(), why, (where,))


def ends(seen: Tape) -> tuple[str, ...]:
    """The first and the last packet, as evidence of the whole."""
    shown = [seen.entries[0], seen.entries[-1]] if len(seen.entries) > 1 else seen.entries
    return tuple(entry.text().partition(": ")[0] for entry in shown)
