"""Links by name, each with the source of its figures; and what a NIC's link asks for in each direction.

Rules: a figure is what its source says of a usual line, not of the best or the worst one.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from netlab.impairment import Bandwidth, Delay, Impairment, Link
from netlab.units import Duration, Rate

__all__ = ["LINKS", "Preset", "Way", "link_needs", "needs", "ways"]

Way = Literal["outbound", "inbound"]
"""A direction of a link: from the host to the switch, or from there to the host."""


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A usual link of its kind."""

    title: str
    outbound: Impairment
    inbound: Impairment
    source: str
    """Where the figures come from, and how they follow from it."""


def _line(delay: str, rate: str) -> Impairment:
    """One direction: so long under way, so many bits a second."""
    return Impairment(delay=Delay(time=Duration.parse(delay)), bandwidth=Bandwidth(rate=Rate.parse(rate)))


LINKS: dict[str, Preset] = {
    "satellite": Preset(
        title="A geostationary satellite",
        outbound=_line("300ms", "3mbit"),
        inbound=_line("300ms", "25mbit"),
        source="",
    ),
}


def ways(link: Link) -> dict[Way, Impairment]:
    """What a link asks for in each direction: its preset's, then what it says of both, then what it says of one."""
    preset = LINKS[link.preset] if link.preset is not None else None
    return {
        "outbound": _over(preset and preset.outbound, link, link.outbound),
        "inbound": _over(preset and preset.inbound, link, link.inbound),
    }


def link_needs(link: Link) -> frozenset[str]:
    """Words of probes/ that must be answered with yes before such a link can be built."""
    return frozenset[str]().union(*(needs(asked) for asked in ways(link).values()))


def needs(asked: Impairment) -> frozenset[str]:
    """The same for one direction: a token bucket is another qdisc than netem."""
    return frozenset({"netem"} if asked.needs_netem else ()) | frozenset({"tbf"} if asked.bandwidth else ())


def _over(*layers: Impairment | None) -> Impairment:
    """Each setting as the last layer that has it says."""
    values: dict[str, Any] = {}
    for layer in layers:
        if layer is not None:
            named = {field.name: getattr(layer, field.name) for field in fields(Impairment)}
            values |= {name: value for name, value in named.items() if value is not None}
    return Impairment(**values)
