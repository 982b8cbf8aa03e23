"""The controller process: one a host, inside its network namespace, the parent of its endpoints and programs.

    supervisor ──▶ {"id": 3, "do": "act", "endpoint": "server", "word": "send", "args": {…}, "step": 4}
                   {"id": 4, "do": "prepare", "endpoint": "server"}
                   {"id": 5, "do": "start", "program": "pg", "endpoint": null, "socket": null, "step": 5}
                   {"id": 5, "do": "input", "program": "pg", "text": "select 1\n", "end": false}
                   {"id": 5, "do": "stop", "endpoint": "server.pg", "signal": "SIGTERM", "within": 5000000000}
                   {"id": 6, "do": "signal", "endpoint": "server", "signal": "SIGKILL"}
                   {"id": 7, "do": "segment", …}        {"id": 8, "do": "vanish"}
               ◀── {"id": 3, "began": {…}}   where an "act" asked for it ("tell_begin": true), then
                   {"id": 3, "ok": {"call": {Call}}}   or   {"id": 3, "error": {"type": …, "text": …}}
               ◀── {"event": {Output or Exit}}

Rules: one thread, because it forks, and no system call that waits, but for a child that is known to have ended.
Whatever waits for a process waits for its pidfd.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from typing import Any

from netlab import codec
from netlab.agent import process, processes, segments, vanish
from netlab.agent.children import HOPELESS_NS, OVERDUE_NS, EndpointChild, Pending
from netlab.agent.conversation import Conversation
from netlab.agent.lines import Lines
from netlab.agent.loop import Loop
from netlab.agent.programs import ProgramChild
from netlab.agent.sockets import Place
from netlab.agent.streams import Streams
from netlab.agent.waits import Waits
from netlab.errors import StepError
from netlab.records import Exit
from netlab.spec import DEFAULT_WITHIN, Host
from netlab.units import human_duration


def main(channel: socket.socket, name: str, namespace_fd: int, spec: Host, folder: str, family: str) -> int:
    """Serve the supervisor until it hangs up."""
    process.check(process.libc.setns(namespace_fd, process.CLONE_NEWNET), f"enter the namespace of {name}")
    os.close(namespace_fd)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # a program may close its input; children get the default back
    HostController(Lines(channel), name, spec, folder, family).conversation.serve()
    return 0


class HostController:
    """The processes of one host, and the conversation about them."""

    def __init__(self, supervisor: Lines, name: str, spec: Host, folder: str, family: str) -> None:
        self.name = name
        self.spec = spec
        self.folder = folder
        self.family = family
        self.loop = Loop()
        self.conversation = Conversation(supervisor, name, self.loop)
        self.waits = Waits(self.loop)
        self.streams = Streams(self.loop, supervisor, self.conversation.emit)
        self.conversation.caught_up = self.streams.resume
        self.children: dict[str, EndpointChild | ProgramChild] = {}
        """Those that run, by full name."""
        self.ends: dict[str, Exit] = {}
        """How those ended that do not run now."""
        self.conversation.requests = {
            "act": self.act,
            "prepare": self.prepare,
            "start": self.start,
            "input": self.input,
            "stop": self.stop,
            "signal": self.signal,
            "segment": self.segment,
            "vanish": self.vanish,
        }

    # --- endpoints ---

    def act(self, request: dict[str, Any]) -> None:
        """Have an endpoint make a call; its outcome is the answer. The endpoint is made at its first act."""
        name, word, args = request["endpoint"], request["word"], request["args"]
        call = Pending(request["id"], word, request.get("step", -1), request.get("tell_begin", False))
        child = self.endpoint(name)
        child.ask(call, args)
        self.check_later(child, call, time.monotonic_ns() + args.get("within", DEFAULT_WITHIN) + OVERDUE_NS)

    def prepare(self, request: dict[str, Any]) -> dict[str, Any]:
        """Make an endpoint before its first act, so that the act need not wait for a fork."""
        return {"pid": self.endpoint(request["endpoint"]).pid}

    def endpoint(self, name: str) -> EndpointChild:
        child = self.children.get(name)
        if isinstance(child, ProgramChild) or name.partition(".")[2] in self.spec.programs:
            raise StepError(f"{name}: it is a program, and makes its calls itself; act from another endpoint")
        if child is None:
            child = EndpointChild(Place(self.name, name, self.family))
            self.adopt(child)
            self.loop.add(child.lines.fileno(), lambda: self.hear(child))
        return child

    def settle(self, outcome: dict[str, Any]) -> None:
        """Answer an `act` with what its endpoint told."""
        call = outcome.get("call")
        self.conversation.say(outcome if call is None else {"id": outcome["id"], "ok": {"call": call}})

    def hear(self, child: EndpointChild) -> None:
        """Pass on the outcomes an endpoint tells."""
        for outcome in child.answers():
            self.settle(outcome)
        if child.lines.closed:
            self.loop.remove(child.lines.fileno())
            child.lines.close()

    def check_later(self, child: EndpointChild, call: Pending, due_ns: int) -> None:
        """See to it that a call is answered: a stopped endpoint tells nothing, and may never go on."""

        def check() -> None:
            if call.id not in child.pending or child.name not in self.children:
                return
            if not child.stopped() and time.monotonic_ns() < due_ns + HOPELESS_NS:
                self.loop.at(time.monotonic_ns() + OVERDUE_NS, check)
                return
            del child.pending[call.id]
            why = (
                "is stopped (SIGSTOP); resume it first" if child.stopped() else "did not answer; is this machine busy?"
            )
            self.conversation.refuse(call.id, StepError(f"{call.word}: its deadline is over, and {child.name} {why}"))

        self.loop.at(due_ns, check)

    # --- programs ---

    def start(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """Start a program of the host, as it is or on a connection that one of the endpoints gives away."""
        short = request["program"].removeprefix(f"{self.name}.")
        name = f"{self.name}.{short}"
        if short not in self.spec.programs:
            raise StepError(f"start {name}: no such program; there are {', '.join(self.spec.programs) or 'none'}")
        if name in self.children:
            raise StepError(f"start {name}: it runs already; stop it first")
        if request.get("endpoint") is None:
            return self.run(name, short)
        giver = self.endpoint(request["endpoint"])
        wanted = Pending(request["id"], f"start {name}", request.get("step", -1))
        wanted.then = lambda answer: self.run_on(name, short, giver, answer)
        giver.ask_for(wanted, request.get("socket"))
        self.check_later(giver, wanted, time.monotonic_ns() + request.get("within", DEFAULT_WITHIN))
        return None

    def run(self, name: str, short: str, connection: int | None = None) -> dict[str, Any]:
        """Run a program, on a connection where there is one. Raises: StepError."""
        child = ProgramChild(name, self.spec.programs[short], self.folder, connection)
        self.adopt(child)
        self.streams.follow(child)
        return {"pid": child.pid}

    def run_on(self, name: str, short: str, giver: EndpointChild, answer: dict[str, Any]) -> None:
        """Run a program on the connection that an endpoint gave away; a refusal is passed on."""
        if "error" in answer:
            self.conversation.say(answer)
            return
        connection = giver.lines.descriptors.pop(0)
        try:
            self.conversation.say({"id": answer["id"], "ok": self.run(name, short, connection)})
        except StepError as problem:
            self.conversation.refuse(answer["id"], problem)
        finally:
            os.close(connection)

    def input(self, request: dict[str, Any]) -> dict[str, Any]:
        """Write into a program's standard input, or end it."""
        name = f"{self.name}.{request['program']}"
        child = self.children.get(name)
        if not isinstance(child, ProgramChild):
            raise StepError(f"input for {name}: {self.not_running(name)}")
        if request["text"]:
            child.type(request["text"])
        if request["end"]:
            child.end_input()
        return {}

    # --- the end of a child ---

    def adopt(self, child: EndpointChild | ProgramChild) -> None:
        self.children[child.name] = child
        self.ends.pop(child.name, None)
        self.loop.add(child.pidfd, lambda: self.ended(child))

    def ended(self, child: EndpointChild | ProgramChild) -> None:
        """Tell what a child still had to say, then the calls that its end cut short, then its end."""
        self.loop.remove(child.pidfd)
        if isinstance(child, ProgramChild):
            self.streams.drain(child)
        else:
            while not child.lines.closed:
                self.hear(child)
        end = self.ends[child.name] = child.reap()
        del self.children[child.name]
        if isinstance(child, EndpointChild):
            for call in child.pending.values():
                self.settle(child.cut_short(call, end))
        self.conversation.emit(end)
        self.waits.ended(child.pid)

    def stop(self, request: dict[str, Any]) -> None:
        """End an endpoint as if it were done, or a program by a signal; the answer is how it ended."""
        name, within = request["endpoint"], request.get("within", DEFAULT_WITHIN)
        child = self.children.get(name)
        if child is None:
            raise StepError(f"stop {name}: {self.not_running(name)}")
        if isinstance(child, EndpointChild):
            child.leave()
        else:
            os.killpg(child.pid, signal_number(request.get("signal", "SIGTERM")))
        request_id = request["id"]

        def late() -> None:
            if self.waits.give_up(wait):
                text = f"stop {name}: it runs on after {human_duration(within)}; give it longer, or kill it"
                self.conversation.refuse(request_id, StepError(text))

        wait = self.waits.add(
            {child.pid},
            {child.pid},
            lambda: self.conversation.say({"id": request_id, "ok": {"exit": codec.encode(self.ends[name])}}),
        )
        self.loop.at(time.monotonic_ns() + within, late)

    def signal(self, request: dict[str, Any]) -> None:
        """Send a signal to one endpoint or program, or to all of the host; the answer says which.

        SIGKILL is answered when they have ended, SIGSTOP when they stand still.
        """
        name, number = request["endpoint"], signal_number(request["signal"])
        named = self.named(name)
        reached = processes.signal_all(lambda: self.pids_of(name), number)
        if not reached and number != signal.SIGCONT:
            raise StepError(f"send {request['signal']} to {name}: {self.not_running(name)}")
        self.answer_targets(request["id"], named, reached if number == signal.SIGKILL else set())

    def named(self, name: str) -> list[EndpointChild | ProgramChild]:
        """The children that a name means: a host's means all."""
        return [child for child in self.children.values() if name in (child.name, self.name)]

    def pids_of(self, name: str) -> set[int]:
        """The ids of the processes that a name means, and of those that they started."""
        everyone = processes.of_this_host()
        if name == self.name:
            return {each.pid for each in everyone}
        return {each.pid for child in self.named(name) for each in processes.descended(everyone, child.pid)}

    def answer_targets(self, request_id: int, named: list[Any], ending: set[int], **more: Any) -> None:
        """Say which children were meant, when the processes that are `ending` have ended.

        A program on a connection is no such: without that connection it cannot be started again.
        """
        programs = [child for child in named if isinstance(child, ProgramChild) and not child.on_connection]
        endpoints = [child.name for child in named if isinstance(child, EndpointChild)]
        names = [child.name.partition(".")[2] for child in programs]
        ok = {"programs": names, "endpoints": endpoints, **more}
        children = {child.pid for child in self.children.values()}
        self.waits.add(ending, children, lambda: self.conversation.say({"id": request_id, "ok": ok}))

    def not_running(self, name: str) -> str:
        """Why there is nobody of this name."""
        end = self.ends.get(name)
        if end is not None:
            return f"it ended before ({end.signal or f'status {end.status}'}); start it, or have it act, first"
        there = ", ".join(self.children) or "nothing"
        return f"nothing of this name runs; there runs {there}; start it, or have it act, first"

    # --- beyond the processes ---

    def segment(self, request: dict[str, Any]) -> dict[str, Any]:
        """Inject a raw segment; the answer is its record."""
        call = segments.perform(request["segment"], self.name, request.get("step", -1))
        return {"call": codec.encode(call)}

    def vanish(self, request: dict[str, Any]) -> None:
        """Every socket and process of the host disappears without a segment; answered when they have."""
        named = list(self.children.values())
        gone = vanish.vanish()
        self.answer_targets(request["id"], named, gone.pids, silenced=gone.silenced, loud=gone.loud)


def signal_number(name: str) -> int:
    """9 for "SIGKILL". Raises: StepError."""
    try:
        return signal.Signals[name]
    except KeyError:
        raise StepError(f"signal {name}: there is none of this name; write it like SIGTERM") from None
