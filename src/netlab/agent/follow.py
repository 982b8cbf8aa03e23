"""What has been on the wire so far, read back from the spool while the lab runs, for a step that waits for a segment.

Rules: the supervisor decodes, and only while somebody waits; the capture process goes on copying undisturbed. One ring
block at a time, so that the event loop gets its turn. The spool is read only as far as the capture process said it is
whole.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

from netlab.wire import spool
from netlab.wire.decode import Tcp, decode
from netlab.wire.spool import Direction

__all__ = ["Follower", "Names", "Sighting"]

Names = dict[int, dict[int, str]]
"""Namespace index to ifindex to capture point."""


class Sighting(NamedTuple):
    """A TCP segment at one capture point."""

    time_ns: int
    """CLOCK_MONOTONIC."""
    point: str
    direction: Direction
    segment: Tcp


class Follower:
    """Reads one spool from its beginning, and calls `callback` for each TCP segment seen at or after `since_ns`."""

    def __init__(
        self, file: int, names: Names, offset_ns: int, since_ns: int, callback: Callable[[Sighting], object]
    ) -> None:
        self.callback = callback
        self._file = file
        self._names = names
        self._offset_ns = offset_ns
        self._since_ns = since_ns
        self._at = 0

    def advance(self, end: int) -> bool:
        """Take the next entry that lies before `end`; False where there is none."""
        if self._at + spool.HEADER.size > end:
            return False
        header = os.pread(self._file, spool.HEADER.size, self._at)
        kind, namespace, length = spool.HEADER.unpack(header)
        begin = self._at + spool.HEADER.size
        self._at = begin + length
        if kind == spool.RING:
            self._take(begin, length, self._names.get(namespace, {}))
        return True

    def _take(self, begin: int, length: int, names: dict[int, str]) -> None:
        """Report what one ring block holds; one that is wholly from before is not even read."""
        head = os.pread(self._file, spool.BLOCK.size, begin)
        if spool.last_stamp(head) - self._offset_ns < self._since_ns:
            return
        block = os.pread(self._file, length, begin)
        for frame in spool.frames(block, 0, names):
            time_ns = frame.time_ns - self._offset_ns
            if time_ns < self._since_ns:
                continue
            decoded = decode(spool.frame_bytes(block, frame))
            if decoded is not None and decoded.tcp is not None:
                self.callback(Sighting(time_ns, frame.point, frame.direction, decoded.tcp))
