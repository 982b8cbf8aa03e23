"""A user's own command, run inside a host as it would run at the user's own prompt.

Rules: an argv list, no shell. Its own session and process group; every signal at its default; standard input from a
file in memory, so that it can be of any size and the program can never wait for netlab; or from a pipe into which
`input` steps write; or standard input and output are a connection, as inetd gives it, and standard error is still
heard. Without root it runs under the caller's own user id, in a user namespace inside the run's, because programs such
as PostgreSQL refuse user id 0. It sees the host's network in /sys where the machine lets it be mounted. What fails
before the exec is told.
"""

# ruff: noqa: PTH118
from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Callable
from typing import NoReturn

from netlab import commands
from netlab.agent import forking, process
from netlab.agent.children import Child
from netlab.agent.identity import caller_identity
from netlab.errors import StepError, errno_name
from netlab.records import Exit, Output
from netlab.spec import Program

LINE_LIMIT = 64 * 1024
"""A line longer than this is told in pieces."""
READ_SIZE = 64 * 1024
PIPE_SIZE = 64 * 1024
"""Source: pipe(7), the default capacity."""
MS_RDONLY = 1


class ProgramChild(Child):
    """A running program, and its output on the way to the supervisor."""

    def __init__(self, name: str, program: Program, folder: str, connection: int | None = None) -> None:
        """Start it, on `connection` where one is given (it stays the caller's to close).

        Raises: StepError, saying what could not be done.
        """
        identity = caller_identity(program.user)
        self.on_connection = connection is not None
        self.input, stdin, out, self.streams = (
            _on_pipes(name, program) if connection is None else _on_connection(name, program, connection)
        )
        err, report = os.pipe(), os.pipe()
        lifeline, parent_end = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            parent_end.close()
            _become(program, folder, identity, (stdin, out, err[1], report[1], lifeline.fileno()))
        for fd in (stdin, out, err[1], report[1]):
            os.close(fd)
        lifeline.close()
        self.streams[err[0]] = Stream("stderr")
        refusal = _read_all(report[0])
        parent_end.close()
        super().__init__(name, pid)
        if refusal:
            self._bury()
            raise StepError(f"start {name}: {refusal}")
        for fd in self.streams:
            os.set_blocking(fd, False)

    def _bury(self) -> None:
        os.waitpid(self.pid, 0)
        self.end_input()
        for fd in (*self.streams, self.pidfd):
            os.close(fd)

    def type(self, text: str) -> None:
        """Write a text into its standard input. Raises: StepError."""
        if self.input is None:
            raise StepError(f"input for {self.name}: its standard input is closed; give it `interactive: true`")
        data = text.encode()
        try:
            taken = os.write(self.input, data)
        except BrokenPipeError:
            raise StepError(f"input for {self.name}: it has closed its standard input") from None
        except BlockingIOError:
            taken = 0
        if taken < len(data):
            raise StepError(f"input for {self.name}: it took {taken} of {len(data)} bytes; it does not read its input")

    def end_input(self) -> None:
        """Let it read end of file."""
        if self.input is not None:
            os.close(self.input)
            self.input = None

    def reap(self) -> Exit:
        """As any child; nothing can be written to it any more."""
        self.end_input()
        return super().reap()

    def read(self, fd: int) -> list[Output]:
        """The lines that have come on one of its streams; at its end the stream says `ended`."""
        stream = self.streams[fd]
        try:
            data = os.read(fd, READ_SIZE)
        except BlockingIOError:
            return []
        now = time.monotonic_ns()
        lines = stream.feed(data) if data else stream.finish()
        return [Output(now, self.name, stream.name, line) for line in lines]

    def close_stream(self, fd: int) -> None:
        """Forget a stream that has ended."""
        os.close(fd)
        del self.streams[fd]


class Stream:
    """Bytes of one output stream on their way to lines. Bytes that are no UTF-8 show as U+FFFD."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rest = b""
        self.ended = False

    def feed(self, data: bytes) -> list[str]:
        *whole, self.rest = (self.rest + data).split(b"\n")
        if len(self.rest) >= LINE_LIMIT:
            whole.append(self.rest)
            self.rest = b""
        return [line.decode(errors="replace").removesuffix("\r") for line in whole]

    def finish(self) -> list[str]:
        """The last line, if no newline ended it."""
        rest, self.rest = self.rest, b""
        self.ended = True
        return [rest.decode(errors="replace")] if rest else []


def _on_pipes(name: str, program: Program) -> tuple[int | None, int, int, dict[int, Stream]]:
    """Our end of its standard input, where that stays open; its own; its standard output; the stream that comes of it.

    Raises: StepError.
    """
    text = (program.stdin or "").encode()
    if program.interactive and len(text) > PIPE_SIZE:
        raise StepError(f"start {name}: {len(text)} bytes of stdin with interactive; at most {PIPE_SIZE}")
    ours, stdin = os.pipe()[::-1] if program.interactive else (None, os.memfd_create("netlab-stdin"))
    os.write(stdin if ours is None else ours, text)
    if ours is None:
        os.lseek(stdin, 0, os.SEEK_SET)
    else:
        os.set_blocking(ours, False)
    heard, out = os.pipe()
    return ours, stdin, out, {heard: Stream("stdout")}


def _on_connection(name: str, program: Program, connection: int) -> tuple[int | None, int, int, dict[int, Stream]]:
    """The same where both are a connection: nothing of it comes here. Raises: StepError."""
    if program.stdin is not None or program.interactive:
        raise StepError(f"start {name}: its input is the connection; leave its `stdin` out, or start it without one")
    return None, os.dup(connection), os.dup(connection), {}


def _become(
    program: Program, folder: str, identity: Callable[[], None], fds: tuple[int, int, int, int, int]
) -> NoReturn:
    """In the child: become the program, or tell why not through the report pipe."""
    stdin, out, err, report, lifeline = fds
    attempt = "prepare"
    try:
        os.setsid()
        forking.default_signals()
        show_network_in_sys()
        attempt = f"become {program.user}" if program.user else "take the caller's user id"
        identity()
        # After the change of identity, which clears it. Source: kernel/cred.c:commit_creds().
        process.die_with_parent(lifeline)
        attempt = f"enter {program.cwd or folder}"
        os.chdir(os.path.join(folder, program.cwd or "."))
        for number, fd in enumerate((stdin, out, err)):
            os.dup2(fd, number)
        os.set_inheritable(report, False)
        forking.close_others({0, 1, 2, report})
        attempt = f"run {program.words[0]}"
        environment = commands.environment(program.env)
        os.execve(command_file(program.words[0], environment["PATH"]), program.words, environment)
    except BaseException as problem:
        os.write(report, _refusal(attempt, problem, program).encode())
    os._exit(127)


def _refusal(attempt: str, problem: BaseException, program: Program) -> str:
    if isinstance(problem, StepError):
        return f"{attempt}: {problem}"
    if isinstance(problem, FileNotFoundError) and attempt.startswith("run "):
        return f"{attempt}: no such file, or its #! line names none; give another path"
    if isinstance(problem, PermissionError) and attempt.startswith("run "):
        return f"{attempt}: not permitted; is it executable, and readable for the user it runs as?"
    if isinstance(problem, OSError) and problem.errno == errno.ENOEXEC:
        return f"{attempt}: this is no program, and has no #! line; name its interpreter first in `argv`"
    if isinstance(problem, FileNotFoundError):
        return f"{attempt}: no such folder; `cwd` is relative to the lab file"
    if isinstance(problem, OSError) and problem.errno:
        return f"{attempt}: {errno_name(problem.errno)} ({os.strerror(problem.errno)})"
    return f"{attempt}: {problem!r}"


def command_file(name: str, path: str) -> str:
    """The file to execute. Raises: StepError where no folder of the path has it."""
    file = name if "/" in name else commands.find(name, path)
    if file is None:
        raise StepError(f"no such command in PATH ({path}); install it, or give its full path")
    return file


def show_network_in_sys() -> None:
    """Mount a sysfs of this network namespace over /sys, for this process and its children only.

    A sysfs shows the network namespace of whoever mounted it. Where a container forbids the mount
    (fs/namespace.c:mount_too_revealing()) /sys keeps showing the supervisor's: nothing in netlab reads it.
    """
    process.unshare(process.CLONE_NEWNS, "make the program's mount namespace")
    process.mount("none", "/", None, process.MS_REC | process.MS_PRIVATE)
    try:
        process.mount("sysfs", "/sys", "sysfs", MS_RDONLY | process.MS_NOSUID | process.MS_NODEV | process.MS_NOEXEC)
    except PermissionError:
        return


def _read_all(fd: int) -> str:
    with os.fdopen(fd, "rb") as pipe:
        return pipe.read().decode(errors="replace")
