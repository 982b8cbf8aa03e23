"""partition: two hosts cannot reach each other, and neither is told.

server ──▶ switch ✗ ──▶ client        what the one sends, the path swallows
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from netlab.faults import Fault, doc
from netlab.faults._flows import Direction, flows
from netlab.spec import Ref

if TYPE_CHECKING:
    from netlab.agent.ground import Ground
    from netlab.kernel.firewall import Rules


@dataclass(frozen=True, kw_only=True)
class Partition(Fault):
    """Drop packets between two hosts on their way through the switches; links stay up, ARP still works.

    The drop is on the path (nftables in the bridges), not at the sender, whose TCP would be told of a local drop, and
    not at the receiver, whose NIC would see the packets arrive. `join` ends it.
    """

    healing = "join"
    target = "host"
    needs = frozenset({"nftables"})
    example = "- partition: {host: server, peer: client, direction: out}\n- join: server"

    host: Annotated[str, Ref("host")] = doc("One of the two hosts.")
    peer: Annotated[str, Ref("host")] | None = doc("The other one. Default: all other hosts.", default=None)
    direction: Direction = doc(
        "both; in: what comes to the host is lost; out: what the host sends is lost.", default="both"
    )
    port: int | None = doc("Only TCP segments with this port at either end. Default: all of IP.", default=None)

    async def inject(self, ground: Ground) -> Any:
        from netlab.kernel import firewall

        return firewall.drop_on_path(
            ground.built.fabric, flows(ground, self.host, self.peer, self.direction), self.port
        )

    async def heal(self, ground: Ground, state: Rules) -> None:
        state.remove()
