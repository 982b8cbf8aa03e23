"""An endpoint: a process with real sockets, which performs the actions of a lab file and tells what each returned.

    controller  ── {"id": 7, "word": "send", "args": {…}, "step": 4} ──▶  endpoint
                ◀── {"id": 7, "began": {socket, cookie, …}} ── (before the system call: should it never return)
                ◀── {"id": 7, "call": {Call}}  or  {"id": 7, "error": {…}} ──

    controller  ── {"id": 8, "give": "connection"} ──▶  endpoint     (null: its only connection)
                ◀── {"id": 8, "gave": true} and the descriptor  or  {"id": 8, "error": {…}} ──

Rules: one thread for each call under way, so that none waits for another; but each finds its socket before the next
request is heard, so that names mean what they meant when the step came. Sockets never block in the kernel: a call
that would is made again when poll(2) says so, until its deadline; its start and end are those of the real system
calls. SIGPIPE has its default action here: what a sender asked for happens to the whole process. An endpoint never
forks. When the controller hangs up it exits as a program does that is done: the kernel closes its sockets.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from netlab import codec
from netlab.agent.sockets import Place, Sockets, Table
from netlab.errors import NetlabError, errno_name
from netlab.records import Call
from netlab.steps import STEPS, Action

__all__ = ["Endpoint", "Sockets", "main"]

TIMEOUT = "TIMEOUT"


def main(channel: socket.socket, place: Place) -> int:
    """Perform what the controller asks until it hangs up."""
    endpoint = Endpoint(channel, place)
    for line in channel.makefile("rb"):
        request, found = json.loads(line), threading.Event()
        if "give" in request:
            endpoint.give(request)
            continue
        threading.Thread(target=endpoint.answer, args=(request, found), daemon=True).start()
        found.wait()
    return 0


class Endpoint:
    """This process: its sockets and its channel to the controller."""

    def __init__(self, channel: socket.socket, place: Place) -> None:
        self.channel = channel
        self.place = place
        self.table = Table(place)
        self.sending = threading.Lock()

    def answer(self, request: dict[str, Any], found: threading.Event) -> None:
        """Perform one action and tell its outcome, whatever happens; `found` is set once it has its socket."""

        def announce(began: dict[str, Any]) -> None:
            self.send({"id": request["id"], "began": began})
            found.set()

        try:
            outcome: dict[str, Any] = {"call": codec.encode(self.perform(request, announce))}
        except NetlabError as problem:
            outcome = {"error": {"type": type(problem).__name__, "text": str(problem)}}
        except BaseException as defect:
            traceback.print_exc()
            outcome = {"error": {"type": "NetlabError", "text": f"{request.get('word')}: defect of netlab: {defect!r}"}}
        self.send({"id": request["id"], **outcome})
        found.set()

    def give(self, request: dict[str, Any]) -> None:
        """Give a connection away for a program to use, which expects one that blocks."""
        try:
            named = self.table.take(request["give"])
        except NetlabError as problem:
            self.send({"id": request["id"], "error": {"type": type(problem).__name__, "text": str(problem)}})
            return
        named.sock.setblocking(True)
        self.send({"id": request["id"], "gave": True}, named.sock.fileno())
        named.sock.close()

    def perform(self, request: dict[str, Any], announce: Callable[[dict[str, Any]], None]) -> Call:
        """The call's record. Raises: NetlabError where no call could be made."""
        action = decode_action(request["word"], request["args"])
        sockets = Sockets(self.table, action.within, announce)
        error = None
        try:
            sockets.note(**action.perform(sockets))
        except OSError as problem:
            error = outcome_name(problem)
        return Call(
            time_ns=sockets.began_ns,
            end_ns=sockets.ended_ns or time.monotonic_ns(),
            step=request["step"],
            host=self.place.host,
            endpoint=self.place.endpoint,
            socket=sockets.name,
            call=request["word"],
            error=error,
            result=sockets.result,
            cookie=sockets.identity.cookie,
            local=sockets.identity.local,
            remote=sockets.identity.remote,
        )

    def send(self, message: dict[str, Any], *descriptors: int) -> None:
        """Tell the controller, and have `descriptors` go with it."""
        line = json.dumps(message).encode() + b"\n"
        try:
            with self.sending:
                sent = socket.send_fds(self.channel, [line], descriptors, socket.MSG_NOSIGNAL) if descriptors else 0
                self.channel.sendall(line[sent:], socket.MSG_NOSIGNAL)
        except OSError:  # no controller, no endpoint
            os._exit(1)


def decode_action(word: str, args: dict[str, Any]) -> Action:
    """The action of this word. Raises: NetlabError."""
    kind: type[Any] = STEPS[word]
    if not issubclass(kind, Action):
        raise NetlabError(f"{word}: it is a step of the lab, no action of a host; write it without one")
    try:
        action: Action = codec.decode(kind, args, word)
    except codec.CodecError as problem:
        raise NetlabError(f"{word}: {problem}") from None
    return action


def outcome_name(problem: OSError) -> str:
    """The errno's name; TIMEOUT where the deadline passed (ETIMEDOUT is the kernel's, and another thing)."""
    return TIMEOUT if problem.errno is None else errno_name(problem.errno)
