"""power-off: a host is gone between two clock ticks. No FIN, no RST, no farewell.

server [✗ NICs dark, sockets forgotten, processes gone]        client [knows nothing]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from netlab.faults import Fault, doc
from netlab.spec import Ref

if TYPE_CHECKING:
    from netlab.agent.ground import Ground
    from netlab.kernel.topology import LiveNic

BOOT_WITHIN_NS = 5 * 10**9


@dataclass(frozen=True, kw_only=True)
class PowerOff(Fault):
    """Cut a host's power: its NICs go dark, its sockets vanish without a segment, its processes are gone.

    `boot` brings it back with its NICs and addresses, and with no socket and no process: start its programs again,
    have its endpoints listen again. Sockets are taken from their processes and closed in repair mode, which sends
    nothing and leaves nothing. Source: net/ipv4/tcp.c:__tcp_close(), `tcp_sk(sk)->repair`; pidfd_getfd(2).
    """

    healing = "boot"
    target = "host"
    example = "- power-off: server\n- boot: server"

    host: Annotated[str, Ref("host")] = doc("The host that loses its power.")

    async def inject(self, ground: Ground) -> Any:
        from netlab.kernel import links

        namespace = ground.built.hosts[self.host]
        nics = self.nics(ground)
        states = [links.snapshot(namespace, nic.index) for nic in nics]
        for nic in nics:
            for port in (nic.port_index, *nic.far_port_indexes):
                links.set_down(ground.built.fabric, port)
            links.set_down(namespace, nic.index)
        await ground.ask(self.host, "vanish")
        ground.destroy_orphans([self.host])
        return states

    async def heal(self, ground: Ground, state: Any) -> None:
        from netlab.kernel import links

        namespace = ground.built.hosts[self.host]
        for nic, before in zip(self.nics(ground), state, strict=True):
            for port in (nic.port_index, *nic.far_port_indexes):
                links.set_up(ground.built.fabric, port)
            links.restore(namespace, nic.index, before)
        for nic in self.nics(ground):
            await ground.until(
                lambda nic=nic: links.flowing(ground.built, nic),  # type: ignore[misc]
                BOOT_WITHIN_NS,
                f"the link of {nic.name}",
            )

    def nics(self, ground: Ground) -> list[LiveNic]:
        return [nic for nic in ground.built.nics.values() if nic.host == self.host]
