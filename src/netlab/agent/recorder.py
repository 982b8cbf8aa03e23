"""The capture process: copies what the rings hold to the spool, and does nothing else while the lab runs.

    → {"do": "names", "names": [[0, 7, "server.nic-a"]]}      an interface got a name
    → {"do": "follow"}   ← {"grew": 81920}, and again after each write, until  → {"do": "unfollow"}
    → {"do": "stop"}     ← {"end": {…}}, and then the process ends
    ← {"live": {clock}}  once all rings are bound; ← {"error": …} where that failed

Rules: it never decodes and never waits for its parent: a message that finds the socket full is dropped (the next
`grew` says the same and more). It holds no namespace but by its sockets. It is alone with its descriptors: everything
else that the supervisor had open is closed. The parent's death is its own.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from netlab import codec
from netlab.agent import process
from netlab.agent.ring import Ring, retire_ms, sizes
from netlab.errors import KernelError
from netlab.wire import clock, spool
from netlab.wire.spool import CaptureEnd, Counted

__all__ = ["CapturePoints", "run"]

THREADS = 128
"""Rings set up or closed at once: what they wait for (an RCU grace period) is the same for all."""
FLUSH_S = 2.0
"""How long the last frames may take from the rings after the end."""
MESSAGE = 2**20
VECTORS = 1000
"""Buffers in one write: IOV_MAX is 1024 (limits.h)."""


class NamespaceLike(Protocol):
    """What is needed of a kernel.namespaces.Namespace."""

    name: str

    def entered(self) -> AbstractContextManager[None]:
        """Put the calling thread into it."""


@dataclass(frozen=True)
class CapturePoints:
    """A namespace to watch, and what its interfaces are called, by ifindex."""

    namespace: NamespaceLike
    names: dict[int, str]
    only: tuple[int, int] | None = None
    """The first and last ifindex to watch; None: all there are and will be."""


def run(places: Sequence[CapturePoints], control: socket.socket, file: int, ring: int | None, snap: int) -> NoReturn:
    """Be the capture process, in a child that was just forked; never returns."""
    status = 1
    try:
        _become()
        recorder = Recorder(control, file)
        recorder.open(places, ring, snap)
        recorder.record()
        status = 0
    except KernelError as error:
        control.send(json.dumps({"error": codec.encode(error)}).encode())
    except BrokenPipeError:
        status = 2  # the supervisor is gone: nobody is left to tell
    except BaseException:  # the supervisor's standard error is this process's, too
        traceback.print_exc()
    finally:
        os._exit(status)


def _become() -> None:
    """Shed what was the supervisor's: its signals, its event loop's wake-up pipe, its garbage."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    process.name_process("netlab-capture")
    gc.freeze()  # the inherited heap stays shared with the parent


class Recorder:
    """The rings, and the file they are copied to."""

    def __init__(self, control: socket.socket, file: int) -> None:
        self.control = control
        self.file = file
        self.at = 0
        """Where the next entry goes."""
        self.rings: list[Ring] = []
        self.epoll = select.epoll()
        self.started = clock.sample()
        self.failed: str | None = None
        self.following = False
        self.stopping = False

    def open(self, places: Sequence[CapturePoints], ring: int | None, snap: int) -> None:
        """Have all rings live. Raises: KernelError."""
        for place, size in zip(places, sizes([len(place.names) for place in places], ring)):
            with place.namespace.entered():
                self.rings.append(Ring(place.namespace.name, size))
        mine = [self.control.fileno(), self.file, self.epoll.fileno(), *(one.socket.fileno() for one in self.rings)]
        close_others(mine)
        process.die_with_parent(self.control.fileno())
        retire = retire_ms(len(self.rings))
        mapped = zip(self.rings, places, strict=True)
        together([lambda one=one, only=place.only: one.map(snap, retire, only) for one, place in mapped])  # type: ignore[misc]
        self.write([self.first_note(places)])
        for one in self.rings:
            one.bind()
            self.epoll.register(one.socket.fileno(), select.EPOLLIN)
        self.epoll.register(self.control.fileno(), select.EPOLLIN)
        self.say({"live": codec.encode(self.started)})

    def first_note(self, places: Sequence[CapturePoints]) -> bytes:
        """What a reader of the spool has to know before the first frame."""
        names = [
            (place, ifindex, name) for place, points in enumerate(places) for ifindex, name in points.names.items()
        ]
        start = {"clock": codec.encode(self.started), "namespaces": [place.namespace.name for place in places]}
        return spool.note({"start": start, "names": names})

    def record(self) -> None:
        """Copy until told to stop, then copy the rest, say how it was, and close."""
        by_fd = {ring.socket.fileno(): (place, ring) for place, ring in enumerate(self.rings)}
        while not self.stopping:
            for fd, _ in self.epoll.poll():
                if fd in by_fd:
                    self.copy(*by_fd[fd])
                else:
                    self.obey()
            if self.following:
                self.grew()
        self.flush()
        counted = tuple(Counted(ring.namespace, ring.packets, ring.drops, ring.frames) for ring in self.rings)
        end = CaptureEnd(counted, (self.started, clock.sample()), self.failed)
        self.write([spool.note({"end": codec.encode(end)})])
        self.say({"end": codec.encode(end)})
        together([ring.close for ring in self.rings])

    def copy(self, place: int, ring: Ring) -> None:
        """Move a ring's retired blocks to the spool."""
        blocks = ring.retired()
        vectors: list[bytes | memoryview] = []
        for block in blocks:
            vectors += spool.entry(spool.RING, place, len(block)), block
        self.write(vectors)
        ring.release(len(blocks))

    def write(self, vectors: list[bytes | memoryview]) -> None:
        """Append to the spool. Where that fails, the rings are still emptied: what is lost is said at the end."""
        if self.failed:
            return
        for begin in range(0, len(vectors), VECTORS):
            part = vectors[begin : begin + VECTORS]
            size = sum(map(len, part))
            try:
                done = os.pwritev(self.file, part, self.at)
            except OSError as error:
                self.failed = f"write the capture: {os.strerror(error.errno or 0)} after {self.at} bytes"
                return
            if done < size:
                self.failed = f"write the capture: the file system took {self.at + done} bytes and no more"
                return
            self.at += size

    def flush(self) -> None:
        """Take no more frames, and copy until each ring gave as many as the kernel counted."""
        for ring in self.rings:
            ring.refuse()
        deadline = time.monotonic() + FLUSH_S
        while True:
            for place, ring in enumerate(self.rings):
                self.copy(place, ring)
                ring.count()
            missing = [ring for ring in self.rings if not ring.complete]
            if not missing:
                return
            if time.monotonic() > deadline:
                what = ", ".join(f"{r.namespace} {r.frames} of {r.packets - r.drops}" for r in missing)
                self.failed = self.failed or f"frames read {FLUSH_S} s after the end: {what}"
                return
            self.epoll.poll(retire_ms(len(self.rings)) / 1000)

    def obey(self) -> None:
        """Carry out one message of the supervisor."""
        message = self.control.recv(MESSAGE)
        if not message:
            raise BrokenPipeError
        order = json.loads(message)
        if order["do"] == "names":
            self.write([spool.note({"names": order["names"]})])
        elif order["do"] == "stop":
            self.stopping = True
        else:
            self.following = order["do"] == "follow"

    def grew(self) -> None:
        """Say how much of the spool is whole."""
        with suppress(BlockingIOError):
            self.control.send(json.dumps({"grew": self.at}).encode(), socket.MSG_DONTWAIT)

    def say(self, message: dict[str, Any]) -> None:
        self.control.send(json.dumps(message).encode())


def close_others(keep: Iterable[int]) -> None:
    """Close every descriptor above standard error that is not in `keep`."""
    low = 3
    for fd in sorted(keep):
        os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, os.sysconf("SC_OPEN_MAX"))


def together(jobs: Sequence[Callable[[], object]]) -> None:
    """Do all of it at once, in threads. Raises: the first exception of any."""
    failures: list[BaseException] = []

    def some(begin: int) -> None:
        try:
            for job in jobs[begin::THREADS]:
                job()
        except BaseException as error:  # raised again below
            failures.append(error)

    threads = [threading.Thread(target=some, args=(begin,)) for begin in range(min(THREADS, len(jobs)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
