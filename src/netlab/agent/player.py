"""Plays planned steps on a Ground, in the supervisor.

Rules: one step at a time in the foreground, background ones beside it. Every step leaves one Step event with its true
start and end, every fault one Fault event for its injection and one for its healing. A fault that is in effect is kept
with the state it needs to heal; the newest on a target is healed first.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from netlab import codec
from netlab.agent.ground import Ground
from netlab.errors import NetlabError, StepError
from netlab.faults import FAULTS, Fault
from netlab.records import Address, Call, Trouble
from netlab.records import Fault as FaultEvent
from netlab.records import Step as StepEvent
from netlab.steps import STEPS, Action, Planned, address_fields


@dataclass
class Active:
    """A fault in effect."""

    name: str
    """The name (id) of the step that injected it."""
    fault: Fault
    state: Any


class Player:
    """Plays steps; knows which faults are in effect."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.active: list[Active] = []

    async def play(self, step: dict[str, Any]) -> dict[str, Any]:
        """Play one step from its JSON form; a background one is only started: an action until it makes its call.

        Raises: StepError, KernelError.
        """
        planned = planned_from_json(step)
        if planned.background:
            begun = asyncio.Event()
            task = asyncio.create_task(self.timed(planned, begun))
            self.ground.background[planned.background] = task
            begin = asyncio.create_task(begun.wait())
            await asyncio.wait({task, begin}, return_when=asyncio.FIRST_COMPLETED)
            begin.cancel()
            return {"background": planned.background}
        await self.timed(planned)
        return {}

    async def timed(self, planned: Planned, begun: asyncio.Event | None = None) -> None:
        """Do it, and leave its Step event; set `begun` on the way."""
        start = time.monotonic_ns()
        self.ground.step = planned.index
        self.ground.moments[planned.name] = start
        error: str | None = None
        try:
            await self.do(planned, begun or asyncio.Event())
        except (NetlabError, OSError) as problem:
            error = str(problem)
            raise StepError(error) from problem
        finally:
            end = time.monotonic_ns()
            self.ground.emit(StepEvent(start, end, planned.index, planned.name, planned.text, error))
            if planned.background:
                self.ground.observe_after(planned.actor)

    async def do(self, planned: Planned, begun: asyncio.Event) -> None:
        if planned.kind != "action":
            begun.set()
        if planned.kind == "inject":
            await self.inject(planned)
        elif planned.kind == "heal":
            await self.heal(self.find(planned), planned.index)
        elif planned.kind == "action":
            await self.act(planned, begun)
        else:
            await planned.doing.run(self.ground, planned)

    async def act(self, planned: Planned, begun: asyncio.Event) -> None:
        """Have the actor's endpoint perform an action, and record the call."""
        assert planned.actor is not None
        host = planned.actor.split(".")[0]
        args = codec.encode(planned.doing)
        for name in address_fields(planned.doing.__class__):
            if name in args:
                args[name] = str(Address(*self.ground.resolve(args[name], host)))
        answer = await self.ground.ask(
            host, "act", on_begin=begun.set, endpoint=planned.actor, word=planned.word, args=args, step=planned.index
        )
        call = codec.decode(Call, answer["call"], "call")
        if call.cookie is not None and self.ground.witness is not None:
            self.ground.witness.claim(host, [call.cookie])
        self.ground.emit(call)

    async def inject(self, planned: Planned) -> None:
        fault: Fault = planned.doing
        start = time.monotonic_ns()
        state = await fault.inject(self.ground)
        self.active.append(Active(planned.name, fault, state))
        details = {key: value for key, value in codec.encode(fault).items() if key != fault.target}
        self.note(fault, "inject", start, planned.index, details)

    async def heal(self, active: Active, step: int) -> None:
        start = time.monotonic_ns()
        self.active.remove(active)
        await active.fault.heal(self.ground, active.state)
        self.note(active.fault, "heal", start, step, {})

    async def heal_all(self) -> None:
        """Heal whatever is in effect, newest first; what would not heal is told, and goes with its namespace."""
        for active in reversed(self.active.copy()):
            try:
                await self.heal(active, -1)
            except (NetlabError, OSError) as problem:
                what = f"heal {active.fault.word} on {active.fault.hits}: {problem}"
                self.ground.emit(Trouble(time.monotonic_ns(), "cleanup", what))

    def note(self, fault: Fault, action: Any, start: int, step: int, details: dict[str, Any]) -> None:
        self.ground.emit(FaultEvent(start, time.monotonic_ns(), step, fault.word, action, fault.hits, details))

    def find(self, planned: Planned) -> Active:
        """The fault in effect that a healing step means. Raises: StepError."""
        for active in reversed(self.active):
            if planned.ends(active.name, active.fault):
                return active
        there = ", ".join(f"{active.fault.word} on {active.fault.hits}" for active in self.active) or "none"
        raise StepError(f"{planned.text}: no such fault is in effect; in effect: {there}")


def planned_from_json(step: dict[str, Any]) -> Planned:
    """A Planned from what `planned_to_json` made. Raises: CodecError."""
    doing: Any = step.get("doing")
    if step["kind"] == "inject":
        doing = codec.decode(FAULTS[step["word"]], doing, step["word"])
    elif step["kind"] in ("step", "action"):
        doing = codec.decode(STEPS[step["word"]], doing, step["word"])
    return Planned(**{**step, "doing": doing})


def planned_to_json(planned: Planned) -> dict[str, Any]:
    """What the supervisor is sent for one step."""
    encoded: dict[str, Any] = codec.encode(planned)
    return encoded


__all__ = ["Action", "Active", "Player", "planned_from_json", "planned_to_json"]
