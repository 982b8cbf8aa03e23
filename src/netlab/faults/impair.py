"""impair: the cable of a NIC loses, delays, reorders packets while the lab runs.

server ◀── inbound ── ░ ░ ▒ ░ ── switch        from its port in the fabric: what is lost there was sent
       ── outbound ─▶ ░ ▒ ░ ░ ──▶
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated

from netlab.faults import Fault, doc
from netlab.faults._flows import Direction
from netlab.faults._frames import refuse_offloads
from netlab.impairment import Impairment
from netlab.presets import Way, needs
from netlab.spec import Ref

if TYPE_CHECKING:
    from netlab.agent.ground import Ground
    from netlab.kernel.shaping import Shaper

WAYS: dict[Direction, tuple[Way, ...]] = {"both": ("outbound", "inbound"), "in": ("inbound",), "out": ("outbound",)}
EMPTY_WITHIN_NS = 60 * 10**9
"""How long packets that are under way may take to arrive when it ends."""

_numbers = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Impair(Impairment, Fault):
    """Impair a NIC's cable from now on, besides what its `link` and other faults ask; `repair` ends it.

    Several at once add up as if the path led through each of them in turn. Repaired, packets that are under way arrive
    as they would have, and the NIC's cable is as it was. Source: tc-netem(8), tc-tbf(8).
    """

    healing = "repair"
    target = "nic"
    colour = "yellow"
    example = "- impair: {nic: server.eth0, direction: out, bandwidth: 1mbit}\n- repair: server.eth0"

    nic: Annotated[str, Ref("plugged-nic")] = doc("The NIC whose cable it is: host.nic.")
    direction: Direction = doc("both; in: what comes to the host; out: what the host sends.", default="both")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.asked == Impairment():
            raise ValueError("nothing is impaired; give delay, loss, bandwidth or the like")

    @property
    def asked(self) -> Impairment:
        """What it asks for, in each direction that it is about."""
        return Impairment(**{each.name: getattr(self, each.name) for each in fields(Impairment)})

    @property
    def needs_besides(self) -> frozenset[str]:
        return needs(self.asked)

    @property
    def cables(self) -> tuple[str, ...]:
        return (self.nic,)

    @property
    def asks(self) -> dict[tuple[str, Way], Impairment]:
        return {(self.nic, way): self.asked for way in WAYS[self.direction]}

    async def inject(self, ground: Ground) -> str:
        if self.needs_netem:
            refuse_offloads(ground, f"impair {self.nic}", "be impaired packet by packet")
        key = f"impair {next(_numbers)}"
        for shaper in self.shapers(ground):
            shaper.ask(key, self.asked)
        return key

    async def heal(self, ground: Ground, state: str) -> None:
        for shaper in self.shapers(ground):
            shaper.withdraw(state)
        for shaper in self.shapers(ground):
            await ground.until(
                lambda shaper=shaper: shaper.asked or shaper.settled(),  # type: ignore[misc]
                EMPTY_WITHIN_NS,
                f"what is under way at {self.nic}",
            )

    def shapers(self, ground: Ground) -> list[Shaper]:
        """Who owns what happens in the directions that it is about."""
        return [ground.built.shapers[of] for of in self.asks]
