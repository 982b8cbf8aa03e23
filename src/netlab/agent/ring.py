"""One namespace's capture ring: an AF_PACKET socket bound to all its interfaces, its TPACKET_V3 ring mapped.

    open() ─▶ map() ─▶ bind() ─▶ retired() … release() ─▶ refuse() ─▶ close()

Rules: `map` and `close` wait for RCU (10 to 30 ms each) and so are called in threads, many rings at once; both leave
the interpreter's lock free meanwhile (socket.setsockopt would hold it). Bound to no interface in particular, the
socket goes on seeing a NIC that left and came back. The socket belongs to the namespace it was opened in: after
`open`, no thread needs to be there.

Source: packet(7), Documentation/networking/packet_mmap.rst, net/packet/af_packet.c (packet_set_ring, tpacket_rcv).
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import socket
import struct
from dataclasses import dataclass

from netlab.errors import KernelError
from netlab.wire.spool import BLOCK

__all__ = ["Ring", "RingSize", "retire_ms", "sizes"]

SOL_PACKET = 263
PACKET_RX_RING, PACKET_STATISTICS, PACKET_VERSION = 5, 6, 10
TPACKET_V3 = 2
ETH_P_ALL = 3
SO_ATTACH_FILTER = 26
BPF_RETURN, BPF_LOAD, BPF_JUMP_GREATER, BPF_JUMP_AT_LEAST = 0x06, 0x20, 0x25, 0x35
"""BPF_RET | BPF_K: accept so many bytes of the frame, 0 to refuse it; BPF_LD | BPF_W | BPF_ABS; BPF_JMP | BPF_JGT and
BPF_JGE, with how many steps to pass over where it is so and where not (linux/bpf_common.h)."""
IFINDEX = 0xFFFF_F008
"""Where a frame's ifindex can be loaded from: SKF_AD_OFF + SKF_AD_IFINDEX (linux/filter.h)."""
TP_STATUS_USER = 1
STATUS_WORD, COUNT_WORD, LENGTH_WORD = 2, 3, 5
"""Where block_status, num_pkts and blk_len lie in a struct tpacket_block_desc, in 32-bit words."""
FRAME_SIZE = 2048
"""V3 does not use it but to check the request: frames lie behind each other, whatever their size."""

TOTAL_BYTES = 64 * 2**20
LEAST_BYTES, MOST_BYTES = 128 * 2**10, 2 * 2**20
"""Of one namespace. A first touch of memory costs up to 1 ms for each MiB; 2 MiB hold 70 ms of 200,000 small frames a
second, and 32 retired blocks."""
MOST_BLOCK = 64 * 2**10
LEAST_BLOCK = 16 * 2**10

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class RingSize:
    """A ring of `blocks` blocks; a frame must fit into a block (the kernel cuts it off otherwise)."""

    block: int
    blocks: int

    @classmethod
    def of(cls, wanted: int) -> RingSize:
        """About so many bytes: 64 KiB a block, smaller in a small ring, which needs blocks to spare too."""
        block = MOST_BLOCK
        while block > LEAST_BLOCK and wanted < 16 * block:
            block //= 2
        return cls(block, max(wanted // block, 4))

    @property
    def bytes(self) -> int:
        return self.block * self.blocks


def sizes(points: list[int], wanted: int | None) -> list[RingSize]:
    """How large each namespace's ring is: `wanted` bytes, or a share of the whole by its number of capture points.

    Raises: KernelError, where they would take more than a quarter of the machine: rings count against no limit, and
    sooner than refuse them the kernel kills processes.
    """
    if wanted is not None:
        return _bounded([RingSize.of(wanted)] * len(points))
    share = TOTAL_BYTES / max(sum(points), 1)
    return [RingSize.of(min(max(int(share * count), LEAST_BYTES), MOST_BYTES)) for count in points]


def _bounded(wished: list[RingSize]) -> list[RingSize]:
    most = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4
    total = sum(size.bytes for size in wished)
    if total > most:
        hint = f"`capture: {{ring: …}}` is memory for each of them, and all together may have {most >> 20} MiB"
        raise KernelError(f"make {len(wished)} rings of {total >> 20} MiB together", errno=errno.ENOMEM, hint=hint)
    return wished


def retire_ms(rings: int) -> int:
    """After how many milliseconds the kernel hands over a block that is not full: 2, more where many rings' timers
    (which run whether there are frames or not) would keep the machine busy."""
    return max(2, min(rings // 2, 50))


class Ring:
    """A capture ring. `frames`, `packets` and `drops` count since it was bound."""

    def __init__(self, namespace: str, size: RingSize) -> None:
        """Open the socket, in the namespace the calling thread is in. Raises: KernelError."""
        self.namespace = namespace
        self.size = size
        self.frames = self.packets = self.drops = 0
        try:
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        except OSError as error:
            raise KernelError("open a capture socket", namespace, errno=error.errno or 0) from error
        self._next = 0

    def map(self, snap: int, retire: int, only: tuple[int, int] | None = None) -> None:
        """Have the kernel make the ring, and map it, for these interfaces only (first and last ifindex).

        Slow; leaves the interpreter's lock free. Raises: KernelError.
        """
        frames = self.size.bytes // FRAME_SIZE
        self._set("choose TPACKET_V3", PACKET_VERSION, struct.pack("=i", TPACKET_V3))
        request = struct.pack("=7I", self.size.block, self.size.blocks, FRAME_SIZE, frames, retire, 0, 0)
        self._set(f"make a ring of {self.size.bytes} bytes", PACKET_RX_RING, request)
        if snap < 65_535 or only is not None:
            self._filter(snap, only)
        self._map = mmap.mmap(self.socket.fileno(), self.size.bytes)
        self._bytes = memoryview(self._map)
        self._words = self._bytes.cast("I")

    def bind(self) -> None:
        """See every frame of every interface from now on. Raises: KernelError."""
        # ctypes, because the socket module's bind insists on an interface's name.
        address = struct.pack("=HHiHBB8s", socket.AF_PACKET, socket.htons(ETH_P_ALL), 0, 0, 0, 0, b"")
        if _libc.bind(self.socket.fileno(), address, len(address)):
            raise KernelError("bind a capture socket", self.namespace, errno=ctypes.get_errno())

    def retired(self) -> list[memoryview]:
        """The blocks that wait to be read, oldest first, each up to its last frame. `release` them afterwards."""
        found: list[memoryview] = []
        at = self._next
        while len(found) < self.size.blocks:
            word = at * self.size.block // 4
            if not self._words[word + STATUS_WORD] & TP_STATUS_USER:
                break
            begin = at * self.size.block
            found.append(self._bytes[begin : begin + self._words[word + LENGTH_WORD]])
            self.frames += self._words[word + COUNT_WORD]
            at = (at + 1) % self.size.blocks
        return found

    def release(self, blocks: int) -> None:
        """Give the oldest blocks back to the kernel: their bytes may change at once."""
        for _ in range(blocks):
            # One aligned 32-bit store, as the kernel may look at any time.
            self._words[self._next * self.size.block // 4 + STATUS_WORD] = 0
            self._next = (self._next + 1) % self.size.blocks

    def count(self) -> None:
        """Add what the kernel counted since the last time: reading its counters clears them."""
        packets, drops, _ = struct.unpack("=3I", self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 12))
        self.packets += packets
        self.drops += drops

    @property
    def complete(self) -> bool:
        """Whether every frame the kernel counted was read or dropped. (tp_packets counts the dropped ones too.)"""
        return self.frames == self.packets - self.drops

    def refuse(self) -> None:
        """See no more frames: what is in the ring by now is all there will be."""
        self._filter(0)

    def close(self) -> None:
        """Unmap and close. Slow; leaves the interpreter's lock free."""
        self._words.release()
        self._bytes.release()
        self._map.close()
        self.socket.close()

    def _set(self, attempt: str, option: int, value: bytes) -> None:
        if _libc.setsockopt(self.socket.fileno(), SOL_PACKET, option, value, len(value)):
            number = ctypes.get_errno()
            hint = "a smaller `capture: {ring: …}` may do" if option == PACKET_RX_RING else os.strerror(number)
            raise KernelError(attempt, self.namespace, errno=number, hint=hint)

    def _filter(self, accepted: int, only: tuple[int, int] | None = None) -> None:
        """Accept so many bytes of each frame (of these interfaces). Source: socket(7), SO_ATTACH_FILTER."""
        steps = [(BPF_RETURN, 0, 0, accepted)]
        if only is not None:
            first, last = only
            steps = [
                (BPF_LOAD, 0, 0, IFINDEX),
                (BPF_JUMP_AT_LEAST, 0, 2, first),
                (BPF_JUMP_GREATER, 1, 0, last),
                *steps,
                (BPF_RETURN, 0, 0, 0),
            ]
        program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
        attached = struct.pack("@HP", len(steps), ctypes.addressof(program))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, attached)


assert BLOCK.size == 48  # the words above count on it
