"""One segment, many sightings: the same bytes at several capture points are one segment on its way.

Two sightings are of one segment where all that no router may change is equal: addresses, IP identification (IPv6:
flow label), the whole TCP header but its checksum, the payload. A retransmission has another identification or
another timestamp, so it is a segment of its own. Where two segments are equal to the last byte (SYN-ACKs without
timestamps, RSTs: Linux sends both with identification 0), their sightings are matched in order along the way:

    sent by A       u1      u2      u3          as many arrived as were sent: first in, first out
    seen at B          d1      d2      d3

    sent by A       u1      u2                  fewer arrived: each is the latest one sent before it that is not
    seen at B                  d1               taken, in order; so u1 was lost, u2 is d1

A NIC's own cable may do more to a frame than lose it. A copy that comes out of one besides what was put in is told with
its segment; what comes out with a turned bit is no segment, but a frame that is told as corrupted, and the segment
was lost.

Rules: pure; what is seen of a segment decides, never what should have happened. A NAT on the way rewrites addresses:
the two sides of it are put together by nat.py.

Source: net/ipv4/ip_output.c (ip_build_and_send_pkt and __ip_queue_xmit: who gets which identification).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import NamedTuple

from netlab.records import Frame, Segment, Side
from netlab.wire.checksum import intact
from netlab.wire.decode import ARP, ICMP, ICMPV6, IPV4, TCP, Decoded, Layers, decode, layers
from netlab.wire.nat import Piece, joined
from netlab.wire.spool import Packet, is_host_point

__all__ = ["Observed", "Observer", "observe"]

PAYLOAD_KEPT = 1024
FRAMES_KEPT = 4000
"""Packets of UDP and unnamed protocols that become records; the rest is in the capture file only."""
CORRUPTED = "corrupted on its way: a checksum is wrong"
_JUDGED_IPV4 = (bytes((TCP,)), bytes((ICMP,)))


class Observed(NamedTuple):
    """What the wire showed."""

    segments: list[Segment]
    frames: list[Frame]
    unrecorded: int
    """Packets that became no record: UDP and unnamed protocols beyond the first 4000."""


class Sighting(NamedTuple):
    """One packet of a segment at one capture point."""

    time_ns: int
    number: int
    point: str
    outgoing: bool

    @property
    def host(self) -> str | None:
        """The host whose own NIC saw it; None for a switch port."""
        return self.point.split(".")[0] if is_host_point(self.point) else None


Trail = list[Sighting]
"""The sightings of one segment, in the order of time."""


def observe(packets: Iterable[Packet], owners: Mapping[str, str], offset_ns: int = 0) -> Observed:
    """The segments and other frames that these packets show, by time.

    `owners` maps each address of the lab to its host; `offset_ns` is CLOCK_REALTIME less CLOCK_MONOTONIC.
    """
    observer = Observer(owners, offset_ns)
    for packet in packets:
        observer.see(packet)
    return observer.finish()


class Observer:
    """Takes packets one by one, in order, so that one pass over a capture can feed several readers."""

    def __init__(self, owners: Mapping[str, str], offset_ns: int = 0) -> None:
        self.owners = owners
        self.offset_ns = offset_ns
        self.unrecorded = 0
        self._seen: dict[bytes, tuple[Decoded, Trail]] = {}
        self._points: set[str] = set()
        self._corrupted: set[bytes] = set()
        """What first came out of a cable, and has a wrong checksum."""
        self._plain = 0

    def see(self, packet: Packet) -> None:
        """Take the next packet."""
        if self._plain > FRAMES_KEPT and packet.data[12:14] == b"\x08\x00" and packet.data[23:24] not in _JUDGED_IPV4:
            self.unrecorded += 1  # one of a flood of UDP: not worth a closer look
            return
        found = layers(packet.data)
        if found is None or self._is_too_much(found):
            self.unrecorded += 1
            return
        key = identity(packet.data, found)
        known = self._seen.get(key)
        if known is None:
            decoded = decode(packet.data)
            assert decoded is not None
            known = self._seen[key] = (decoded, [])
        sighting = Sighting(packet.time_ns - self.offset_ns, packet.number, packet.point, packet.direction == "out")
        if not known[1] and self._left_cable(sighting) and not intact(packet.data, found):
            self._corrupted.add(key)
        known[1].append(sighting)
        self._points.add(packet.point)

    def finish(self) -> Observed:
        """All segments and frames that were seen, by time."""
        pieces: list[Piece] = []
        frames: list[Frame] = []
        for key, (decoded, sightings) in self._seen.items():
            for trail, copies in self._sorted_out(trails(sightings)):
                if key in self._corrupted:
                    frames.append(self._frame(decoded, trail, CORRUPTED))
                elif decoded.tcp is not None:
                    pieces.append(Piece(key, decoded.tcp, trail, tuple(copies)))
                else:
                    frames.append(self._frame(decoded, trail, decoded.text))
        segments = [self._segment(way) for way in joined(pieces)]
        segments.sort(key=lambda segment: (segment.time_ns, segment.packet))
        frames.sort(key=lambda frame: (frame.time_ns, frame.packet))
        return Observed(segments, frames, self.unrecorded)

    def _left_cable(self, sighting: Sighting) -> bool:
        """Whether frames come out of a NIC's own cable here: of its end at the NIC, or of that at the switch."""
        here, _, there = sighting.point.partition(":")
        if "." in here:
            return bool(there) and sighting.outgoing
        return not sighting.outgoing and f"{there}:{here}" in self._points

    def _sorted_out(self, found: list[Trail]) -> list[tuple[Trail, list[Trail]]]:
        """Each trail with the copies that cables made of it: those begin where a cable ends, after it did."""
        sent: list[tuple[Trail, list[Trail]]] = []
        for trail in found:
            if sent and self._left_cable(trail[0]):
                sent[-1][1].append(trail)
            else:
                sent.append((trail, []))
        return sent

    def _is_too_much(self, found: Layers) -> bool:
        """Whether this is one packet too many of the kinds that nobody judges."""
        if found.ethertype == ARP or found.protocol in (TCP, ICMP, ICMPV6):
            return False
        self._plain += 1
        return self._plain > FRAMES_KEPT

    def _segment(self, way: list[Piece]) -> Segment:
        tcp, last = way[0].tcp, way[-1].tcp
        trail = [sighting for piece in way for sighting in piece.trail]
        from_, to = self._ends(tcp.source.ip, last.target.ip, trail)
        sent = _sent(trail, from_)
        arrived = next((one for one in reversed(trail) if one.host == to and to and not one.outgoing), None)
        packets: dict[str, int] = {}
        for sighting in trail:
            packets.setdefault(sighting.point, sighting.number)
        first = sent or trail[0]
        return Segment(
            time_ns=first.time_ns,
            from_=from_,
            to=to,
            source=tcp.source,
            target=last.target,
            flags=tcp.flags,
            seq=tcp.seq,
            ack=tcp.ack,
            window=tcp.window,
            payload=tcp.payload[:PAYLOAD_KEPT],
            length=tcp.length,
            options=tcp.options,
            sent_ns=sent.time_ns if sent else None,
            arrived_ns=arrived.time_ns if arrived else None,
            lost_after=None if arrived else trail[-1].point,
            packets=packets,
            packet=first.number,
            by=trail[0].host if trail[0].outgoing and trail[0].host != from_ else None,
            copies=tuple(
                sighting.time_ns
                for piece in way
                for copy in piece.copies
                for sighting in copy[-1:]
                if to and sighting.host == to and not sighting.outgoing
            ),
            sides=tuple(Side(piece.tcp.source, piece.tcp.target) for piece in way) if len(way) > 1 else (),
        )

    def _frame(self, decoded: Decoded, trail: Trail, text: str) -> Frame:
        from_, to = self._ends(decoded.source, decoded.target, trail)
        first = trail[0]
        return Frame(first.time_ns, from_, to, decoded.protocol, text, first.number, first.point)

    def _ends(self, source: str | None, target: str | None, trail: Trail) -> tuple[str | None, str | None]:
        """The hosts at both ends: the owners of the addresses; for an address nobody owns (link-local, loopback,
        none at all) the host that was seen to send it."""
        origin = trail[0].host if trail[0].outgoing else None
        from_ = self.owners.get(source or "") or origin
        to = self.owners.get(target or "")
        if to is None and target and _stays_on_link(target, trail[0].point):
            to = next((one.host for one in reversed(trail) if one.host and not one.outgoing), None)
        return from_, to


def _stays_on_link(target: str, point: str) -> bool:
    """Whether no router forwards to this address, so that the host that sees it come in is the one it is for."""
    return target.startswith("fe80:") or point.endswith(".lo")


def _sent(trail: Trail, from_: str | None) -> Sighting | None:
    """Where its sender was seen to send it: at a NIC of its address's owner, else (a spoofed source) where it began."""
    for sighting in trail:
        if sighting.outgoing and sighting.host is not None and sighting.host == from_:
            return sighting
    return trail[0] if trail[0].outgoing and trail[0].host else None


def identity(data: bytes, found: Layers) -> bytes:
    """What stays equal from hop to hop, and differs between two segments (or frames) as a rule."""
    at = found.network
    if found.protocol < 0:
        return _short(data[at - 14 :] if at == 14 else data)
    if found.ethertype == IPV4:
        head = b"4" + data[at + 4 : at + 8] + data[at + 9 : at + 10] + data[at + 12 : at + 20]
    else:
        flow = bytes((data[at + 1] & 0x0F,)) + data[at + 2 : at + 4]
        head = b"6" + flow + bytes((found.protocol,)) + data[at + 8 : at + 40]
    if found.transport < 0:
        return _short(head + data[at + 20 :])
    begin, end = found.transport, found.end
    if found.protocol == TCP:
        head += data[begin : begin + 16] + data[begin + 18 : min(begin + 20, end)]
        begin += 20
    return head + _short(data[begin:end])


def _short(rest: bytes) -> bytes:
    """Long bytes as a digest, so that a big transfer is not held twice."""
    return rest if len(rest) <= 64 else blake2b(rest, digest_size=16).digest()


def trails(sightings: Trail) -> list[Trail]:
    """Tell apart the segments that are equal to the last byte (see the module): one list of sightings for each."""
    stages: dict[tuple[str, bool], Trail] = {}
    for sighting in sightings:
        stages.setdefault((sighting.point, sighting.outgoing), []).append(sighting)
    if len(stages) == len(sightings):
        return [sightings]
    found: list[Trail] = []
    for stage in stages.values():
        found += _extend(found, stage)
        found.sort(key=lambda trail: trail[0])
    for trail in found:
        trail.sort()
    return found


def _extend(trails: list[Trail], stage: Trail) -> list[Trail]:
    """Add each sighting at one point to the trail it continues; those that continue none begin new ones."""
    if len(stage) >= len(trails):  # none was lost before this point: in order
        waiting = iter(trails)
        trail = next(waiting, None)
        fresh = []
        for sighting in stage:
            if trail is not None and trail[0] < sighting:
                trail.append(sighting)
                trail = next(waiting, None)
            else:
                fresh.append([sighting])
        return fresh
    fresh = []
    at = len(trails) - 1
    for sighting in reversed(stage):
        while at >= 0 and not trails[at][0] < sighting:
            at -= 1
        if at >= 0:
            trails[at].append(sighting)
            at -= 1
        else:
            fresh.append([sighting])
    return fresh
