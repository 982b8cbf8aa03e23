"""Plays labs side by side, and yields what came of each as it ends.

    with Runner(jobs=16) as runner:
        for outcome in runner.play(labs, folder):
            ...

Rules: the process that forks (catalogue/forks.py) is started at once and gets ready while the caller still loads labs.
A run that dies is its lab's outcome. The first Ctrl-C ends in order what runs and starts nothing more; every outcome
is yielded before KeyboardInterrupt is raised. When this process dies, in whatever way, everything dies with it.
"""

from __future__ import annotations

import os
import pickle
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from netlab.catalogue.outcome import Outcome, Problem
from netlab.errors import NetlabError
from netlab.lab import Lab
from netlab.probes import Finding
from netlab.session import require_linux

__all__ = ["JOBS", "Runner"]

JOBS = min(4 * (os.cpu_count() or 1), 32)
"""How many labs are played at once unless somebody says otherwise: they mostly wait (benchmarks/README.md)."""
WARM = "from netlab.catalogue import forks; sys.exit(forks.main(int(sys.argv[1])))"
TICK_S = 0.5


@dataclass
class Running:
    """One netlab-run, and what it has said so far."""

    lab: Lab
    channel: socket.socket
    pidfd: int
    said: bytearray = field(default_factory=bytearray)

    def hear(self) -> bool:
        """Take in what it says next; False where it has ended."""
        try:
            piece = self.channel.recv(1 << 20)
        except ConnectionResetError:  # it died with its lab unread
            return False
        self.said += piece
        return bool(piece)

    def outcome(self, stopping: bool) -> tuple[Outcome, dict[str, Finding]]:
        """What it said before it ended, and what it found out about this machine."""
        try:
            said: tuple[Outcome, dict[str, Finding]] = pickle.loads(self.said)
        except (EOFError, pickle.UnpicklingError):
            gone = f"run {self.lab.name}: its process died before it could say what came of it; was it killed?"
            why = Problem("interrupted", "Ctrl-C ended it") if stopping else Problem("error", gone)
            return Outcome(name=self.lab.name, lab=self.lab, problem=why), {}
        return said

    def close(self) -> None:
        self.channel.close()
        os.close(self.pidfd)


class Runner:
    """A warm process, and the runs that were forked from it. Use as a context manager.

    `started` is told of each lab that begins, `tick` is called twice a second while runs go on.
    Raises: NeedError where this is not Linux.
    """

    def __init__(
        self,
        jobs: int = JOBS,
        started: Callable[[Lab], None] = lambda lab: None,
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        require_linux()
        self.jobs, self.started, self.tick = jobs, started, tick
        self.running: list[Running] = []
        self.known: dict[str, Finding] = {}
        """What probes found on this machine, by their words: each run tells the later ones."""
        self.stopping = False
        self._wake, self._waker = os.pipe()
        self._log = os.memfd_create("netlab-warm-stderr")
        self._warm, theirs = socket.socketpair()
        self._process = subprocess.Popen(
            [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}; {WARM}", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,  # Ctrl-C at the terminal is for this process alone
        )
        theirs.close()

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *exception: object) -> None:
        self.end()

    def end(self) -> None:
        """End whatever still runs, now; when this returns, its processes are gone or being killed by the kernel."""
        self._warm.close()
        self._process.wait()
        for run in self.running:
            run.close()
        self.running = []
        for descriptor in (self._wake, self._waker, self._log):
            os.close(descriptor)

    def play(self, labs: Iterable[Lab], folder: Path) -> Iterator[Outcome]:
        """Play each lab once, at most `jobs` at a time, each in a run directory of its own below `folder`.

        Raises: KeyboardInterrupt after the last outcome, where Ctrl-C was pressed; NetlabError where nothing can be
        played at all.
        """
        waiting = iter(labs)
        with self.interruptible():
            self.fill(waiting, folder)
            while self.running:
                for run in self.ended():
                    outcome, found = run.outcome(self.stopping)
                    self.known |= found
                    yield outcome
                self.fill(waiting, folder)
        if self.stopping:
            raise KeyboardInterrupt

    def fill(self, waiting: Iterator[Lab], folder: Path) -> None:
        """Start runs until as many go on as may."""
        while len(self.running) < self.jobs and not self.stopping:
            lab = next(waiting, None)
            if lab is None:
                return
            self.running.append(self.begin(lab, folder / place(lab)))
            self.started(lab)

    def begin(self, lab: Lab, folder: Path) -> Running:
        """Have a run forked, and send it its lab. Raises: NetlabError."""
        try:
            self._warm.sendall(b"f")
            said, descriptors, _, _ = socket.recv_fds(self._warm, 1, 2)
        except OSError:
            said, descriptors = b"", []
        if not said:
            raise self.died()
        run = Running(lab, socket.socket(fileno=descriptors[0]), descriptors[1])
        with suppress(BrokenPipeError, ConnectionResetError):  # it has died, and `hear` says so
            run.channel.sendall(pickle.dumps((lab, folder, self.known)))
            run.channel.shutdown(socket.SHUT_WR)
        return run

    def ended(self) -> list[Running]:
        """Wait for runs to end, or for half a second; those that ended."""
        over: list[Running] = []
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake, selectors.EVENT_READ)
            for run in self.running:
                selector.register(run.channel, selectors.EVENT_READ, run)
            ready = selector.select(TICK_S)
        for key, _ in ready:
            if key.data is None:
                os.read(self._wake, 1)
                self.interrupt()
            elif not key.data.hear():
                over.append(key.data)
        for run in over:
            run.close()
            self.running.remove(run)
        self.tick()
        return over

    def interrupt(self) -> None:
        """End in order what runs: each run heals its faults and judges what it has."""
        self.stopping = True
        for run in self.running:
            try:
                signal.pidfd_send_signal(run.pidfd, signal.SIGINT)
            except ProcessLookupError:  # it has just ended by itself
                continue

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """The first Ctrl-C wakes `ended`; a second one raises KeyboardInterrupt at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def first(number: int, frame: object) -> None:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.write(self._waker, b"!")

        before = signal.signal(signal.SIGINT, first)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def died(self) -> NetlabError:
        """Why the warm process is gone."""
        status = self._process.wait()
        said = os.pread(self._log, 65536, 0).decode(errors="replace").strip()
        return NetlabError(f"play labs: the process that starts runs ended (status {status}); it said:\n{said}")


def place(lab: Lab) -> str:
    """The name of a lab's run directory among the others (no lab's name has a dot)."""
    return f"{lab.name}.{lab.variant}" if lab.variant else lab.name
