"""What programs write, on its way to the supervisor: as fast as that takes it, and no faster.

Rules: when too much is on the way, what programs write stays in their pipes: they wait in write(2), as they would for
any slow reader, and nothing is lost.
"""

from __future__ import annotations

from collections.abc import Callable

from netlab.agent.lines import Lines
from netlab.agent.loop import Loop
from netlab.agent.programs import PIPE_SIZE, READ_SIZE, ProgramChild
from netlab.records import Output

BACKLOG_LIMIT = 4 * 2**20
"""With this many bytes on the way to the supervisor, output is left in the pipes."""


class Streams:
    """The output streams of a host's programs."""

    def __init__(self, loop: Loop, supervisor: Lines, emit: Callable[[Output], None]) -> None:
        self._loop = loop
        self._supervisor = supervisor
        self._emit = emit
        self._held: list[tuple[ProgramChild, int]] = []

    def follow(self, program: ProgramChild) -> None:
        """Tell what a program writes from now on."""
        for fd in program.streams:
            self._follow(program, fd)

    def resume(self) -> None:
        """Go on with those that were held back, if the supervisor has caught up."""
        if self._held and self._supervisor.unsent <= BACKLOG_LIMIT:
            held, self._held = self._held, []
            for program, fd in held:
                self._follow(program, fd)

    def drain(self, program: ProgramChild) -> None:
        """Tell what an ended program left in its pipes, as much as they hold; its children may go on writing."""
        for fd in list(program.streams):
            for _ in range(PIPE_SIZE // READ_SIZE + 1):
                if fd in program.streams and (program, fd) not in self._held:
                    self._read(program, fd)

    def _follow(self, program: ProgramChild, fd: int) -> None:
        self._loop.add(fd, lambda: self._hear(program, fd))

    def _hear(self, program: ProgramChild, fd: int) -> None:
        if self._supervisor.unsent > BACKLOG_LIMIT:
            self._loop.remove(fd)
            self._held.append((program, fd))
        else:
            self._read(program, fd)

    def _read(self, program: ProgramChild, fd: int) -> None:
        for line in program.read(fd):
            self._emit(line)
        if program.streams[fd].ended:
            self._loop.remove(fd)
            program.close_stream(fd)
