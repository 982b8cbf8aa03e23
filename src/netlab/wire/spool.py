"""The spool: one file that the capture process writes while the lab runs, and the client reads when it is over.

    entry   := header (kind, namespace, length)  body
    "ring"     one retired TPACKET_V3 block of that namespace's ring, as the kernel left it, up to its last frame
    "note"     JSON: {"start": …} first of all, {"names": …} whenever an interface got a name, {"end": …} last

Rules: the capture process copies and never decodes; whoever reads sorts. A file that ends in the middle of an entry
(the capture process was killed) is good up to there. An ifindex keeps one name for a whole run: the kernel hands out
a namespace's indices in ascending order and does not reuse them, so a name given late holds for earlier frames too.
Frames of interfaces without a name (the bridge's own device) are passed over.

Source: include/uapi/linux/if_packet.h, Documentation/networking/packet_mmap.rst (block and frame layout); byte order
is the machine's own, as the spool never leaves it.
"""

from __future__ import annotations

import json
import mmap
import os
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Any, Literal, NamedTuple, cast

from netlab import codec
from netlab.records import Trouble
from netlab.wire import clock
from netlab.wire.clock import ClockSample

__all__ = ["CaptureEnd", "Counted", "Direction", "Packet", "Spool", "is_host_point"]

Direction = Literal["in", "out"]

RING, NOTE = b"ring", b"note"
HEADER = Struct("=4sII")
"""Of each entry: kind, index of the namespace (0 for notes), bytes that follow."""

BLOCK = Struct("=4x4x4xIIIQIIII")
"""struct tpacket_block_desc: num_pkts, offset_to_first_pkt, blk_len, seq_num, first sec and nsec, last sec and nsec."""
FRAME = Struct("=IIIIIIH6xIH2x8x4xi2xB")
"""struct tpacket3_hdr with the sockaddr_ll behind it: next_offset, sec, nsec, snaplen, len, status, mac, vlan_tci,
vlan_tpid, ifindex, pkttype."""
PACKET_OUTGOING = 4
TP_STATUS_VLAN_VALID, TP_STATUS_VLAN_TPID_VALID = 1 << 4, 1 << 6
ETH_P_8021Q = 0x8100

SLACK_NS = 50_000_000
"""Frames are stamped after they got their place in the ring (tpacket_rcv), so two CPUs may stamp out of order."""
BATCH = 65_536
"""Frames held while sorting."""


class Packet(NamedTuple):
    """One frame at one capture point."""

    number: int
    """From 1, as Wireshark counts."""
    time_ns: int
    """CLOCK_REALTIME, as stamped by the kernel."""
    point: str
    """"server.nic-a", or "router:client.nic-b" for the switch port that NIC is plugged into."""
    direction: Direction
    """As the interface of the point sees it: a switch port receives ("in") what its host sent."""
    data: bytes
    length: int
    """Its length on the wire; `data` may be shorter."""


@dataclass(frozen=True)
class Counted:
    """What one namespace's ring saw."""

    namespace: str
    packets: int
    """Frames the kernel had for it, dropped ones among them (tp_packets)."""
    drops: int
    """Frames the kernel dropped because the ring was full (tp_drops)."""
    frames: int
    """Frames that were read."""


@dataclass(frozen=True)
class CaptureEnd:
    """How the wire's witness ended."""

    counted: tuple[Counted, ...]
    clock: tuple[ClockSample, ...]
    """At its start and at its end."""
    failed: str | None = None
    """Why it cannot be relied on, where it cannot: "the capture process was killed by SIGKILL"."""

    def troubles(self, time_ns: int) -> list[Trouble]:
        """What is wrong with this witness and its clock; an empty list for nothing."""
        found = [f"{one.namespace}: dropped {one.drops} of {one.packets} frames" for one in self.counted if one.drops]
        found += [self.failed] if self.failed else []
        troubles = [Trouble(time_ns, "wire", what) for what in found]
        step = clock.step_ns(self.clock[0], self.clock[-1]) if self.clock else 0
        if step:
            text = f"the wall clock was set by {step / 1e9:+.6f} s during the run: the order of packets is unknown"
            troubles.append(Trouble(time_ns, "clock", text))
        return troubles


class Block(NamedTuple):
    """Where one ring block lies in the spool, and when its first frame was seen."""

    first_ns: int
    offset: int
    namespace: int


class Frame(NamedTuple):
    """A frame inside a buffer, before its bytes are copied out; sorts by time, a sender before its receiver."""

    time_ns: int
    rank: int
    offset: int
    captured: int
    length: int
    point: str
    outgoing: bool
    tag: int
    """802.1Q tag that the kernel took out of the frame (TPID and TCI), 0 for none."""

    @property
    def direction(self) -> Direction:
        return "out" if self.outgoing else "in"


def is_host_point(point: str) -> bool:
    """Whether a capture point is a host's own NIC, not a switch port."""
    return ":" not in point


def entry(kind: bytes, namespace: int, length: int) -> bytes:
    """The header of an entry."""
    return HEADER.pack(kind, namespace, length)


def note(body: dict[str, Any]) -> bytes:
    """A whole note."""
    text = json.dumps(body).encode()
    return entry(NOTE, 0, len(text)) + text


def frames(buffer: Any, block: int, names: dict[int, str]) -> list[Frame]:
    """The frames of one ring block that begins at `block` in `buffer`, those of unnamed interfaces left out."""
    count, offset = BLOCK.unpack_from(buffer, block)[:2]
    at = block + offset
    found = []
    for _ in range(count):
        step, sec, nsec, captured, length, status, mac, tci, tpid, ifindex, kind = FRAME.unpack_from(buffer, at)
        point = names.get(ifindex)
        if point is not None:
            outgoing = kind == PACKET_OUTGOING
            rank = (0 if outgoing else 3) if ":" not in point else (2 if outgoing else 1)
            tag = 0
            if status & TP_STATUS_VLAN_VALID:
                tag = (tpid if status & TP_STATUS_VLAN_TPID_VALID else ETH_P_8021Q) << 16 | tci
            found.append(Frame(sec * 1_000_000_000 + nsec, rank, at + mac, captured, length, point, outgoing, tag))
        at += step
    return found


def frame_bytes(buffer: Any, frame: Frame) -> bytes:
    """A frame's bytes as they were on the wire, its 802.1Q tag put back."""
    data = bytes(buffer[frame.offset : frame.offset + frame.captured])
    return data[:12] + frame.tag.to_bytes(4, "big") + data[12:] if frame.tag else data


class Spool:
    """A spool that is complete, for reading. Holds the file mapped: use as a context manager, or `close` it."""

    def __init__(self, fd: int) -> None:
        self.start: dict[str, Any] = {}
        self.end: CaptureEnd | None = None
        """None where the capture process did not live to write it."""
        self.points: list[str] = []
        """Every capture point, in the order it was named."""
        self._names: dict[int, dict[int, str]] = {}
        self._blocks: list[Block] = []
        size = os.fstat(fd).st_size
        self._map = mmap.mmap(fd, size, access=mmap.ACCESS_READ) if size else None
        self._scan()

    @property
    def offset_ns(self) -> int:
        """CLOCK_REALTIME less CLOCK_MONOTONIC, as the capture process found it at its start."""
        return codec.decode(ClockSample, self.start["clock"]).offset_ns if self.start else 0

    def packets(self) -> Iterator[Packet]:
        """Every frame, in the order of time, numbered from 1. Holds a bounded number of them at a time."""
        if self._map is None:
            return
        buffer = self._map
        for number, frame in enumerate(self._sorted(), 1):
            length = frame.length + 4 if frame.tag else frame.length
            data = frame_bytes(buffer, frame)
            yield Packet(number, frame.time_ns, frame.point, "out" if frame.outgoing else "in", data, length)

    def close(self) -> None:
        """Unmap the file (the descriptor stays the caller's)."""
        if self._map is not None:
            self._map.close()
            self._map = None

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _sorted(self) -> Iterator[Frame]:
        """All frames by time: what is older than the next block's first frame, less the slack, can go."""
        waiting: list[Frame] = []
        for block in sorted(self._blocks):
            if len(waiting) > BATCH:
                waiting.sort()
                ready = bisect_left(waiting, block.first_ns - SLACK_NS, key=lambda frame: frame.time_ns)
                yield from waiting[:ready]
                del waiting[:ready]
            waiting += frames(self._map, block.offset, self._names.get(block.namespace, {}))
        waiting.sort()
        yield from waiting

    def _scan(self) -> None:
        """Read the notes, and where the blocks are."""
        if self._map is None:
            return
        at, size = 0, len(self._map)
        while at + HEADER.size <= size:
            kind, namespace, length = HEADER.unpack_from(self._map, at)
            body = at + HEADER.size
            at = body + length
            if at > size:
                return
            if kind == NOTE:
                self._take(json.loads(self._map[body:at]))
            elif kind == RING:
                self._blocks.append(Block(first_stamp(self._map, body), body, namespace))

    def _take(self, body: dict[str, Any]) -> None:
        self.start = body.get("start", self.start)
        for namespace, ifindex, name in body.get("names", []):
            self._names.setdefault(namespace, {})[ifindex] = name
            if name not in self.points:
                self.points.append(name)
        if "end" in body:
            self.end = codec.decode(CaptureEnd, body["end"])


def first_stamp(buffer: Any, block: int) -> int:
    """When the first frame of a block was seen (the block's own `ts_first_pkt` is when the block was opened)."""
    offset = BLOCK.unpack_from(buffer, block)[1]
    sec, nsec = FRAME.unpack_from(buffer, block + offset)[1:3]
    return cast(int, sec * 1_000_000_000 + nsec)


def last_stamp(block: bytes) -> int:
    """When the last frame of a block was seen, by the block's header."""
    sec, nsec = BLOCK.unpack_from(block)[-2:]
    return cast(int, sec * 1_000_000_000 + nsec)
