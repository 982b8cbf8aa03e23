"""Frames, packets and ring blocks made by hand, for tests without a kernel."""

from __future__ import annotations

import os
import socket
import struct
import tempfile
from collections.abc import Iterable

from netlab.wire import spool
from netlab.wire.spool import Direction, Packet

MAC_A, MAC_B = bytes.fromhex("02000000000a"), bytes.fromhex("02000000000b")
A, B = "10.77.0.1", "10.77.0.2"
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def ethernet(payload: bytes, ethertype: int = 0x0800) -> bytes:
    return MAC_B + MAC_A + struct.pack("!H", ethertype) + payload


def ipv4(payload: bytes, source: str = A, target: str = B, protocol: int = 6, ident: int = 1, ttl: int = 64) -> bytes:
    addresses = socket.inet_aton(source) + socket.inet_aton(target)
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), ident, 0x4000, ttl, protocol, 0) + addresses + payload


def ipv6(payload: bytes, source: str, target: str, protocol: int = 6, flow: int = 7, hops: int = 64) -> bytes:
    addresses = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, target)
    return struct.pack("!IHBB", 6 << 28 | flow, len(payload), protocol, hops) + addresses + payload


def tcp(
    flags: int,
    seq: int = 1,
    ack: int = 1,
    payload: bytes = b"",
    options: bytes = b"",
    ports: tuple[int, int] = (9000, 40000),
) -> bytes:
    offset = (20 + len(options)) // 4
    return struct.pack("!HHIIHHHH", *ports, seq, ack, offset << 12 | flags, 502, 0, 0) + options + payload


def segment(flags: int, ident: int = 1, ttl: int = 64, source: str = A, target: str = B, **fields: object) -> bytes:
    """A TCP segment over IPv4 over Ethernet."""
    return ethernet(ipv4(tcp(flags, **fields), source, target, ident=ident, ttl=ttl))  # type: ignore[arg-type]


def packets(*sightings: tuple[int, str, Direction, bytes]) -> list[Packet]:
    """(time, point, direction, frame) of each, numbered in this order."""
    return [Packet(n, time, point, way, data, len(data)) for n, (time, point, way, data) in enumerate(sightings, 1)]


def path(
    time: int, data: bytes, step: int = 10, start: str = "a", end: str = "b"
) -> list[tuple[int, str, Direction, bytes]]:
    """The four sightings of a frame on its way from host a over switch s to host b, `step` ns apart."""
    return [
        (time, f"{start}.nic", "out", data),
        (time + step, f"s:{start}.nic", "in", data),
        (time + 2 * step, f"s:{end}.nic", "out", data),
        (time + 3 * step, f"{end}.nic", "in", data),
    ]


def ring_block(frames: Iterable[tuple[int, int, bool, bytes]], tag: int = 0) -> bytes:
    """A retired TPACKET_V3 block of (time, ifindex, outgoing, frame)."""
    frames = list(frames)
    body = b""
    for place, (time, ifindex, outgoing, data) in enumerate(frames):
        size = -(-(82 + len(data)) // 16) * 16
        sec, nsec = divmod(time, 10**9)
        status = 1 | (spool.TP_STATUS_VLAN_VALID if tag else 0)
        head = struct.pack(
            "=IIIIIIHHIIHH8x",
            size if place < len(frames) - 1 else 0,
            sec,
            nsec,
            len(data),
            len(data),
            status,
            82,
            96,
            0,
            tag,
            0,
            0,
        )
        address = struct.pack("=HHiHBB8s", 17, 0, ifindex, 1, 4 if outgoing else 0, 6, b"")
        body += (head + address).ljust(82, b"\0") + data.ljust(size - 82, b"\0")
    last = divmod(frames[-1][0], 10**9)
    return struct.pack("=IIIIIIQIIII", 1, 48, 1, len(frames), 48, 48 + len(body), 1, 0, 0, *last) + body


def ring_entry(namespace: int, frames: Iterable[tuple[int, int, bool, bytes]], tag: int = 0) -> bytes:
    block = ring_block(frames, tag)
    return spool.entry(spool.RING, namespace, len(block)) + block


def first_note(names: list[tuple[int, int, str]]) -> bytes:
    clock = {"realtime_ns": 1000, "monotonic_ns": 400, "error_ns": 1}
    return spool.note({"start": {"clock": clock, "namespaces": ["a", "b"]}, "names": names})


def file_of(data: bytes) -> int:
    """A descriptor of a file without a name that holds this."""
    fd = os.open(tempfile.gettempdir(), os.O_TMPFILE | os.O_RDWR, 0o600)
    os.pwrite(fd, data, 0)
    return fd
