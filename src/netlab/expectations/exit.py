"""exit: how an endpoint or a program ended.

Rules: without `status` or `signal`, it must have ended with status 0. One that still ran at the end has not ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from netlab.expectations import Expectation, doc
from netlab.judge.evidence import at, doubt, failed, passed, unknown
from netlab.records import Check, RunRecord
from netlab.records import Exit as Ended
from netlab.spec import Ref


@dataclass(frozen=True, kw_only=True)
class Exit(Expectation):
    """An endpoint or a program ended with this status, or by this signal."""

    shorthand = "endpoint"
    example = "exit: {endpoint: client, signal: SIGPIPE}"

    endpoint: Annotated[str, Ref("endpoint")] = doc("Which: host, host.endpoint or host.program.")
    status: int | None = doc("Its exit status. Default: 0, where no signal is named.", default=None)
    signal: str | None = doc("The signal that ended it: SIGPIPE, SIGKILL.", default=None)

    def __post_init__(self) -> None:
        if self.status is not None and self.signal is not None:
            raise ValueError("both status and signal; a process ends with one of them")

    def judge(self, record: RunRecord) -> list[Check]:
        name, expected = f"exit of {self.endpoint}", self.signal or f"status {self.status or 0}"
        ended = [event for event in record.of(Ended) if event.endpoint == self.endpoint]
        if not ended:
            unsure = doubt(record, "program") or record.interrupted
            if unsure:
                return [unknown(name, expected, unsure)]
            return [failed(name, expected, "did not end", f"{self.endpoint} still ran when the lab was over")]
        last = ended[-1]
        seen = last.signal or f"status {last.status}"
        evidence = (f"exit of {self.endpoint} at {at(last.time_ns)}",)
        if seen == expected:
            return [passed(name, expected, seen, "", evidence)]
        return [failed(name, expected, seen, f"{self.endpoint} ended with {seen}", evidence)]
