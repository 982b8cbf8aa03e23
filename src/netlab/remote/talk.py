"""The near end's half of a conversation: one thread writes and says that we are there, another one reads.

Rules: a connection may be half-open: neither writing nor reading tells that the other side is gone. So both block in
threads of their own, and whoever waits here gives up when nothing was heard for SILENCE_S. What is under way is bounded
both ways: where nobody takes frames, none are read.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from typing import Any

from netlab import __version__
from netlab.errors import NetlabError, TargetError
from netlab.outputs._text import clean
from netlab.remote import ALIVE_S, PROTOCOL, SILENCE_S
from netlab.remote.frames import Frame, FrameError, Frames
from netlab.targets import Far

__all__ = ["Talk", "printable"]

READ = 64 << 10
WAITING = 8
"""Frames that may wait in either direction."""
TICK_S = 0.1


class Talk:
    """One far end, spoken to."""

    def __init__(self, far: Far, url: str) -> None:
        """Greets it. Raises: TargetError where it is no far end of this very version."""
        self.place = f"on {url.removesuffix(':')}"
        self._far = far
        self._out: queue.Queue[Frame | None] = queue.Queue(WAITING)
        self._in: queue.Queue[Frame | Exception | None] = queue.Queue(WAITING)
        self._heard = time.monotonic()
        self._closed = threading.Event()
        self._interrupted = False
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._write, self._read)]
        for thread in self._threads:
            thread.start()
        try:
            self.say("hello", {"netlab": __version__, "protocol": PROTOCOL})
            self._greet(self.hear())
        except BaseException:
            self.close()
            raise

    def say(self, say: str, fields: dict[str, Any] | None = None, data: bytes = b"") -> None:
        """Say this. Raises: TargetError where the other side is gone."""
        frame = Frame(say, fields or {}, data)
        while True:
            try:
                return self._out.put(frame, timeout=TICK_S)
            except queue.Full:
                self._check()

    def hear(self) -> Frame:
        """The next frame. Raises: TargetError where the other side is gone."""
        while True:
            if self._interrupted:
                self._interrupted = False
                self.say("interrupt")
            try:
                heard = self._in.get(timeout=TICK_S)
            except queue.Empty:
                self._check()
                continue
            if isinstance(heard, Frame):
                return heard
            raise self._lost(heard)

    def interrupt(self) -> None:
        """Have the run end in order. Safe in a signal handler: whoever hears says it."""
        self._interrupted = True

    def close(self) -> None:
        """Hang up: the far end ends what it does."""
        self._closed.set()
        with contextlib.suppress(queue.Full):  # then it does not wait for more
            self._out.put_nowait(None)
        self._far.close()
        for thread in self._threads:
            thread.join(SILENCE_S)

    def _greet(self, frame: Frame) -> None:
        there = frame.fields.get("netlab"), frame.fields.get("protocol")
        if frame.say != "hello":
            raise TargetError(f"{self.place}: it begins with {frame.say[:100]!r}; is it netlab that answers there?")
        if there != (__version__, PROTOCOL):
            theirs = printable(f"{there[0]} (protocol {there[1]})")
            ours = f"{__version__} (protocol {PROTOCOL})"
            raise TargetError(
                f"{self.place}: netlab is {theirs} there, and {ours} here; install the same on both sides"
            )

    def _check(self) -> None:
        """Raises: TargetError where nothing was heard for too long."""
        if time.monotonic() - self._heard > SILENCE_S:
            raise self._lost(TimeoutError(f"nothing was heard from it for {SILENCE_S:.0f} s"))

    def _lost(self, why: Exception | None) -> TargetError:
        if isinstance(why, FrameError):
            return TargetError(f"{self.place}: {printable(str(why))}; is it netlab that answers there?")
        said = printable(self._far.said())
        return TargetError(
            f"{self.place}: the far end is gone: {why or 'it has hung up'}" + (f"; it said:\n{said}" if said else "")
        )

    def _write(self) -> None:
        try:
            while not self._closed.is_set():
                try:
                    frame = self._out.get(timeout=ALIVE_S)
                except queue.Empty:
                    frame = Frame("alive")
                if frame is not None:
                    self._write_all(frame.encoded())
        except (OSError, ValueError, NetlabError):  # the reader hears of it, and why; nobody shall wait for us
            while not self._closed.is_set():
                try:
                    self._out.get(timeout=TICK_S)
                except queue.Empty:
                    continue

    def _write_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            taken = self._far.stdin.write(bytes(view))
            view = view[len(view) if taken is None else taken :]

    def _read(self) -> None:
        frames, end = Frames(), None
        try:
            while data := self._far.stdout.read(READ):
                self._heard = time.monotonic()
                for frame in frames.feed(data):
                    if frame.say != "alive":
                        self._hand_on(frame)
                self._heard = time.monotonic()
        except (OSError, ValueError, NetlabError) as error:
            end = error
        self._hand_on(end)

    def _hand_on(self, heard: Frame | Exception | None) -> None:
        while not self._closed.is_set():
            try:
                self._in.put(heard, timeout=TICK_S)
                return
            except queue.Full:
                self._heard = time.monotonic()  # it is us who do not listen


def printable(text: str) -> str:
    """What came from the other side, safe for a terminal."""
    return "\n".join(clean(line) for line in text[:65536].splitlines())
