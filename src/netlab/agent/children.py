"""A controller's children: what it knows of each process, and of an endpoint's calls under way.

Rules: a child is known by its process id, which stays its own until it is reaped here, and by a pidfd, which becomes
readable when it ends. A call is pending from the moment it is asked for until its endpoint tells the outcome, or dies.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from netlab import codec
from netlab.agent import endpoint, forking
from netlab.agent.lines import Lines
from netlab.agent.sockets import Identity, Place
from netlab.records import Call, Exit

OVERDUE_NS = 2 * 10**8
"""How much longer than its `within` a call may take to be told before its endpoint is looked at: is it stopped?"""
HOPELESS_NS = 20 * 10**9
"""And how much longer it may take in any case."""


@dataclass
class Pending:
    """A call under way."""

    id: int
    word: str
    step: int
    tell_begin: bool = False
    """Whoever asked wants to hear, too, when the call is about to be made."""
    then: Callable[[dict[str, Any]], None] | None = None
    """Takes the endpoint's answer, where the controller asked for itself; None: it is passed on to the supervisor."""
    began: dict[str, Any] = field(default_factory=dict)
    """What the endpoint announced before the system call; empty while it has not come so far."""


class Child:
    """A process under the controller: an endpoint, or a program (`programs.Program`)."""

    def __init__(self, name: str, pid: int) -> None:
        self.name = name
        self.pid = pid
        self.pidfd = os.pidfd_open(pid)

    def reap(self) -> Exit:
        """Wait for the process that has ended, and say how it ended."""
        _, status = os.waitpid(self.pid, 0)
        os.close(self.pidfd)
        code, signal_name = forking.exit_words(status)
        return Exit(time.monotonic_ns(), self.name, code, signal_name)

    def stopped(self) -> bool:
        """Whether it stands still (SIGSTOP). Source: waitid(2)."""
        return os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None


class EndpointChild(Child):
    """An endpoint as its controller sees it."""

    def __init__(self, place: Place) -> None:
        pid, channel = forking.fork(lambda channel: endpoint.main(channel, place), "netlab-end")
        super().__init__(place.endpoint, pid)
        self.place = place
        self.lines = Lines(channel)
        self.pending: dict[int, Pending] = {}

    def ask(self, call: Pending, args: dict[str, Any]) -> None:
        """Hand a call to the endpoint."""
        self.pending[call.id] = call
        self.lines.send({"id": call.id, "word": call.word, "args": args, "step": call.step})

    def ask_for(self, call: Pending, socket_name: str | None) -> None:
        """Ask the endpoint to give a connection away; it comes as a descriptor of `lines`."""
        self.pending[call.id] = call
        self.lines.send({"id": call.id, "give": socket_name})

    def answers(self) -> list[dict[str, Any]]:
        """The outcomes (and beginnings) to pass on; what nobody waits for is dropped."""
        outcomes = []
        for message in self.lines.receive():
            if message["id"] not in self.pending:
                continue
            if "began" in message:
                call = self.pending[message["id"]]
                call.began = message["began"]
                if call.tell_begin:
                    outcomes.append(message)
            else:
                then = self.pending.pop(message["id"]).then
                if then is None:
                    outcomes.append(message)
                else:
                    then(message)
        return outcomes

    def leave(self) -> None:
        """Have it exit as a program that is done."""
        self.lines.sock.shutdown(socket.SHUT_WR)

    def cut_short(self, call: Pending, end: Exit) -> dict[str, Any]:
        """The answer to a call in whose middle the endpoint ended."""
        if end.signal is None or call.then is not None:
            text = f"{call.word}: {self.name} was ended in the middle of it; collect it first"
            return {"id": call.id, "error": {"type": "StepError", "text": text}}
        identity = codec.decode(Identity, {key: call.began.get(key) for key in ("cookie", "local", "remote")})
        began_ns = call.began.get("time_ns", end.time_ns)
        record = Call(
            began_ns,
            end.time_ns,
            call.step,
            self.place.host,
            self.name,
            call.began.get("socket", ""),
            call.word,
            signal=end.signal,
            cookie=identity.cookie,
            local=identity.local,
            remote=identity.remote,
        )
        return {"id": call.id, "call": codec.encode(record)}
