"""All checks of a record, the worst of them, and one sentence.

    steps ──▶ checks ─┐
    expectations ─────┼─▶ worst: pass < unknown < fail ──▶ "pass: the connection was half-open: …"
    witnesses ────────┘

Rules: pure; a lab is anything with `steps`, `expectations` and `says`. A step that was not played is unknown, one that
could not be played has failed. A capture with holes or a clock that was set makes every run unknown, at best. A lab
that asks for nothing is unknown: nothing was shown.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from netlab.judge.evidence import failed, unknown, wire_doubt
from netlab.records import Check, RunRecord, Step, Verdict

EXIT_CODES = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.UNKNOWN: 3}
"""What `netlab run` and `judge` exit with."""


class Planned(Protocol):
    """What a judge needs of a step of the lab (steps.Planned)."""

    @property
    def index(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def doing(self) -> Any: ...


class Expectation(Protocol):
    """What a judge needs of an expectation (expectations.Expectation)."""

    def judge(self, record: RunRecord) -> list[Check]: ...


class Lab(Protocol):
    """What a judge needs of a lab."""

    @property
    def steps(self) -> Sequence[Planned]: ...
    @property
    def expectations(self) -> Sequence[Expectation]: ...
    @property
    def says(self) -> str | None: ...


def judge(lab: Lab, record: RunRecord) -> RunRecord:
    """The record with its checks, verdict and sentence; those it may have had are made again."""
    checks = tuple(checks_of(lab, record))
    verdict = Verdict.worst([check.verdict for check in checks]) if checks else Verdict.UNKNOWN
    text = sentence(verdict, checks, lab.says)
    return dataclasses.replace(record, checks=checks, verdict=verdict, sentence=text)


def checks_of(lab: Lab, record: RunRecord) -> Iterator[Check]:
    """Every check: of the steps in their order, of the expectations, of the witnesses."""
    for planned in lab.steps:
        yield from (_as_far_as_it_went(check, record) for check in _step(planned, record))
    for expectation in lab.expectations:
        yield from (_as_far_as_it_went(check, record) for check in expectation.judge(record))
    if doubt := wire_doubt(record):
        yield unknown("witnesses", "a complete capture on one clock", doubt)
    if record.interrupted:
        yield unknown("run", "played to its end", f"the run ended early: {record.interrupted}")


def _as_far_as_it_went(check: Check, record: RunRecord) -> Check:
    """A check of a run that was interrupted: what failed might have come (a step, had it not been cut off): unknown."""
    if record.interrupted and check.verdict is Verdict.FAIL:
        why = f"the run ended early ({record.interrupted}); until then: {check.explanation or check.seen}"
        return dataclasses.replace(check, verdict=Verdict.UNKNOWN, explanation=why)
    return check


def _step(planned: Planned, record: RunRecord) -> list[Check]:
    if planned.kind in ("step", "action"):
        checks: list[Check] = planned.doing.judge(planned, record)
        return checks
    name = f"{planned.name}: {planned.text}"
    event = next((step for step in record.of(Step) if step.index == planned.index), None)
    if event is None:
        check = unknown(name, planned.text, "the run ended before this step")
    elif event.error:
        check = failed(name, planned.text, event.error, event.error)
    else:
        return []
    return [dataclasses.replace(check, step=planned.index)]


def sentence(verdict: Verdict, checks: Sequence[Check], says: str | None = None) -> str:
    """The verdict in one sentence that a student understands."""
    if not checks:
        return "unknown: the lab expects nothing, so nothing was shown"
    if verdict is not Verdict.PASS:
        first, *more = [check for check in checks if check.verdict is verdict]
        also = f" (and {len(more)} more)" if more else ""
        return f"{verdict.value}: {first.name}: {first.explanation or first.seen}{also}"
    if says:
        return f"pass: {says.strip().rstrip('.')}."
    shown = list(dict.fromkeys(check.explanation for check in checks if check.explanation))
    counted = "1 check" if len(checks) == 1 else f"all {len(checks)} checks"
    return f"pass: {'; '.join(shown) or f'{counted} passed'}."


def exit_code(verdict: Verdict) -> int:
    """0 for pass, 1 for fail, 3 for unknown."""
    return EXIT_CODES[verdict]
