"""finish: a step that runs in the background is collected."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from netlab.errors import StepError
from netlab.spec import DEFAULT_WITHIN, Ref
from netlab.steps import Planned, Step, doc
from netlab.units import Duration, human_duration

if TYPE_CHECKING:
    from netlab.agent.ground import Ground


@dataclass(frozen=True, kw_only=True)
class Finish(Step):
    """Wait until the background step of this name is over. Its own outcome is judged where it stands."""

    shorthand = "name"
    example = "- finish: reader"

    name: Annotated[str, Ref("background")] = doc("The `background` name of the step.")
    within: Duration = doc("How long it may still take.", default=DEFAULT_WITHIN)

    async def run(self, ground: Ground, planned: Planned) -> None:
        task = ground.background.get(self.name)
        if task is None:
            there = ", ".join(ground.background) or "none"
            raise StepError(f"finish {self.name}: no step runs in the background under this name; there is {there}")
        done, _ = await asyncio.wait({task}, timeout=self.within / 1e9)
        if not done:
            raise StepError(f"finish {self.name}: it was not over after {human_duration(self.within)}; give it longer")
        del ground.background[self.name]
        task.result()
