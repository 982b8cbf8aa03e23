"""hold: what two hosts send each other waits on the wire, as if the cable were very long.

server ──▶ switch ─ ▪ ▪ ▪ ─ ─ ▶ client        released, it arrives: all of it, in order
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from netlab.faults import Fault, doc
from netlab.faults._flows import Direction, flows
from netlab.faults._frames import refuse_offloads
from netlab.spec import Ref

if TYPE_CHECKING:
    from netlab.agent.ground import Ground
    from netlab.kernel.holding import Held


@dataclass(frozen=True, kw_only=True)
class Hold(Fault):
    """Keep packets between two hosts waiting on their way, until `release`: then they arrive, in order.

    Nothing is lost and neither host is told: links stay up, ARP and neighbour discovery pass. A segment that its
    sender repeats meanwhile waits behind the first one. Held back in the switches, by nftables: each packet that would
    have left by a port leaves by it later, unchanged. What is held when the run ends was never delivered.
    """

    healing = "release"
    target = "host"
    needs = frozenset({"nftables", "nflog"})
    example = "- hold: {host: server, peer: client, direction: out}\n- release: server"

    host: Annotated[str, Ref("host")] = doc("One of the two hosts.")
    peer: Annotated[str, Ref("host")] | None = doc("The other one. Default: all other hosts.", default=None)
    direction: Direction = doc(
        "both; in: what comes to the host waits; out: what the host sends waits.", default="both"
    )
    port: int | None = doc("Only TCP segments with this port at either end. Default: all of IP.", default=None)

    async def inject(self, ground: Ground) -> Any:
        import asyncio

        from netlab.kernel.holding import Held

        refuse_offloads(ground, f"hold {self.host}", "be held as it is")
        held = Held(ground.built.fabric, flows(ground, self.host, self.peer, self.direction), self.port)
        asyncio.get_running_loop().add_reader(held.fileno(), held.take)
        return held

    async def heal(self, ground: Ground, state: Held) -> None:
        import asyncio

        asyncio.get_running_loop().remove_reader(state.fileno())
        state.release()
