"""pause: SIGSTOP to the processes of a host. Its kernel goes on acknowledging for them.

server  [endpoint ‖]  kernel ── ACK ──▶ client
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from netlab.faults import Fault, doc
from netlab.spec import Ref

if TYPE_CHECKING:
    from netlab.agent.ground import Ground


@dataclass(frozen=True, kw_only=True)
class Pause(Fault):
    """Stop a host's endpoints and programs with SIGSTOP; done when they stand still. `resume` sends SIGCONT.

    Source: signal(7), SIGSTOP cannot be caught.
    """

    healing = "resume"
    target = "endpoint"
    colour = "yellow"
    example = "- pause: server\n- resume: server"

    endpoint: Annotated[str, Ref("endpoint")] = doc("A host (all its endpoints and programs), or one: server.worker.")

    async def inject(self, ground: Ground) -> Any:
        return await ground.ask(self.endpoint.split(".")[0], "signal", endpoint=self.endpoint, signal="SIGSTOP")

    async def heal(self, ground: Ground, state: Any) -> None:
        await ground.ask(self.endpoint.split(".")[0], "signal", endpoint=self.endpoint, signal="SIGCONT")
