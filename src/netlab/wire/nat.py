"""One segment, two four-tuples: what came in at a host and went out of it with other addresses.

    client.nic-b ─▶ router.lan   10.78.0.2:40000 > 10.77.0.1:9000      one trail ends where a host took it in
    router.wan ─▶ server.nic-a   10.77.0.254:40000 > 10.77.0.1:9000    another begins where that host put it out

They are one segment where all that a NAT leaves alone is equal: IP identification (IPv6: flow label), the TCP header
but its ports and checksum, the payload. Each outgoing trail takes the latest incoming one before it, from the last one
back, as segments.py does with segments that are equal to the last byte.

Rules: pure. Any host may have translated it: what is seen decides, not what the lab says of the host. Where trails of
several connections would fit each other, nobody can tell which is whose: they stay segments of their own, each with the
addresses that it had. Source: net/netfilter/nf_nat_proto.c, nf_nat_manip_pkt (addresses, ports, checksums).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from netlab.wire.decode import Tcp

if TYPE_CHECKING:
    from netlab.wire.segments import Trail

__all__ = ["Piece", "joined"]

IPV4_FLOW, IPV6_FLOW = slice(6, 18), slice(5, 41)
"""Where addresses and ports stand in what `segments.identity` makes of a TCP segment."""


class Piece(NamedTuple):
    """A segment between two hosts that may have translated it."""

    identity: bytes
    tcp: Tcp
    trail: Trail
    copies: tuple[Trail, ...] = ()
    """Of copies that a NIC's own cable made of it."""

    @property
    def kept(self) -> bytes:
        """What of its identity a NAT leaves alone."""
        flow = IPV4_FLOW if self.identity[:1] == b"4" else IPV6_FLOW
        return self.identity[: flow.start] + self.identity[flow.stop :]


def joined(pieces: Iterable[Piece]) -> list[list[Piece]]:
    """The pieces of each segment, in the order of its way; a segment that nobody translated is one piece."""
    pieces = list(pieces)
    after: dict[int, int] = {}
    for came, went in meetings(pieces):
        after |= paired(pieces, came, went)
    first = set(range(len(pieces))) - set(after.values())
    return [[pieces[at] for at in way(start, after)] for start in sorted(first)]


def way(start: int, after: dict[int, int]) -> Iterable[int]:
    """A piece and those that follow it."""
    at: int | None = start
    while at is not None:
        yield at
        at = after.get(at)


def meetings(pieces: list[Piece]) -> Iterable[tuple[list[int], list[int]]]:
    """For each host: the pieces that ended there and those that began there, which agree in all that a NAT keeps."""
    places: dict[tuple[str, bytes], tuple[list[int], list[int]]] = {}
    for number, piece in enumerate(pieces):
        first, last = piece.trail[0], piece.trail[-1]
        if last.host and not last.outgoing:
            places.setdefault((last.host, piece.kept), ([], []))[0].append(number)
        if first.host and first.outgoing:
            places.setdefault((first.host, piece.kept), ([], []))[1].append(number)
    return (meeting for meeting in places.values() if all(meeting))


def paired(pieces: list[Piece], came: list[int], went: list[int]) -> dict[int, int]:
    """Which incoming piece became which outgoing one; nothing where they are of several connections."""
    flows = [{(pieces[at].tcp.source, pieces[at].tcp.target) for at in side} for side in (came, went)]
    if len(flows[0]) != 1 or len(flows[1]) != 1 or flows[0] == flows[1]:
        return {}
    found: dict[int, int] = {}
    waiting = sorted(came, key=lambda at: pieces[at].trail[-1])
    for at in sorted(went, key=lambda at: pieces[at].trail[0], reverse=True):
        while waiting and not pieces[waiting[-1]].trail[-1] < pieces[at].trail[0]:
            waiting.pop()
        if waiting:
            found[waiting.pop()] = at
    return found
