"""partition: two hosts cannot reach each other, and neither is told.

server ──▶ switch ✗ ──▶ client        what the one sends, the path swallows
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from netlab.faults import Fault, doc
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
    direction: Literal["both", "in", "out"] = doc(
        "both; in: what comes to the host is lost; out: what the host sends is lost.", default="both"
    )
    port: int | None = doc("Only TCP segments with this port at either end. Default: all of IP.", default=None)

    async def inject(self, ground: Ground) -> Any:
        from netlab.kernel import firewall

        return firewall.drop_on_path(ground.built.fabric, self.flows(ground), self.port)

    async def heal(self, ground: Ground, state: Rules) -> None:
        state.remove()

    def flows(self, ground: Ground) -> list[tuple[str, str]]:
        """(source, destination) of every pair of addresses that is cut."""
        peers = [self.peer] if self.peer else [name for name in ground.topology.hosts if name != self.host]
        own = ground.ips_of(self.host)
        other = [ip for peer in peers for ip in ground.ips_of(peer)]
        pairs = [(mine, theirs) for mine in own for theirs in other if (":" in mine) == (":" in theirs)]
        out = pairs if self.direction in ("both", "out") else []
        into = [(theirs, mine) for mine, theirs in pairs] if self.direction in ("both", "in") else []
        return out + into
