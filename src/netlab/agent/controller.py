"""The supervisor's half of a host's controller: starts it, asks it, hears what its processes do.

Rules: all in the supervisor's one thread and event loop. A request is answered once, in any order; when the controller
is gone every open one fails with a StepError. What programs wrote and how processes ended is kept here too, for steps
that wait for it. The other half is `netlab.agent.host`.
"""

from __future__ import annotations

import asyncio
import math
import os
import signal
import time
from collections import defaultdict, deque
from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Any

from netlab import errors
from netlab.agent import forking, host
from netlab.agent.lines import Lines
from netlab.errors import StepError
from netlab.records import Event, Exit, Output, Trouble, event_from_json
from netlab.spec import Host

if TYPE_CHECKING:
    from netlab.kernel.namespaces import Namespace

REMEMBERED_LINES = 10_000
"""Lines of each program that steps can still wait for; the run directory has them all."""


class ControllerHandle:
    """One host's controller, as the supervisor sees it."""

    def __init__(self, name: str, pid: int, lines: Lines, emit: Callable[[Event], None]) -> None:
        self.name = name
        self.pid = pid
        self.lines = lines
        self.outputs: dict[str, deque[Output]] = defaultdict(lambda: deque(maxlen=REMEMBERED_LINES))
        """What each program ("server.pg") wrote since its last start."""
        self.written: dict[str, int] = defaultdict(int)
        """How many lines that were."""
        self.exits: dict[str, Exit] = {}
        """How those endpoints and programs ended that do not run now."""
        self._emit = emit
        self._open: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._begins: dict[int, Callable[[], None]] = {}
        self._requests = 0
        self._killed = False
        self._last_ns: float = math.inf
        self._loop = asyncio.get_running_loop()
        self._reaped: asyncio.Future[int] = self._loop.create_future()
        self._pidfd = os.pidfd_open(pid)
        self._loop.add_reader(self._pidfd, self._reap)
        self._loop.add_reader(self.lines.fileno(), self._hear)

    @classmethod
    def start(
        cls,
        name: str,
        namespace: Namespace,
        spec: Host,
        folder: str,
        emit: Callable[[Event], None],
        family: str | None = None,
    ) -> ControllerHandle:
        """Fork a host's controller into its namespace; it is ready at once. Raises: OSError.

        `family` is where endpoints listen that name no address; by default that of the host's first address.
        """
        fd = os.dup(namespace.fd)
        try:
            pid, channel = forking.fork(
                lambda channel: host.main(channel, name, fd, spec, folder, family or family_of(spec)),
                "netlab-ctl",
                keep=(fd,),
            )
        finally:
            os.close(fd)
        return cls(name, pid, Lines(channel), emit)

    @property
    def closed(self) -> bool:
        """Whether it is gone."""
        return self.lines.closed

    async def ask(self, do: str, on_begin: Callable[[], None] | None = None, **fields: Any) -> dict[str, Any]:
        """A request and its answer. Raises: NetlabError as the controller answers; StepError if it is gone.

        `on_begin` is called when an "act" has its socket and is about to make its call.
        """
        if self.closed:
            raise self._gone()
        if do in ("act", "start"):  # who acts or starts runs (again)
            name = fields["endpoint"] if do == "act" else f"{self.name}.{fields['program']}"
            self.exits.pop(name, None)
            if do == "start":
                self.outputs.pop(name, None)
                self.written.pop(name, None)
        self._requests += 1
        answer: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        self._open[self._requests] = answer
        if on_begin is not None:
            self._begins[self._requests] = on_begin
            fields["tell_begin"] = True
        self.lines.send({"id": self._requests, "do": do, **fields})
        self._watch_writing()
        return await answer

    def lines_after(self, program: str, count: int) -> list[str]:
        """What a program wrote after its first `count` lines, as far as it is remembered."""
        lines = self.outputs[program]
        fresh = min(self.written[program] - count, len(lines))
        return [output.line for output in islice(lines, len(lines) - fresh, None)]

    def kill(self, last_ns: float = math.inf) -> None:
        """SIGKILL, and with it to its endpoints and programs. What they tell of moments after `last_ns` is dropped."""
        self._killed = True
        self._last_ns = last_ns
        if not self._reaped.done():
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    async def wait(self) -> None:
        """Return when it has ended and was reaped."""
        await self._reaped

    def _watch_writing(self) -> None:
        if self.lines.unsent and not self.closed:
            self._loop.add_writer(self.lines.fileno(), self._flush)
        else:
            self._loop.remove_writer(self.lines.fileno())

    def _flush(self) -> None:
        self.lines.flush()
        self._watch_writing()

    def _hear(self) -> None:
        for message in self.lines.receive():
            if "event" in message:
                self._take(event_from_json(message["event"]))
            elif "began" in message:
                self._begins.pop(message["id"])()
            elif (answer := self._open.pop(message["id"], None)) is not None and not answer.done():
                self._begins.pop(message["id"], None)
                if "error" in message:
                    answer.set_exception(errors.from_json(message["error"], StepError))
                else:
                    answer.set_result(message["ok"])
        if self.lines.closed:
            self._hang_up()

    def _take(self, event: Event) -> None:
        if event.time_ns > self._last_ns:  # the end of the run, not of the experiment
            return
        if isinstance(event, Output):
            self.outputs[event.endpoint].append(event)
            self.written[event.endpoint] += 1
        elif isinstance(event, Exit):
            self.exits[event.endpoint] = event
        self._emit(event)

    def _hang_up(self) -> None:
        self._loop.remove_reader(self.lines.fileno())
        self._loop.remove_writer(self.lines.fileno())
        self.lines.close()
        for answer in self._open.values():
            if not answer.done():
                answer.set_exception(self._gone())
        self._open.clear()

    def _gone(self) -> StepError:
        return StepError(f"ask {self.name}: its controller was ended; its endpoints and programs went with it")

    def _reap(self) -> None:
        self._loop.remove_reader(self._pidfd)
        _, status = os.waitpid(self.pid, 0)
        os.close(self._pidfd)
        if not self.lines.closed:
            self._hear()
        if not self._killed:
            code, signal_name = forking.exit_words(status)
            how = f"the controller of {self.name} ended by itself: {signal_name or f'status {code}'}"
            self._emit(Trouble(time.monotonic_ns(), "program", how))
        self._reaped.set_result(status)


def family_of(spec: Host) -> str:
    """The family of a host's first address; IPv4 where it has none."""
    first = next((ip for nic in spec.nics.values() for ip in nic.ip), "")
    return "ipv6" if ":" in first else "ipv4"
