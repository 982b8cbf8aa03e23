"""half-open: the connection between two hosts is half-open at this moment.

    survivor's table ─▶ peer's table ─▶ survivor's table again

Rules: three readings around one moment; the survivor's socket must be ESTABLISHED, and the same one, before and after
the peer's table was read without a socket of the reversed four-tuple. The wire has a say too: a FIN that waited and
escapes after this moment makes it an impostor. See judge/diagnosis.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from netlab.judge.diagnosis import diagnose
from netlab.records import Check, RunRecord
from netlab.spec import Ref
from netlab.steps import Planned, Step, doc
from netlab.steps._looks import judged, look

if TYPE_CHECKING:
    from netlab.agent.ground import Ground


@dataclass(frozen=True, kw_only=True)
class HalfOpen(Step):
    """Look at both ends at one moment: the survivor must be ESTABLISHED and its peer must know nothing of it."""

    example = "- half-open: {survivor: client, peer: server}"

    survivor: Annotated[str, Ref("host")] = doc("The host that still believes it is connected.")
    peer: Annotated[str, Ref("host")] = doc("The host that lost the connection.")
    port: int | None = doc("A port at either end, where there are several connections.", default=None)

    async def run(self, ground: Ground, planned: Planned) -> None:
        look(ground, self.survivor, self.peer)

    def judge(self, planned: Planned, record: RunRecord) -> list[Check]:
        failed = super().judge(planned, record)
        if failed:
            return failed
        found = diagnose(record, self.survivor, self.peer, planned.index, self.port)
        return [judged(planned, "half-open", found)]
