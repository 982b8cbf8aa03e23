"""unplug: a NIC goes away, in one of three ways that Linux tells apart.

server [nic-a] ═══╳═══ [port] switch
          │         │
  remove: │the NIC leaves the host; its addresses, routes, neighbours and queued segments go with it
  down:   │administratively down; loses its IPv6 addresses, routes and neighbours, keeps its IPv4 address
                    │cable: the switch end goes down, so the NIC loses its carrier and nothing else:
                    │ what waits for a neighbour goes on waiting
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from netlab.faults import Fault, doc
from netlab.spec import Ref

if TYPE_CHECKING:
    from netlab.agent.ground import Ground
    from netlab.kernel.links import NicState
    from netlab.kernel.topology import LiveNic

REPLUG_WITHIN_NS = 5 * 10**9


@dataclass(frozen=True, kw_only=True)
class Unplug(Fault):
    """Pull a NIC. `replug` puts it back with everything it had, reads that back, and returns when segments flow."""

    healing = "replug"
    target = "nic"
    example = "- unplug: {nic: server.eth0, how: cable}\n- replug: server.eth0"

    nic: Annotated[str, Ref("nic")] = doc("The NIC: host.nic.")
    how: Literal["remove", "down", "cable"] = doc(
        "remove: it leaves the host and comes back with its MAC; down: administratively down; cable: its carrier is "
        "lost at the switch end.",
        default="remove",
    )

    async def inject(self, ground: Ground) -> Any:
        from netlab.kernel import links

        nic = ground.nic(self.nic)
        namespace = ground.built.hosts[nic.host]
        state = links.snapshot(namespace, nic.index)
        if self.how == "remove":
            links.move(namespace, nic.index, ground.built.limbo)
        elif self.how == "down":
            links.set_down(namespace, nic.index)
        for port in far_ends(nic, self.how):
            links.set_down(ground.built.fabric, port)
        return state

    async def heal(self, ground: Ground, state: NicState) -> None:
        from netlab.kernel import links

        nic = ground.nic(self.nic)
        namespace = ground.built.hosts[nic.host]
        for port in far_ends(nic, self.how):
            links.set_up(ground.built.fabric, port)
        if self.how == "remove":
            links.move(ground.built.limbo, nic.index, namespace)
        links.restore(namespace, nic.index, state)
        await ground.until(lambda: links.flowing(ground.built, nic), REPLUG_WITHIN_NS, f"the link of {self.nic}")


def far_ends(nic: LiveNic, how: str) -> tuple[int, ...]:
    """Fabric ports that go down with the NIC: its own for `cable`, and its cable's other end, as with a real one."""
    own = (nic.port_index,) if how == "cable" else ()
    return own + nic.far_port_indexes
