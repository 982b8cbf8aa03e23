"""black-hole: a host is never told that its packets are too large, or not wanted.

client ── 1500 bytes, don't fragment ──▶ router ✗
   ✗ ◀── ICMP: fragmentation needed ────────┘        so it repeats what cannot arrive
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from netlab.faults import Fault, doc
from netlab.spec import Ref

if TYPE_CHECKING:
    from netlab.agent.ground import Ground
    from netlab.kernel.firewall import IcmpError, Rules

TOO_BIG: tuple[IcmpError, ...] = ((4, 3, 4), (6, 2, None))
"""Fragmentation needed (RFC 792, RFC 1191 section 4); packet too big (RFC 4443 section 3.2)."""
ERRORS: tuple[IcmpError, ...] = tuple((4, kind, None) for kind in (3, 4, 5, 11, 12)) + tuple(
    (6, kind, None) for kind in (1, 2, 3, 4)
)
"""Every message of the kind that TCP may be told. Source: RFC 792, RFC 4443 section 2.1 (errors are below 128)."""


@dataclass(frozen=True, kw_only=True)
class BlackHole(Fault):
    """Drop the ICMP errors that a host should get on their way through the switches; `tell-again` ends it.

    A firewall that drops all of ICMP does it: path MTU discovery waits for an error that never comes. Source: RFC 2923
    section 2.1; RFC 4821 is the way around it (net.ipv4.tcp_mtu_probing).
    """

    healing = "tell-again"
    target = "host"
    needs = frozenset({"nftables"})
    example = "- black-hole: client\n- tell-again: client"

    host: Annotated[str, Ref("host")] = doc("The host that is not told.")
    what: Literal["too-big", "errors"] = doc(
        "too-big: fragmentation needed, packet too big; errors: every ICMP error.", default="too-big"
    )

    async def inject(self, ground: Ground) -> Any:
        from netlab.kernel import firewall

        kinds = TOO_BIG if self.what == "too-big" else ERRORS
        return firewall.drop_icmp(ground.built.fabric, ground.ips_of(self.host), kinds)

    async def heal(self, ground: Ground, state: Rules) -> None:
        state.remove()
