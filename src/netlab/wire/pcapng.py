"""The capture file: every frame of every capture point, for Wireshark and tshark, with the lab's story as comments.

    section header ─ one interface block per capture point ("server.nic-a") ─ one enhanced packet block per frame

Rules: it streams; nothing but one packet is held. Stamps are in nanoseconds of CLOCK_REALTIME. What happened besides
packets (a step, a fault) is a comment on the first packet at or after its moment; what happened after the last packet
is on that one and says so; where there is no packet at all, it is a comment of the whole section.

It is no plugin of outputs/: those turn a record into text, this needs the packets themselves, which no record holds.

Source: draft-ietf-opsawg-pcapng (block and option formats).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import BinaryIO

from netlab.wire.spool import Direction, Packet, is_host_point

__all__ = ["Marker", "Writer", "read", "write"]

Marker = tuple[int, str]
"""CLOCK_REALTIME in ns, and what happened then."""

SECTION, INTERFACE, ENHANCED = 0x0A0D0D0A, 1, 6
BYTE_ORDER = 0x1A2B3C4D
ETHERNET = 1
OPT_END, OPT_COMMENT = 0, 1
SHB_OS, SHB_APPLICATION = 3, 4
IF_NAME, IF_DESCRIPTION, IF_TSRESOL = 2, 3, 9
EPB_FLAGS = 2
INBOUND, OUTBOUND = 1, 2
FLUSH = 1 << 20


class Writer:
    """Writes packets, in order, through `write`; `finish` must be called at the end."""

    def __init__(
        self, points: Sequence[str], markers: Iterable[Marker], write: Callable[[bytes], object], system: str = ""
    ) -> None:
        self.points = points
        self.system = system
        self.packets = 0
        """How many packets were taken."""
        self._index = {point: place for place, point in enumerate(points)}
        self._write = write
        self._markers = sorted(markers, reverse=True)
        self._held: tuple[Packet, list[str]] | None = None
        self._buffer = bytearray()

    def see(self, packet: Packet) -> None:
        """Take the next packet."""
        if self._held is None:
            self._buffer += section(self.system) + b"".join(interface(point) for point in self.points)
        else:
            self._flush_held()
        comments = []
        while self._markers and self._markers[-1][0] <= packet.time_ns:
            comments.append(self._markers.pop()[1])
        self._held = packet, comments
        self.packets += 1
        if len(self._buffer) >= FLUSH:
            self._drain()

    def finish(self) -> None:
        """Write what is held back, with the comments that are left."""
        rest = [text for _, text in reversed(self._markers)]
        if self._held is None:
            self._buffer += section(self.system, rest) + b"".join(interface(point) for point in self.points)
        else:
            self._held[1].extend(f"after this packet: {text}" for text in rest)
            self._flush_held()
        self._drain()

    def _flush_held(self) -> None:
        assert self._held is not None
        packet, comments = self._held
        self._buffer += enhanced(packet, self._index[packet.point], comments)

    def _drain(self) -> None:
        self._write(bytes(self._buffer))
        self._buffer.clear()


def write(
    packets: Iterable[Packet],
    points: Sequence[str],
    markers: Iterable[Marker],
    write: Callable[[bytes], object],
    system: str = "",
) -> int:
    """Write a whole capture file through `write`; returns how many packets it holds.

    `system` is the kernel it was captured on.
    """
    writer = Writer(points, markers, write, system)
    for packet in packets:
        writer.see(packet)
    writer.finish()
    return writer.packets


def section(system: str, comments: Sequence[str] = ()) -> bytes:
    """A section header of unknown length."""
    options = [option(OPT_COMMENT, text.encode()) for text in comments]
    if system:
        options.append(option(SHB_OS, system.encode()))
    options.append(option(SHB_APPLICATION, b"netlab"))
    return block(SECTION, struct.pack("=IHHq", BYTE_ORDER, 1, 0, -1) + ended(options))


def interface(point: str) -> bytes:
    """The description of one capture point."""
    options = [
        option(IF_NAME, point.encode()),
        option(IF_DESCRIPTION, describe(point).encode()),
        option(IF_TSRESOL, b"\x09"),
    ]
    return block(INTERFACE, struct.pack("=HHI", ETHERNET, 0, 0) + ended(options))


def describe(point: str) -> str:
    """A capture point in words."""
    if is_host_point(point):
        host, _, nic = point.partition(".")
        return f"NIC {nic} of host {host}"
    switch, _, nic = point.partition(":")
    if "." in switch:
        return f"end of the cable at NIC {switch}, before {nic}"
    return f"port of switch {switch} that {nic} is plugged into"


def enhanced(packet: Packet, place: int, comments: Sequence[str]) -> bytes:
    """One packet. Almost all have no comment: those are packed in one go."""
    flags = OUTBOUND if packet.direction == "out" else INBOUND
    high, low = divmod(packet.time_ns, 1 << 32)
    size = len(packet.data)
    if not comments:
        whole, total = plain(size)
        return whole.pack(
            ENHANCED, total, place, high, low, size, packet.length, packet.data, EPB_FLAGS, 4, flags, OPT_END, total
        )
    options = [option(OPT_COMMENT, text.encode()) for text in comments]
    options.append(option(EPB_FLAGS, struct.pack("=I", flags)))
    head = struct.pack("=IIIII", place, high, low, size, packet.length)
    return block(ENHANCED, head + padded(packet.data) + ended(options))


@cache
def plain(size: int) -> tuple[struct.Struct, int]:
    """The layout of a packet block without comments for so many bytes of packet, and its length."""
    whole = struct.Struct(f"=IIIIIII{size}s{-size % 4}xHHIII")
    return whole, whole.size


def option(code: int, value: bytes) -> bytes:
    """An option; a value that is too long for its 16-bit length is cut."""
    value = value[:65_535]
    return struct.pack("=HH", code, len(value)) + padded(value)


def ended(options: Iterable[bytes]) -> bytes:
    """Options with their end mark."""
    return b"".join(options) + struct.pack("=HH", OPT_END, 0)


def block(kind: int, body: bytes) -> bytes:
    """A block: its length stands at both ends."""
    total = len(body) + 12
    return struct.pack("=II", kind, total) + body + struct.pack("=I", total)


def padded(data: bytes) -> bytes:
    """Filled up to 32 bits."""
    return data + bytes(-len(data) % 4)


def read(file: BinaryIO) -> Iterator[Packet]:
    """The packets of a capture file that this module wrote (on a machine of the same byte order)."""
    points: list[str] = []
    number = 0
    while head := file.read(8):
        kind, total = struct.unpack("=II", head)
        body = file.read(total - 8)[:-4]
        if kind == INTERFACE:
            _, length = struct.unpack_from("=HH", body, 8)
            points.append(body[12 : 12 + length].decode())
        elif kind == ENHANCED:
            number += 1
            place, high, low, size, length = struct.unpack_from("=IIIII", body)
            direction = _direction(body, 20 + size + -size % 4)
            yield Packet(number, high << 32 | low, points[place], direction, body[20 : 20 + size], length)


def _direction(body: bytes, at: int) -> Direction:
    """What epb_flags says, behind whatever comments stand before it."""
    while True:
        code, length = struct.unpack_from("=HH", body, at)
        if code == EPB_FLAGS:
            return "out" if body[at + 4] & 3 == OUTBOUND else "in"
        at += 4 + length + -length % 4
