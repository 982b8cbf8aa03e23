"""output: a program wrote a line like this.

Rules: `line` is a regular expression that is searched for in each line (Python's `re`). `count: 0` asks for none; that
nobody wrote one counts only where the program's witness missed nothing and the run was played to its end. `since`
and `most` bound when it was written, by the clock of the run: when its host's controller read it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from netlab.expectations import Expectation, doc
from netlab.judge.evidence import at, doubt, failed, passed, unknown
from netlab.judge.moments import NoMoment, moment
from netlab.records import Check, RunRecord
from netlab.records import Output as Written
from netlab.spec import Ref
from netlab.units import Duration, human_duration


@dataclass(frozen=True, kw_only=True)
class Output(Expectation):
    """A program wrote a line that a regular expression finds."""

    example = 'output: {program: client.curl, line: "^200$"}'

    program: Annotated[str, Ref("endpoint")] = doc("Which: host.program.")
    line: str = doc("A regular expression, searched for in each line.")
    stream: Literal["stdout", "stderr"] | None = doc("Only lines of this stream.", default=None)
    count: int | None = doc("Exactly so many lines. Default: at least one.", default=None)
    since: Annotated[str, Ref("barrier")] | None = doc("Only lines written since this step began.", default=None)
    most: Duration | None = doc("With `since`: the first one came at most so long after that.", default=None)

    def __post_init__(self) -> None:
        if self.most is not None and self.since is None:
            raise ValueError("most counts from the step that `since` names; give it, too")
        try:
            re.compile(self.line)
        except re.error as problem:
            raise ValueError(f"{self.line!r} is no regular expression: {problem}; see Python's re") from None

    def judge(self, record: RunRecord) -> list[Check]:
        name = f"output of {self.program}"
        number = "a line" if self.count is None else counted(self.count)
        expected = f"{number} like {self.line!r}{self.when}"
        try:
            since_ns = moment(record, self.since).start_ns if self.since else 0
        except NoMoment as problem:
            return [unknown(name, expected, str(problem))]
        written = [w for w in record.of(Written) if w.endpoint == self.program and self.stream in (None, w.stream)]
        found = [w for w in written if w.time_ns >= since_ns and re.search(self.line, w.line)]
        shown = (found or written[-1:])[:5]
        evidence = tuple(f"{w.stream} of {self.program} at {at(w.time_ns)}: {w.line}" for w in shown)
        seen = counted(len(found)) + (f": {found[0].line}" if len(found) == 1 else "")
        if self.most is not None and found and (late := found[0].time_ns - since_ns) > self.most:
            why = f"{self.program} wrote it {human_duration(late)} after {self.since} began"
            return [failed(name, expected, seen, why, evidence)]
        if self.count is None and found:
            return [passed(name, expected, seen, "", evidence)]
        unsure = doubt(record, "program") or record.interrupted
        if unsure and len(found) <= (self.count or 0):
            return [unknown(name, expected, unsure, evidence)]
        if len(found) == self.count:
            return [passed(name, expected, seen, "", evidence)]
        last = f"the last line was {written[-1].line!r}" if written else f"{self.program} wrote nothing"
        return [failed(name, expected, seen, f"{counted(len(found))} of it were like that; {last}", evidence)]

    @property
    def when(self) -> str:
        """ ", since replug, most 1 s" where that is asked."""
        most = f", most {human_duration(self.most)}" if self.most is not None else ""
        return f", since {self.since}{most}" if self.since else ""


def counted(lines: int) -> str:
    """ "1 line", "2 lines"."""
    return f"{lines} line" if lines == 1 else f"{lines} lines"
