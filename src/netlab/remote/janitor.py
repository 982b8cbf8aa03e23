"""A folder that goes with the process that had it made, however that process ends.

    netlab-far ──fork──▶ netlab-janitor: makes the folder, waits for the end of the pipe, removes the folder

Rules: the parent chooses the folder's name before anything is made, so that either of the two can remove it when the
other one is killed. The janitor is in a session of its own and ignores the signals that end sessions. What is removed
may still be written to by processes that are being killed: it tries again until nothing is there.
"""

# ruff: noqa: PTH101, PTH102, PTH114, PTH118  (forked before anything slow is imported)
from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import tempfile
import time

from netlab.agent import forking, process

PREFIX = "netlab-far-"
WITHIN_S = 30.0
"""How long removing is tried; the run's processes are being killed by the kernel meanwhile."""
AGAIN_S = 0.02
ROOMY = "/var/tmp"
"""Where captures may grow: /tmp is often in memory. Source: FHS 3.0 section 5.15."""


class Janitor:
    """The janitor as its parent sees it."""

    def __init__(self) -> None:
        """Raises: OSError where the folder cannot be made."""
        self.folder = os.path.join(place(), f"{PREFIX}{secrets.token_hex(8)}")
        lifeline, self._lifeline = os.pipe()
        report, reported = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            _run(self.folder, lifeline, reported)
        os.close(lifeline)
        os.close(reported)
        self.pidfd = os.pidfd_open(self.pid)
        with os.fdopen(report, "rb") as pipe:
            wrong = pipe.read()
        if wrong != b"made":
            self.end()
            why = wrong.decode(errors="replace") or "the process that makes it was killed"
            raise OSError(f"make the folder {self.folder}: {why}")

    def end(self) -> None:
        """Have the folder removed: when this returns it is gone."""
        os.close(self._lifeline)
        os.waitpid(self.pid, 0)
        os.close(self.pidfd)
        remove(self.folder)  # nothing is left to do, unless the janitor was killed


def place() -> str:
    """The folder below which there is room."""
    if "TMPDIR" not in os.environ and os.access(ROOMY, os.W_OK | os.X_OK):
        return ROOMY
    return tempfile.gettempdir()


def remove(folder: str) -> None:
    """Remove a folder and all that is in it, also what is still being written. Raises: OSError after WITHIN_S."""
    deadline = time.monotonic() + WITHIN_S
    while os.path.lexists(folder):
        shutil.rmtree(folder, ignore_errors=time.monotonic() < deadline)
        if os.path.lexists(folder):
            open_up(folder)
            time.sleep(AGAIN_S)


def open_up(folder: str) -> None:
    """Let everything below be removed: a lab's folder may hold folders that nobody may write to."""
    for path, folders, _ in os.walk(folder):
        for name in folders:
            with contextlib.suppress(OSError):  # gone meanwhile; what stays is told by `remove`
                if not os.path.islink(each := os.path.join(path, name)):
                    os.chmod(each, 0o700)


def _run(folder: str, lifeline: int, reported: int) -> None:
    status = 1
    try:
        os.setsid()
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        forking.close_others({0, 1, 2, lifeline, reported})
        process.name_process("netlab-janitor")
        try:
            os.mkdir(folder, 0o700)
            # As root, programs of a lab may run as other users, and start in the lab's folder, which is in here.
            os.chmod(folder, 0o711 if os.geteuid() == 0 else 0o700)
        except OSError as error:
            os.write(reported, (error.strerror or str(error)).encode())
        else:
            os.write(reported, b"made")
        os.close(reported)
        os.read(lifeline, 1)
        remove(folder)
        status = 0
    finally:
        os._exit(status)
