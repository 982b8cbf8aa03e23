"""Things to do when processes have ended, whoever's children they are.

Rules: a controller's own child counts as ended when it was reaped and its end was told (`ended`), so that an answer
never comes before the events it follows from. Another process counts when its pidfd says so.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from netlab.agent.loop import Loop


@dataclass(eq=False)
class Wait:
    """Something to do when all of `pids` have ended."""

    pids: set[int]
    then: Callable[[], None]


class Waits:
    """The waits of one controller."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._waits: list[Wait] = []

    def add(self, pids: set[int], children: set[int], then: Callable[[], None]) -> Wait:
        """Do something when these processes have ended, of which `children` are the controller's own."""
        wait = Wait(set(pids), then)
        self._waits.append(wait)
        for pid in pids - children:
            self._watch(pid, wait)
        self._finish()
        return wait

    def give_up(self, wait: Wait) -> bool:
        """Do it no more; whether it was still to be done."""
        if wait not in self._waits:
            return False
        self._waits.remove(wait)
        return True

    def ended(self, pid: int) -> None:
        """A child of the controller's own was reaped."""
        for wait in self._waits:
            wait.pids.discard(pid)
        self._finish()

    def _watch(self, pid: int, wait: Wait) -> None:
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            wait.pids.discard(pid)
            return

        def gone() -> None:
            self._loop.remove(pidfd)
            os.close(pidfd)
            wait.pids.discard(pid)
            self._finish()

        self._loop.add(pidfd, gone)

    def _finish(self) -> None:
        done = [wait for wait in self._waits if not wait.pids]
        self._waits = [wait for wait in self._waits if wait.pids]
        for wait in done:
            wait.then()
