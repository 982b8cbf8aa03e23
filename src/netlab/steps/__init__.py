"""Steps: what a lab file can do, one verb a file.

Two kinds of `Verb`. A `Step` is a verb of the lab: `- wait: {...}`. An `Action` is a verb of a host:
`- server: {listen: 9000}`; one of the host's endpoints performs it with a real system call.

Rules: a step is a frozen dataclass whose fields are its arguments (described with `doc`, typed with the types of
`netlab.units` and `Annotated[str, Ref(...)]`); pydantic validates it, the supervisor and the endpoint rebuild it from
JSON. A step file imports neither pydantic nor the kernel at its top: what runs in the supervisor imports what it
needs inside `run`, so that `netlab validate` works anywhere. `run` and `perform` do, `judge` is pure and looks at the
record only. Steps never import each other.
"""

from __future__ import annotations

import typing
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from netlab.fields import STRICT, doc
from netlab.records import Call, Check, RunRecord, Verdict
from netlab.records import Step as StepEvent
from netlab.registry import Registry
from netlab.spec import DEFAULT_WITHIN, Ref
from netlab.units import Duration

if TYPE_CHECKING:
    from netlab.agent.endpoint import Sockets
    from netlab.agent.ground import Ground
    from netlab.faults import Fault

__all__ = ["STEPS", "STRICT", "Action", "Planned", "Step", "Verb", "address_fields", "doc"]


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One entry of a lab's `steps`, ready to be played."""

    index: int
    name: str
    """Its `id`, or "step 3" (counted from 1)."""
    kind: str
    """"step", "action", "inject" or "heal"."""
    word: str
    """The verb: a file of steps/ or faults/. For "heal" it is the fault's word ("unplug"), not "replug"."""
    doing: Any
    """The Step, Action or Fault. For "heal" the target: a string, or None for `heal: ID`."""
    actor: str | None = None
    """The endpoint that performs an action: "server" or "server.worker"."""
    background: str | None = None
    heals: str | None = None
    """For `heal: ID`: the id of the step that injected the fault."""
    text: str = ""
    """The step in one line for people: `server: listen 9000`."""
    line: int = 0
    """Its line in the lab file; 0 where there is none."""

    def ends(self, name: str, fault: Fault) -> bool:
        """Whether this heals the fault that the step of this name injected."""
        if self.heals is not None:
            return name == self.heals
        return fault.word == self.word and self.doing in (None, fault.hits)


@dataclass(frozen=True, kw_only=True)
class Verb(ABC):
    """What every step and action has: arguments, an example, and a judgement of how it went."""

    word: ClassVar[str]
    shorthand: ClassVar[str | None] = None
    """The field a bare scalar goes to: `listen: 9000` is `listen: {port: 9000}`."""
    example: ClassVar[str] = ""
    """One entry of `steps` that uses it, as YAML: the reference shows it and the tests run it."""
    needs: ClassVar[frozenset[str]] = frozenset()
    """Words of probes/ that must pass before a lab with this step can run: "nftables"."""
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT

    def judge(self, planned: Planned, record: RunRecord) -> list[Check]:
        """What the record says of this step: by default, that it could be played."""
        event = next((event for event in record.of(StepEvent) if event.index == planned.index), None)
        if event is None:
            return [not_played(planned)]
        if event.error:
            return [
                Check(
                    planned.name, Verdict.FAIL, planned.text, event.error, explanation=event.error, step=planned.index
                )
            ]
        return []


@dataclass(frozen=True, kw_only=True)
class Step(Verb):
    """A verb of the lab."""

    @abstractmethod
    async def run(self, ground: Ground, planned: Planned) -> None:
        """Do it (in the supervisor). Raises: StepError, KernelError."""


@dataclass(frozen=True, kw_only=True)
class Action(Verb):
    """A verb of a host, performed by one of its endpoints with real system calls."""

    within: Duration = doc("How long the call may take; after that its outcome is TIMEOUT.", default=DEFAULT_WITHIN)
    error: str | None = doc(
        "The errno it must fail with (ECONNRESET), or TIMEOUT. Default: it must succeed.", default=None
    )
    signal: str | None = doc("The signal that must end the endpoint in this call (SIGPIPE).", default=None)

    @abstractmethod
    def perform(self, sockets: Sockets) -> dict[str, Any]:
        """Make the call (in the endpoint's process) and return what it returned, as JSON values.

        Raises: OSError (its errno is the call's outcome), TimeoutError (the outcome is TIMEOUT), StepError.
        """

    def judge(self, planned: Planned, record: RunRecord) -> list[Check]:
        call = next((call for call in record.of(Call) if call.step == planned.index), None)
        if call is None:
            return super().judge(planned, record) or [not_played(planned)]
        return [self.judge_call(planned, call)]

    def judge_call(self, planned: Planned, call: Call) -> Check:
        """Whether the call's outcome is the expected one."""
        expected = self.signal or self.error or "success"
        seen = call.signal or call.error or "success"
        wrong = "" if seen == expected else f"{call.call} gave {seen} where {expected} was expected"
        wrong = wrong or self.judge_result(call)
        return Check(
            name=f"{planned.name}: {planned.text}",
            verdict=Verdict.FAIL if wrong else Verdict.PASS,
            expected=expected,
            seen=seen,
            evidence=(f"call of {call.endpoint} at {call.time_ns / 1e9:.6f} s",),
            explanation=wrong,
            step=planned.index,
        )

    def judge_result(self, call: Call) -> str:
        """What is wrong with the result of a call whose errno was as expected; "" for nothing."""
        return ""


@cache
def address_fields(kind: type[Verb]) -> tuple[str, ...]:
    """The fields of a verb that hold an address of the lab (`Ref("address")`): endpoints get them as ip:port."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return tuple(name for name, hint in hints.items() if _is_address(hint))


def _is_address(hint: Any) -> bool:
    """Whether a type is marked as an address, or one of its options is."""
    marks = getattr(hint, "__metadata__", ())
    return Ref("address") in marks or any(_is_address(option) for option in typing.get_args(hint))


def not_played(planned: Planned) -> Check:
    """The check of a step that the run never came to: unknown, never pass."""
    return Check(
        name=f"{planned.name}: {planned.text}",
        verdict=Verdict.UNKNOWN,
        expected=planned.text,
        seen="not played",
        explanation="the run ended before this step",
        step=planned.index,
    )


STEPS: Registry[Verb] = Registry("netlab.steps", Verb)
