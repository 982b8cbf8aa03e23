"""The client's half of a run: starts a supervisor, sends it requests, collects what it observes.

    with launch(folder) as session:
        session.request("build", topology=...)
        session.request("play", step=...)
        session.close()

Rules: importing this costs nothing, `launch` returns at once: the supervisor gets ready while the caller still imports
and validates. One request is under way at a time. The client holds no namespace: when it dies, in whatever way, its
end of the lifeline closes and the launcher kills the supervisor. The session is over when the launcher has ended, and
by then no process of the run is left.
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from netlab import errors
from netlab.errors import NeedError, NetlabError

__all__ = ["Launcher", "Session", "Start", "execute", "launch", "require_linux"]

LAUNCH = "from netlab.agent import launcher; sys.exit(launcher.main(*map(int, sys.argv[1:4])))"
"""What the launcher's interpreter runs, with the path by which netlab was found here. (An environment variable would
be inherited by the users' programs.)"""


class Launcher(Protocol):
    """The launcher as its parent sees it: a child process, as subprocess.Popen has them."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | Any: ...
    def poll(self) -> int | None: ...
    def wait(self) -> int: ...


Start = Callable[[tuple[int, int, int], int], Launcher]
"""Starts a launcher with the descriptors it is to have (control, lifeline, spool), and one for stdout and stderr."""


def execute(descriptors: tuple[int, int, int], log: int) -> Launcher:
    """Start the launcher in an interpreter of its own. (netlab.agent.warm forks it, from a parent fit for that.)"""
    return subprocess.Popen(
        [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}; {LAUNCH}", *map(str, descriptors)],
        pass_fds=descriptors,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,  # Ctrl-C at the terminal is the client's alone; it ends the run in order
    )


def launch(spool_folder: Path | None = None, start: Start = execute) -> Session:
    """Start a supervisor; it gets ready by itself. `spool_folder` is where the capture may grow (default: here).

    Raises: NeedError where this is not Linux.
    """
    require_linux()
    return Session(spool_folder or Path.cwd(), start)


def require_linux() -> None:
    """Raises: NeedError where this is not Linux."""
    if not sys.platform.startswith("linux"):
        raise NeedError(
            f"start a lab: this is {sys.platform}, and a lab needs a Linux kernel; use a Linux machine or VM "
            "(list, show, validate, judge and schema work here)"
        )


class Session:
    """One supervisor, spoken to from here. Use as a context manager, or call `end`."""

    def __init__(self, spool_folder: Path, start: Start = execute) -> None:
        self.on_event: Callable[[dict[str, Any]], None] | None = None
        """Called with each observation as it arrives: its JSON form, with absolute CLOCK_MONOTONIC times."""
        self.spool = unnamed_file(spool_folder)
        self._requests = 0
        self._log = os.memfd_create("netlab-supervisor-stderr")
        self._socket, theirs = socket.socketpair()
        lifeline, self._lifeline = os.pipe()
        self._launcher = start((theirs.fileno(), lifeline, self.spool), self._log)
        theirs.close()
        os.close(lifeline)
        self._received = bytearray()
        self._wake, self._waker = os.pipe()
        self._open = [self.spool, self._log, self._wake, self._waker]

    @property
    def launcher_pid(self) -> int:
        """Process id of the launcher; the supervisor is its only child."""
        return self._launcher.pid

    @property
    def alive(self) -> bool:
        """Whether the run has not ended yet."""
        return self._launcher.poll() is None

    def request(self, do: str, **fields: Any) -> dict[str, Any]:
        """Send a request and wait for its answer, collecting observations meanwhile.

        Raises: the NetlabError that the supervisor answered with; NeedError where this machine cannot make namespaces.
        """
        return self.answer(self.send(do, **fields))

    def send(self, do: str, **fields: Any) -> int:
        """Send a request; `answer` waits for what comes back. Raises: NeedError where there are no namespaces."""
        self._requests += 1
        line = json.dumps({"id": self._requests, "do": do, **fields}).encode() + b"\n"
        try:
            self._socket.sendall(line)
        except BrokenPipeError:
            self._collect_rest()
        return self._requests

    def close(self, heal: bool = False) -> dict[str, Any]:
        """End the run in order; says how it ended. The spool is whole then; `end` waits until all else is gone."""
        return self.request("close", heal=heal)

    def end(self) -> None:
        """End the run now, in whatever state it is: when this returns, no process of it is left."""
        self._stop()
        self._socket.close()
        while self._open:
            os.close(self._open.pop())

    def _stop(self) -> None:
        """Have the launcher kill what still runs, and wait until it has ended."""
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1
        self._launcher.wait()

    def interrupt(self) -> None:
        """Have the request under way raise KeyboardInterrupt, with no observation lost. Safe in a signal handler."""
        os.write(self._waker, b"!")

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exception: object) -> None:
        self.end()

    def answer(self, wanted: int) -> dict[str, Any]:
        """Wait for the answer to a request, collecting observations meanwhile. Raises: as `request`."""
        for raw in self._lines(interruptible=True):
            message = json.loads(raw)
            if "event" in message:
                self._take(message["event"])
            elif message.get("id") == wanted:
                if "error" in message:
                    raise errors.from_json(message["error"], errors.StepError)
                answer: dict[str, Any] = message["ok"]
                return answer
        raise self._died()

    def _take(self, event: dict[str, Any]) -> None:
        if event.get("kind") == "refused":
            raise NeedError(f"make namespaces: {event['text']}")
        if self.on_event is not None:
            self.on_event(event)

    def _collect_rest(self) -> None:
        """Read what was sent before the other end went: a refusal to start is more telling than a broken pipe."""
        for raw in self._lines(interruptible=False):
            message = json.loads(raw)
            if "event" in message:
                self._take(message["event"])

    def _lines(self, interruptible: bool) -> Iterator[bytes]:
        """Lines as they come, until the other end is gone. Raises: KeyboardInterrupt between two of them."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        if interruptible:
            poll.register(self._wake, select.POLLIN)
        while True:
            while (end := self._received.find(b"\n")) >= 0:
                line = bytes(self._received[:end])
                del self._received[: end + 1]
                yield line
            if self._wake in {fd for fd, _ in poll.poll()}:
                os.read(self._wake, 1)
                raise KeyboardInterrupt
            try:
                piece = self._socket.recv(1 << 20)
            except ConnectionResetError:  # it went with a request unread: no more will come, as at the end of file
                return
            if not piece:
                return
            self._received += piece

    def _died(self) -> NetlabError:
        """Why the supervisor is gone without an answer."""
        self._stop()
        said = os.pread(self._log, 65536, 0).decode(errors="replace").strip()
        self.end()
        status = self._launcher.returncode
        if not said:
            return NeedError(f"run the lab: its supervisor was killed (status {status}) before it could answer")
        return NetlabError(f"run the lab: its supervisor failed (status {status}); it said:\n{said}")


def unnamed_file(folder: Path) -> int:
    """A descriptor of a fresh file that has no name: whatever dies, the kernel frees it. Source: open(2), O_TMPFILE."""
    try:
        return os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError:  # a file system without O_TMPFILE, or a folder of somebody else's: make a file, take its name away
        import tempfile

        fd, name = tempfile.mkstemp(prefix=".netlab-", dir=folder if os.access(folder, os.W_OK) else None)
        os.unlink(name)  # noqa: PTH108
        return fd
