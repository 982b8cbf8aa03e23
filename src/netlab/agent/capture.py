"""The wire's witness, as the supervisor holds it: starts the capture process, names interfaces, follows, stops.

    supervisor ──fork──▶ capture process (recorder.py): one ring per namespace (ring.py) ──copies blocks──▶ spool
         └─ follow: reads the spool back (follow.py) while a step waits for a segment

Rules: one process for all namespaces. The witness may die without the run: then `died` says how, and the CaptureEnd of
`stop` carries it as what failed. `stop` returns when every frame that the kernel counted is in the spool; the rings are
closed meanwhile, by the process as it ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from netlab import codec
from netlab.agent import recorder
from netlab.agent.follow import Follower, Sighting
from netlab.agent.recorder import CapturePoints
from netlab.errors import KernelError, NetlabError
from netlab.wire import clock
from netlab.wire.clock import ClockSample
from netlab.wire.spool import CaptureEnd

__all__ = ["Capture", "CapturePoints", "Sighting"]

STOP_S = recorder.FLUSH_S + 3.0
"""How long the capture process may take to report its end."""


class Capture:
    """The capture process of a run."""

    def __init__(self, pid: int, control: socket.socket, file: int, places: Sequence[CapturePoints]) -> None:
        self.pid = pid
        self.died: str | None = None
        """How the capture process ended, where it did before it was told to."""
        self._control = control
        self._file = file
        self._places = {place.namespace.name: index for index, place in enumerate(places)}
        self._names = {index: dict(place.names) for index, place in enumerate(places)}
        self._loop = asyncio.get_running_loop()
        self._live: asyncio.Future[ClockSample] = self._loop.create_future()
        self._end: asyncio.Future[CaptureEnd] = self._loop.create_future()
        self._gone = asyncio.Event()
        self._followers: list[Follower] = []
        self._whole = 0
        self._advancing = False
        self._pidfd = os.pidfd_open(pid)
        self._loop.add_reader(control.fileno(), self._hear)
        self._loop.add_reader(self._pidfd, self._reap)

    @classmethod
    def start(
        cls, points: Sequence[CapturePoints], spool_fd: int, ring_bytes: int | None = None, snap: int = 65_535
    ) -> Capture:
        """Fork the capture process; `live` says when it sees. Call from the event loop's thread.

        `points` names the interfaces of each namespace to watch; `spool_fd` is the file it fills, open for reading and
        writing; `ring_bytes` the memory of each ring (default: by the lab's size); `snap` bytes of a frame are kept.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = os.fork()
        if pid == 0:
            ours.close()
            recorder.run(points, theirs, spool_fd, ring_bytes, snap)
        theirs.close()
        return cls(pid, ours, spool_fd, points)

    async def live(self) -> None:
        """Return when every socket sees frames. Raises: KernelError, NetlabError."""
        await asyncio.shield(self._live)

    def names(self) -> list[str]:
        """Every capture point, in the order it was named."""
        return list(dict.fromkeys(name for names in self._names.values() for name in names.values()))

    def map(self, namespace: str, ifindex: int, name: str) -> None:
        """Name an interface (or name it anew): its frames count from the beginning of the run, and from now on."""
        place = self._places[namespace]
        if self._names[place].get(ifindex) != name:
            self._names[place][ifindex] = name
            self._tell(do="names", names=[[place, ifindex, name]])

    def follow(self, callback: Callable[[Sighting], object], since_ns: int | None = None) -> None:
        """Call `callback` for each TCP segment at each capture point, a few milliseconds after it was there.

        `since_ns` (CLOCK_MONOTONIC; default: now) may lie in the past: what was seen since then comes first. Sightings
        come in the order of time only within one namespace.
        """
        since = time.monotonic_ns() if since_ns is None else since_ns
        offset = self._live.result().offset_ns
        self._followers.append(Follower(self._file, self._names, offset, since, callback))
        self._tell(do="follow")
        self._advance_soon()

    def unfollow(self, callback: Callable[[Sighting], object]) -> None:
        """Stop calling `callback`."""
        self._followers = [follower for follower in self._followers if follower.callback != callback]
        if not self._followers:
            self._tell(do="unfollow")

    async def stop(self) -> CaptureEnd:
        """End the capture; returns when the spool is complete. Never raises: what went wrong is in the CaptureEnd."""
        self._followers.clear()
        self._tell(do="stop")
        try:
            return await asyncio.wait_for(asyncio.shield(self._end), STOP_S)
        except TimeoutError:
            return self._cut_short(f"the capture process did not report its end within {STOP_S} s")

    async def gone(self) -> None:
        """Return when the capture process has ended, its rings are closed and it was waited for."""
        await self._gone.wait()

    def _tell(self, **message: Any) -> None:
        if self._gone.is_set():
            return
        with suppress(BrokenPipeError, ConnectionResetError):  # it just died: `_reap` says so
            self._control.send(json.dumps(message).encode())

    def _hear(self) -> None:
        """Take what the capture process says; its hanging up is told by `_reap`."""
        while True:
            try:
                message = self._control.recv(recorder.MESSAGE, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except ConnectionResetError:  # it ended without reading our last message; what it said is still there
                continue
            if not message:
                self._loop.remove_reader(self._control.fileno())
                return
            self._take(json.loads(message))

    def _take(self, message: dict[str, Any]) -> None:
        if "grew" in message:
            self._whole = message["grew"]
            self._advance_soon()
        elif "live" in message:
            self._live.set_result(codec.decode(ClockSample, message["live"]))
        elif "end" in message:
            self._end.set_result(codec.decode(CaptureEnd, message["end"]))
        elif "error" in message:
            self._live.set_exception(codec.decode(KernelError, message["error"]))

    def _reap(self) -> None:
        """The capture process ended: as asked, or before its time."""
        self._hear()
        _, status = os.waitpid(self.pid, 0)
        self._loop.remove_reader(self._pidfd)
        self._loop.remove_reader(self._control.fileno())
        os.close(self._pidfd)
        self._control.close()
        self._gone.set()
        if not self._end.done():
            self.died = f"the capture process {_how(status)}: what came later was not seen"
            self._end.set_result(self._cut_short(self.died))
        if not self._live.done():
            self._live.set_exception(NetlabError(f"watch the wire: the capture process {_how(status)}"))

    def _cut_short(self, why: str) -> CaptureEnd:
        """The end of a capture that could not report it."""
        known = self._live.done() and not self._live.exception()
        return CaptureEnd((), (self._live.result(), clock.sample()) if known else (), why)

    def _advance_soon(self) -> None:
        if not self._advancing:
            self._advancing = True
            self._loop.call_soon(self._advance)

    def _advance(self) -> None:
        """Give each follower one more block; come back while there are any."""
        self._advancing = False
        for follower in self._followers.copy():
            if follower.advance(self._whole):
                self._advance_soon()


def _how(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
