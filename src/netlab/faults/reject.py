"""reject: a firewall on a host answers for it, with RST or with an ICMP error.

client ── segment ──▶ [firewall] server
       ◀── R / ICMP ──────┘
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from netlab.faults import Fault, doc
from netlab.spec import Ref

if TYPE_CHECKING:
    from netlab.agent.ground import Ground
    from netlab.kernel.firewall import Rules

Answer = Literal["rst", "icmp-port", "icmp-host", "icmp-net", "icmp-admin"]


@dataclass(frozen=True, kw_only=True)
class Reject(Fault):
    """Have a host's firewall refuse what comes in, and say so: an RST that no TCP sent, or an ICMP error.

    `accept-again` ends it. Source: nft(8), REJECT STATEMENT; net/ipv4/netfilter/nf_reject_ipv4.c:nf_send_reset().
    """

    healing = "accept-again"
    target = "host"
    needs = frozenset({"nftables"})
    example = "- reject: {host: server, peer: client, answer: rst, port: 9000}\n- accept-again: server"

    host: Annotated[str, Ref("host")] = doc("The host with the firewall.")
    peer: Annotated[str, Ref("host")] | None = doc("Whose packets it refuses. Default: everybody's.", default=None)
    answer: Answer = doc("rst: a TCP reset; icmp-port, icmp-host, icmp-net, icmp-admin: that error.", default="rst")
    port: int | None = doc("Only TCP segments with this port at either end. Default: any.", default=None)

    async def inject(self, ground: Ground) -> Any:
        from netlab.kernel import firewall

        peers = ground.ips_of(self.peer) if self.peer else []
        return firewall.reject(ground.built.hosts[self.host], self.answer, "in", peers, self.port)

    async def heal(self, ground: Ground, state: Rules) -> None:
        state.remove()
