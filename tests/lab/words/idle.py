"""Bases of the small vocabulary: the loader's tests check words, and play none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from netlab.expectations import Expectation
from netlab.faults import Fault
from netlab.records import Check, RunRecord
from netlab.steps import Action, Planned, Step


@dataclass(frozen=True, kw_only=True)
class IdleStep(Step):
    async def run(self, ground: Any, planned: Planned) -> None:
        raise AssertionError("the loader plays nothing")


@dataclass(frozen=True, kw_only=True)
class IdleAction(Action):
    def perform(self, sockets: Any) -> dict[str, Any]:
        raise AssertionError("the loader plays nothing")


@dataclass(frozen=True, kw_only=True)
class IdleFault(Fault):
    async def inject(self, ground: Any) -> Any:
        raise AssertionError("the loader plays nothing")

    async def heal(self, ground: Any, state: Any) -> None:
        raise AssertionError("the loader plays nothing")


@dataclass(frozen=True, kw_only=True)
class IdleExpectation(Expectation):
    def judge(self, record: RunRecord) -> list[Check]:
        raise AssertionError("the loader judges nothing")
