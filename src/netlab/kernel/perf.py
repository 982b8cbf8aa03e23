"""perf_event_open: tracepoints of the whole machine, read from one ring a CPU.

Rules: every object here is a file descriptor or a mapping of one; the kernel frees all of it with its last descriptor,
so that a SIGKILL leaves nothing (a tracefs instance would stay). Stamps are CLOCK_MONOTONIC, the clock of the record.
A record the kernel had no room for is counted, never passed over. What a sample means is no business of this module:
it hands out (time, bytes) as the kernel wrote them.

    cpu 0:  event A ─ mmap ─▶ ring        cpu 1:  event A ─ mmap ─▶ ring
            event B ─ SET_OUTPUT ─┘               event B ─ SET_OUTPUT ─┘

Source: perf_event_open(2); include/uapi/linux/perf_event.h; kernel/events/core.c (perf_event_set_output: the events
that share a ring have the same CPU and the same clock).
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import mmap
import os
import platform
import struct
import time
from collections.abc import Iterator
from pathlib import Path

__all__ = ["Ring", "online_cpus", "ring_pages"]

_SYSCALL = {"x86_64": 298, "ppc64le": 319, "s390x": 331, "armv7l": 364, "i686": 336}
"""The number of perf_event_open where it is not the generic 241 (aarch64, riscv64, loongarch64).
Source: arch/*/entry/syscalls/*.tbl, include/uapi/asm-generic/unistd.h."""

PERF_TYPE_TRACEPOINT = 2
PERF_SAMPLE_TIME, PERF_SAMPLE_RAW = 1 << 2, 1 << 10
PERF_FORMAT_LOST = 1 << 4
PERF_FLAG_FD_CLOEXEC = 1 << 3
PERF_RECORD_LOST, PERF_RECORD_THROTTLE, PERF_RECORD_SAMPLE = 2, 5, 9
_DISABLED, _WATERMARK, _USE_CLOCKID = 1 << 0, 1 << 14, 1 << 25
_ATTR = struct.Struct("=IIQQQQQIIQQQQIi")
"""struct perf_event_attr up to `clockid` (PERF_ATTR_SIZE_VER3, Linux 4.1)."""

_ENABLE, _DISABLE = 0x2400, 0x2401
_SET_OUTPUT = 0x2405
_SET_FILTER = 0x40002406 | ctypes.sizeof(ctypes.c_void_p) << 16
"""PERF_EVENT_IOC_*. Source: include/uapi/linux/perf_event.h (the size of a pointer is in SET_FILTER's number)."""

_DATA_HEAD, _DATA_TAIL = 1024, 1032
"""Offsets of data_head and data_tail in struct perf_event_mmap_page: they have a kilobyte of their own before them."""

_HEADER, _TIME_SIZE, _LOST = struct.Struct("=IHH"), struct.Struct("=QI"), struct.Struct("=QQ")
_U64, _COUNTS = struct.Struct("=Q"), struct.Struct("=QQ")

_libc = ctypes.CDLL(None, use_errno=True)


def online_cpus() -> tuple[int, ...]:
    """The CPUs that run now: an event cannot be opened on one that is offline. Source: sysfs-devices-system-cpu."""
    return tuple(_cpu_list(Path("/sys/devices/system/cpu/online").read_text()))


def _cpu_list(text: str) -> Iterator[int]:
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def ring_pages(cpus: int, budget: int = 8 << 20) -> int:
    """Data pages per ring, a power of two, so that all rings together stay within `budget` bytes: 8 to 128 pages."""
    pages = 128
    while pages > 8 and pages * mmap.PAGESIZE * cpus > budget:
        pages //= 2
    return pages


class Ring:
    """One CPU's tracepoints in one ring. Nothing is recorded before `enable`.

    Raises: OSError (EACCES and EPERM: not permitted; ENODEV: the CPU is offline; EMFILE: too few descriptors).
    """

    def __init__(self, cpu: int, tracepoints: list[int], filters: dict[int, str], pages: int) -> None:
        self.cpu = cpu
        self._events: list[int] = []
        self._size = pages * mmap.PAGESIZE
        self._counts_lost = True
        self._told_lost = 0
        self._delivered = 0
        try:
            for tracepoint in tracepoints:
                self._add(tracepoint, filters.get(tracepoint))
            self._map = mmap.mmap(self._events[0], self._size + mmap.PAGESIZE)
            for event in self._events[1:]:
                fcntl.ioctl(event, _SET_OUTPUT, self._events[0])
        except BaseException:
            self.close()
            raise

    def fileno(self) -> int:
        """Readable for poll and epoll once the ring is a quarter full."""
        return self._events[0]

    def enable(self) -> None:
        """Record from now on."""
        for event in self._events:
            fcntl.ioctl(event, _ENABLE, 0)

    def disable(self) -> None:
        """Record nothing any more; what the ring holds stays readable."""
        for event in self._events:
            fcntl.ioctl(event, _DISABLE, 0)

    def close(self) -> None:
        """Free the ring and its events."""
        if hasattr(self, "_map"):
            self._map.close()
        for event in self._events:
            with contextlib.suppress(OSError):  # close(2) frees the descriptor whatever it returns
                os.close(event)
        self._events = []

    def read(self) -> list[tuple[int, bytes]]:
        """Every sample since the last read as (time_ns, raw bytes).

        The head is read once, before the data it covers; the tail is given back at the end.
        """
        head = _U64.unpack_from(self._map, _DATA_HEAD)[0]
        tail = _U64.unpack_from(self._map, _DATA_TAIL)[0]
        data = self._between(tail, head)
        _U64.pack_into(self._map, _DATA_TAIL, head)
        samples: list[tuple[int, bytes]] = []
        at = 0
        while at < len(data):
            kind, _, size = _HEADER.unpack_from(data, at)
            if kind == PERF_RECORD_SAMPLE:
                stamp, length = _TIME_SIZE.unpack_from(data, at + 8)
                samples.append((stamp, data[at + 20 : at + 20 + length]))
                self._delivered += 1
            elif kind == PERF_RECORD_LOST:
                self._told_lost += _LOST.unpack_from(data, at + 8)[1]
            elif kind == PERF_RECORD_THROTTLE:
                self._told_lost += 1  # how many were held back is not told
            at += size
        return samples

    def lost(self) -> int:
        """Records lost since the start; from Linux 6.0 on also those after which no record came to tell."""
        if not self._counts_lost:
            return self._told_lost
        counts = [int(_COUNTS.unpack(os.read(event, _COUNTS.size))[1]) for event in self._events]
        return max(self._told_lost, sum(counts))

    def withheld(self) -> int:
        """Events that the kernel counted and neither delivered nor lost. To be asked when disabled and read.

        On one machine (Linux 6.18, a virtual CPU) none that happened in a CPU's idle task came, timers' mostly; the
        count is what gives it away. Source: `perf_swevent_event` in kernel/events/core.c counts before it samples.
        """
        counted = sum(_U64.unpack_from(os.read(event, _COUNTS.size))[0] for event in self._events)
        return max(0, int(counted) - self._delivered - self.lost())

    def _between(self, tail: int, head: int) -> bytes:
        """The bytes from `tail` to `head`, positions that only grow: the ring is their remainder."""
        first, last = tail % self._size, head % self._size
        start = mmap.PAGESIZE
        if head == tail:
            return b""
        if first < last:
            return self._map[start + first : start + last]
        return self._map[start + first : start + self._size] + self._map[start : start + last]

    def _add(self, tracepoint: int, filter_: str | None) -> None:
        try:
            event = self._open(tracepoint)
        except OSError as error:
            if error.errno != errno.EINVAL or not self._counts_lost:
                raise
            self._counts_lost = False  # PERF_FORMAT_LOST came with Linux 6.0
            event = self._open(tracepoint)
        self._events.append(event)
        if filter_:
            fcntl.ioctl(event, _SET_FILTER, filter_.encode() + b"\0")

    def _open(self, tracepoint: int) -> int:
        attr = _ATTR.pack(
            PERF_TYPE_TRACEPOINT,
            _ATTR.size,
            tracepoint,
            1,  # sample_period: every event
            PERF_SAMPLE_TIME | PERF_SAMPLE_RAW,
            PERF_FORMAT_LOST if self._counts_lost else 0,
            _DISABLED | _WATERMARK | _USE_CLOCKID,
            self._size // 4,  # wakeup_watermark, in bytes
            0,
            0,
            0,
            0,
            0,
            0,
            time.CLOCK_MONOTONIC,
        )
        number = _SYSCALL.get(platform.machine(), 241)
        flags = ctypes.c_ulong(PERF_FLAG_FD_CLOEXEC)
        event: int = _libc.syscall(ctypes.c_long(number), attr, -1, self.cpu, -1, flags)
        if event < 0:
            raise OSError(ctypes.get_errno(), "perf_event_open")
        return event
