"""The far end: `python -m netlab.remote.far`, without arguments, started by a target.

    near ══ stdin, stdout ══ netlab-far ──┬─▶ netlab-janitor: removes the folder, whatever dies
                             (the relay)  └─▶ netlab-warm ──fork──▶ netlab-run ──fork──▶ netlab-launch …

Rules: this process only carries frames, says that it is alive, and listens for the same; so it answers at once however
busy the run is. It ends when its standard input does, when nothing was heard for SILENCE_S, or when what it started
has died; everything below it ends with it, and the folder goes. When it has ended nothing of it is left. When it is
killed, the kernel kills the rest (PR_SET_PDEATHSIG), and the janitor removes the folder. No frame is held whole for
long: what one side does not take is not read from the other.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import time

from netlab import __version__
from netlab.agent import forking, process
from netlab.errors import NeedError
from netlab.remote import ALIVE_S, PROTOCOL, SILENCE_S
from netlab.remote.frames import Frame, FrameError, Frames
from netlab.remote.janitor import Janitor

READ = 64 << 10
FULL = 1 << 20
"""Bytes on their way to one side, from which on no more are read from the other."""
GONE = select.POLLERR | select.POLLHUP | select.POLLNVAL
PR_SET_CHILD_SUBREAPER = 36
"""Source: prctl(2)."""


def main() -> int:
    """Serve one near end until it is gone; 0 where it ended in order."""
    from netlab.session import require_linux

    try:
        require_linux()
        return serve()
    except (NeedError, OSError) as error:
        print(f"netlab's far end: {error}", file=sys.stderr)
        return 3


def serve() -> int:
    """Take the standard streams, start the others, carry frames. Raises: OSError."""
    process.name_process("netlab-far")
    process.libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    stdin, stdout = take_streams()
    janitor = Janitor()
    try:
        warm, channel = forking.fork(lambda channel: be_warm(channel, janitor.folder), "netlab-warm")
        try:
            why = Relay(stdin, stdout, channel, warm, janitor.pidfd).carry()
        finally:
            os.kill(warm, signal.SIGKILL)
            os.waitpid(warm, 0)
    finally:
        janitor.end()
        reap()
    if why:
        print(f"netlab's far end: {why}", file=sys.stderr)
    return 1 if why else 0


def take_streams() -> tuple[int, int]:
    """Descriptors of the conversation; what were standard input and output lead elsewhere: no print gets into it."""
    stdin, stdout = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return stdin, stdout


def be_warm(channel: socket.socket, folder: str) -> int:
    """netlab-warm: import everything, then fork a run for each request."""
    from netlab.remote import player

    return player.serve(channel, folder)


def reap() -> None:
    """Wait for all that was started below, which is being killed: this process inherits what lost its parent."""
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


class Relay:
    """Frames on their way between the near end and the run."""

    def __init__(self, stdin: int, stdout: int, channel: socket.socket, warm: int, janitor: int) -> None:
        """`channel` leads to netlab-warm, whose process id is `warm`; `janitor` is a pidfd."""
        self.stdin, self.stdout, self.channel, self.warm, self.janitor = stdin, stdout, channel, warm, janitor
        self.to_near, self.to_run = bytearray(), bytearray()
        self.from_near, self.from_run = Frames(), Frames()
        self.heard = self.spoke = time.monotonic()
        self.greeted = self.begun = self.interrupted = False
        os.set_blocking(stdout, False)
        channel.setblocking(False)

    def carry(self) -> str:
        """Carry until one side is gone; "" where it was the near end that ended in order, else why."""
        self.say(Frame("hello", {"netlab": __version__, "protocol": PROTOCOL}))
        while True:
            ready = self.wait()
            try:
                if self.stdin in ready and self.hear():
                    return ""
                if self.channel.fileno() in ready and self.pass_on():
                    return "the run's process died before it could answer; was it killed?"
                if self.stdout in ready:
                    del self.to_near[: os.write(self.stdout, self.to_near[:READ])]
            except FrameError as error:
                return f"what the near end says is not understood: {error}"
            except OSError as error:  # a reset, or a pipe without a reader
                return f"the near end is gone: {error.strerror}"
            if ready.get(self.stdout, 0) & GONE:
                return "the near end is gone: it reads no more"
            if self.janitor in ready:
                return "its janitor died; was it killed?"
            now = time.monotonic()
            if now - self.heard > SILENCE_S:
                return f"nothing was heard for {SILENCE_S:.0f} s"
            if now - self.spoke > ALIVE_S and not self.to_near and self.from_run.between:
                self.say(Frame("alive"))

    def wait(self) -> dict[int, int]:
        """The descriptors on which something can be done, or is over, with their events."""
        poll = select.poll()
        listening = len(self.to_run) < FULL
        poll.register(self.stdin, select.POLLIN if listening else 0)
        if not listening:  # we do not hear because we do not listen
            self.heard = time.monotonic()
        poll.register(self.stdout, select.POLLOUT if self.to_near else 0)
        wanted = select.POLLIN if len(self.to_near) < FULL else 0
        poll.register(self.channel, wanted | (select.POLLOUT if self.to_run else 0))
        poll.register(self.janitor, select.POLLIN)
        return dict(poll.poll(ALIVE_S * 500))

    def say(self, frame: Frame) -> None:
        """Say this to the near end, between two frames of the run."""
        self.to_near += frame.encoded()
        self.spoke = time.monotonic()

    def hear(self) -> bool:
        """Take what the near end says; True at the end. Raises: FrameError."""
        data = os.read(self.stdin, READ)
        self.heard = time.monotonic()
        for frame in self.from_near.feed(data):
            self.take(frame)
        return not data

    def take(self, frame: Frame) -> None:
        """What concerns this process is done here, the rest is for the run."""
        if frame.say == "hello":
            self.greet(frame)
        elif not self.greeted:
            raise FrameError(f"{frame.say!r} before hello")
        elif frame.say == "interrupt":
            self.interrupted = True
            self.interrupt()
        elif frame.say != "alive":
            self.to_run += frame.encoded()

    def greet(self, frame: Frame) -> None:
        """Raises: FrameError where the near end is another netlab."""
        theirs, ours = (frame.fields.get("netlab"), frame.fields.get("protocol")), (__version__, PROTOCOL)
        if theirs != ours:
            raise FrameError(f"it is netlab {theirs[0]} (protocol {theirs[1]}), this is {ours[0]} (protocol {ours[1]})")
        self.greeted = True

    def interrupt(self) -> None:
        """Ctrl-C for the run, once it can take it. netlab-warm leads the group, and ignores it."""
        if self.begun and self.interrupted:
            self.interrupted = False
            os.killpg(self.warm, signal.SIGINT)

    def pass_on(self) -> bool:
        """What the run says, to the near end, and back; True where its process is gone. Raises: FrameError."""
        try:
            if self.to_run:
                del self.to_run[: self.channel.send(self.to_run[:READ])]
            data = self.channel.recv(READ)
        except BlockingIOError:
            return False
        except (BrokenPipeError, ConnectionResetError):
            return True
        for frame in self.from_run.feed(data):
            if frame.say in ("begun", "ended", "error"):
                self.begun = frame.say == "begun"
                self.interrupted = self.interrupted and self.begun
                self.interrupt()
            self.to_near += frame.encoded()
            self.spoke = time.monotonic()
        return not data


if __name__ == "__main__":
    sys.exit(main())
