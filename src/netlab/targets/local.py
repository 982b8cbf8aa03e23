"""local: a far end on this machine, as a child process: what every other target does, with nothing in between."""

from __future__ import annotations

import os
import subprocess
from typing import IO

from netlab.errors import TargetError, UsageError
from netlab.targets import Target, Tell, far_command

WITHIN_S = 20.0
"""How long a far end may take to end by itself once its standard input has."""


class LocalFar:
    """A child process."""

    def __init__(self, command: list[str]) -> None:
        """Raises: OSError."""
        self._log = os.memfd_create("netlab-far-stderr")
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            bufsize=0,
            start_new_session=True,  # Ctrl-C at the terminal is the near end's alone; it travels in the protocol
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.stdin: IO[bytes] = self._process.stdin
        self.stdout: IO[bytes] = self._process.stdout

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def said(self) -> str:
        return os.pread(self._log, 65536, 0).decode(errors="replace").strip() if self._log >= 0 else ""

    def wait(self) -> int:
        return self._process.wait()

    def close(self) -> None:
        if self._log < 0:
            return
        self.stdin.close()
        self.stdout.close()
        try:
            self._process.wait(WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._log)
        self._log = -1


class Local(Target):
    """This machine."""

    form = "local:"

    def __init__(self, url: str, tell: Tell) -> None:
        super().__init__(url, tell)
        if url != self.form:
            raise UsageError(f"--on {url}: {self.form} is this machine, and takes no more than that")
        self._fars: list[LocalFar] = []

    def open(self) -> None:
        from netlab.session import require_linux

        require_linux()

    def start(self) -> LocalFar:
        try:
            far = LocalFar(far_command())
        except OSError as error:
            raise TargetError(f"start a far end here: {error.strerror}") from error
        self._fars.append(far)
        return far

    def close(self) -> None:
        for far in self._fars:
            far.close()
        self._fars = []
