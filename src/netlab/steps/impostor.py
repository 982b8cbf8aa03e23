"""impostor: the connection only looks half-open, and is this other thing.

Rules: looks as `half-open` does, and passes when the diagnosis is the impostor that was named. Which of them it is may
show only later on the wire (a FIN that waits in a neighbour queue escapes when the cable is back).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from netlab.judge.diagnosis import diagnose
from netlab.records import Check, RunRecord
from netlab.spec import Ref
from netlab.steps import Planned, Step, doc
from netlab.steps._looks import judged, look

if TYPE_CHECKING:
    from netlab.agent.ground import Ground


@dataclass(frozen=True, kw_only=True)
class Impostor(Step):
    """Look at both ends at one moment: the connection must be this look-alike of a half-open one."""

    example = "- impostor: {survivor: client, peer: server, kind: orphan}"

    survivor: Annotated[str, Ref("host")] = doc("The host that still believes it is connected.")
    peer: Annotated[str, Ref("host")] = doc("The host that seems to have lost the connection.")
    kind: Literal["orphan", "fin-escaped", "peer-alive"] = doc(
        "orphan: the peer's kernel still holds the socket that its program left; fin-escaped: the peer's FIN reaches "
        "the survivor after all; peer-alive: the peer still holds the connection, it is only slow, paused or cut off."
    )
    port: int | None = doc("A port at either end, where there are several connections.", default=None)

    async def run(self, ground: Ground, planned: Planned) -> None:
        look(ground, self.survivor, self.peer)

    def judge(self, planned: Planned, record: RunRecord) -> list[Check]:
        failed = super().judge(planned, record)
        if failed:
            return failed
        found = diagnose(record, self.survivor, self.peer, planned.index, self.port)
        return [judged(planned, self.kind, found)]
