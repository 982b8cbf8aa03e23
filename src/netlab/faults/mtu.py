"""mtu: a path takes less than it did, and tells nobody; or a NIC does, and its host knows.

server ─── 1500 ──▶ ╞ 1400 ╡ ✗        larger packets are lost on their way, without an ICMP error
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from netlab.errors import StepError
from netlab.faults import Fault, doc
from netlab.faults._frames import refuse_offloads
from netlab.spec import Ref

if TYPE_CHECKING:
    from netlab.agent.ground import Ground
    from netlab.kernel.firewall import Rules

LEAST, MOST, LEAST_IPV6 = 68, 65535, 1280
"""RFC 791 section 3.2; include/linux/if_ether.h ETH_MAX_MTU; RFC 8200 section 5: below it Linux turns IPv6 off."""

_numbers = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Mtu(Fault):
    """Lower what a NIC's cable, or the NIC itself, takes; `widen` ends it.

    On the path an IP packet of more bytes is lost in the fabric, in either direction, and nobody is told (nftables in
    the bridges). On the NIC, its host knows: it sends smaller packets, or an ICMP error where it forwards; what comes
    in larger is lost at its port. Source: RFC 1191 section 3, RFC 2923 section 2.1 (black hole detection).
    """

    healing = "widen"
    target = "nic"
    needs = frozenset({"nftables"})
    colour = "yellow"
    example = "- mtu: {nic: server.eth0, size: 1400}\n- widen: server.eth0"

    nic: Annotated[str, Ref("plugged-nic")] = doc("The NIC whose cable it is: host.nic.")
    size: int = doc("Bytes of the largest IP packet that still fits, 68 to 65535.")
    where: Literal["path", "nic"] = doc("path: its cable, silently; nic: the NIC and its port.", default="path")

    def __post_init__(self) -> None:
        if not LEAST <= self.size <= MOST:
            raise ValueError(f"a packet of {self.size} bytes; give {LEAST} to {MOST}")

    async def inject(self, ground: Ground) -> Any:
        from netlab.kernel import firewall

        nic = ground.nic(self.nic)
        if self.where == "path":
            refuse_offloads(ground, f"mtu {self.nic}", "be measured packet by packet")
            return firewall.drop_larger(ground.built.fabric, nic.port_ifname, self.size)
        if self.size < LEAST_IPV6 and any(":" in ip for ip in nic.spec.ip):
            raise StepError(
                f"mtu {self.nic}: it has IPv6 addresses, and IPv6 needs {LEAST_IPV6} bytes; give more, or `where: path`"
            )
        key = f"mtu {next(_numbers)}"
        ground.built.mtus[self.nic].ask(key, self.size)
        return key

    async def heal(self, ground: Ground, state: Rules | str) -> None:
        if isinstance(state, str):
            ground.built.mtus[self.nic].withdraw(state)
        else:
            state.remove()
