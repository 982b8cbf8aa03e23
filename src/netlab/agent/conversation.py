"""A controller's half of its conversation with the supervisor: requests in, answers and events out, as JSON lines.

Rules: nothing here waits. What the supervisor does not take yet is kept, and sent as soon as it does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from netlab import codec
from netlab.agent.lines import Lines
from netlab.agent.loop import Loop
from netlab.errors import KernelError, NetlabError, StepError
from netlab.records import Event

Request = Callable[[dict[str, Any]], dict[str, Any] | None]
"""Carries a request out: its answer, or None where it is answered later. Raises: NetlabError, OSError."""


class Conversation:
    """One host's; whoever owns it fills in `requests`, by their words."""

    def __init__(self, supervisor: Lines, name: str, loop: Loop) -> None:
        self.supervisor = supervisor
        self.name = name
        self.loop = loop
        self.requests: dict[str, Request] = {}
        self.caught_up: Callable[[], None] = lambda: None
        """Called when the supervisor takes lines again."""

    def serve(self) -> None:
        """Answer requests and tell events until the supervisor hangs up."""
        self.loop.add(self.supervisor.fileno(), self.converse)
        while not self.supervisor.closed:
            self.loop.turn()

    def converse(self) -> None:
        for request in self.supervisor.receive():
            self.answer(request)

    def answer(self, request: dict[str, Any]) -> None:
        """Carry a request out, and answer it now unless it is answered later."""
        do = request.get("do", "")
        try:
            if do not in self.requests:
                raise StepError(f"{self.name}: request {do!r}: unknown; there are {', '.join(self.requests)}")
            ok = self.requests[do](request)
        except NetlabError as problem:
            self.refuse(request["id"], problem)
        except OSError as problem:
            self.refuse(request["id"], KernelError(f"{do} ({problem.strerror})", self.name, errno=problem.errno or 0))
        else:
            if ok is not None:
                self.say({"id": request["id"], "ok": ok})

    def refuse(self, request_id: int, problem: NetlabError) -> None:
        self.say({"id": request_id, "error": {"type": type(problem).__name__, "text": str(problem)}})

    def emit(self, event: Event) -> None:
        """Tell an observation."""
        self.say({"event": codec.encode(event)})

    def say(self, message: dict[str, Any]) -> None:
        """Send a message, now or as soon as it is taken."""
        self.supervisor.send(message)
        if self.supervisor.unsent:
            self.loop.change(self.supervisor.fileno(), self.converse, self.catch_up)

    def catch_up(self) -> None:
        """Send what waits; at last, stop waking up for it."""
        self.supervisor.flush()
        self.caught_up()
        if not self.supervisor.unsent:
            self.loop.change(self.supervisor.fileno(), self.converse, None)
