"""A controller's event loop: descriptors to call back for, moments to call back at. One thread.

Rules: a descriptor is removed before it is closed. What was removed in a round is not called back in that round: its
number may belong to something else by then.
"""

from __future__ import annotations

import heapq
import itertools
import selectors
import time
from collections.abc import Callable

Readable = Callable[[], None]


class Loop:
    """Calls back when descriptors are readable or writable, and when moments come."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def add(self, fd: int, readable: Callable[[], None], writable: Callable[[], None] | None = None) -> None:
        """Call back whenever `fd` is readable, and, if asked for, writable."""
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if writable else 0)
        self._selector.register(fd, events, (readable, writable))

    def change(self, fd: int, readable: Callable[[], None], writable: Callable[[], None] | None) -> None:
        """Call back otherwise from now on."""
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if writable else 0)
        self._selector.modify(fd, events, (readable, writable))

    def remove(self, fd: int) -> None:
        """Call back no more."""
        self._selector.unregister(fd)

    def at(self, moment_ns: int, callback: Callable[[], None]) -> None:
        """Call back once, at a moment of CLOCK_MONOTONIC; whoever is called finds out whether it still matters."""
        heapq.heappush(self._timers, (moment_ns, next(self._order), callback))

    def turn(self) -> None:
        """Wait for the next descriptor or moment, and call back for all that are due."""
        for key, mask in self._selector.select(self._patience_s()):
            readable, writable = key.data
            if mask & selectors.EVENT_WRITE and self._selector.get_map().get(key.fd) is key:
                writable()
            if mask & selectors.EVENT_READ and self._selector.get_map().get(key.fd) is key:
                readable()
        while self._timers and self._timers[0][0] <= time.monotonic_ns():
            heapq.heappop(self._timers)[2]()

    def _patience_s(self) -> float | None:
        return max(self._timers[0][0] - time.monotonic_ns(), 0) / 1e9 if self._timers else None
