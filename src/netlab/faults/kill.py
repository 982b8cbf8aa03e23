"""kill: SIGKILL to the processes of a host. Its kernel lives on and tidies up: FINs, RSTs, orphans.

server  [endpoint ✗]  kernel ── FIN, if a NIC is there to take it ──▶ client
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from netlab.faults import Fault, doc
from netlab.spec import Ref

if TYPE_CHECKING:
    from netlab.agent.ground import Ground


@dataclass(frozen=True, kw_only=True)
class Kill(Fault):
    """Kill a host's endpoints and programs with SIGKILL; done when they have ended.

    To heal it starts the killed programs again, but for those that ran on a connection: that is gone. Endpoints come
    back, without their sockets, when they next act.
    Source: signal(7), SIGKILL cannot be caught; net/ipv4/tcp.c:__tcp_close() for what the kernel then does.
    """

    healing = "restart"
    target = "endpoint"
    example = "- kill: server"

    endpoint: Annotated[str, Ref("endpoint")] = doc("A host (all its endpoints and programs), or one: server.worker.")

    async def inject(self, ground: Ground) -> Any:
        host = self.endpoint.split(".")[0]
        return await ground.ask(host, "signal", endpoint=self.endpoint, signal="SIGKILL")

    async def heal(self, ground: Ground, state: Any) -> None:
        host = self.endpoint.split(".")[0]
        for program in state["programs"]:
            await ground.ask(host, "start", program=program, step=ground.step)
