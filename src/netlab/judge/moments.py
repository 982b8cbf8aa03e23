"""When a step of the lab was: barriers and the `after`, `before`, `at` of expectations name it.

Rules: a step's name is its `id` (or "step 3"); a verb ("replug", "kill") will do where only one step has it. A step
that was not played has no moment: what depends on it is unknown, not passed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from netlab.records import Fault, RunRecord, Step


class NoMoment(Exception):
    """The record does not tell when this was; the text says why."""


@dataclass(frozen=True)
class Moment:
    """From when to when a step was played."""

    name: str
    index: int
    start_ns: int
    end_ns: int


def moment(record: RunRecord, name: str) -> Moment:
    """When the step of this name, or the only one with this verb, was played. Raises: NoMoment."""
    steps = record.of(Step)
    found = [step for step in steps if step.name == name] or [step for step in steps if verb(step.text) == name]
    spans = [(step.index, step.time_ns, step.end_ns) for step in found]
    if not found:
        spans = [(f.step, f.time_ns, f.end_ns) for f in record.of(Fault) if f.fault == name and f.action == "inject"]
    if not spans:
        raise NoMoment(f"{name} was not played: {record.interrupted or 'the run ended before it'}")
    if len(spans) > 1:
        raise NoMoment(f"{name} stands for {len(spans)} steps; give the one meant an id")
    return Moment(name, *spans[0])


def verb(text: str) -> str:
    """The word that a step's text begins with: "replug" of "replug: server.nic-a"."""
    found = re.match(r"[\w-]+", text)
    return found[0] if found else ""


def window(record: RunRecord, after: str | None, before: str | None) -> tuple[int, float]:
    """From the start of step `after` (else the run's) to the start of step `before` (else for ever).

    Raises: NoMoment.
    """
    start = moment(record, after).start_ns if after else 0
    end = float(moment(record, before).start_ns) if before else float("inf")
    return start, end
