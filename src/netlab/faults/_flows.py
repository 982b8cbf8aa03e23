"""Which packets a fault on the path is about: those between a host and its peers, one way or both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from netlab.agent.ground import Ground

Direction = Literal["both", "in", "out"]


def flows(ground: Ground, host: str, peer: str | None, direction: Direction) -> list[tuple[str, str]]:
    """(source, destination) of every pair of addresses between the host and its peer (default: all other hosts).

    "in" is what comes to the host, "out" what it sends.
    """
    peers = [peer] if peer else [name for name in ground.topology.hosts if name != host]
    own = ground.ips_of(host)
    other = [ip for name in peers for ip in ground.ips_of(name)]
    pairs = [(mine, theirs) for mine in own for theirs in other if (":" in mine) == (":" in theirs)]
    out = pairs if direction in ("both", "out") else []
    into = [(theirs, mine) for mine, theirs in pairs] if direction in ("both", "in") else []
    return out + into
