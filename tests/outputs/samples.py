"""Records built by hand, for tests of what is shown: a half-open run in small, and pieces to build others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from netlab.records import (
    Address,
    Call,
    Check,
    Environment,
    Event,
    Exit,
    Fault,
    Reset,
    RunRecord,
    Segment,
    SocketInfo,
    SocketState,
    SocketTable,
    Step,
    Verdict,
)

CLIENT, SERVER = Address("10.77.0.2", 40001), Address("10.77.0.1", 9000)
HOSTS = {CLIENT: "client", SERVER: "server"}
MS = 1_000_000
CLIENT_START, SERVER_START = 4_294_967_293, 7_000


def segment(at_ms: float, source: Address, flags: str, seq: int, ack: int = 0, **more: Any) -> Segment:
    """A segment between client and server that arrives 20 µs later; `seq` and `ack` are relative."""
    target = CLIENT if source == SERVER else SERVER
    ours, theirs = (CLIENT_START, SERVER_START) if source == CLIENT else (SERVER_START, CLIENT_START)
    at = int(at_ms * MS)
    payload = more.pop("payload", b"")
    values: dict[str, Any] = {
        "from_": HOSTS[source],
        "to": HOSTS[target],
        "length": len(payload),
        "sent_ns": at,
        "arrived_ns": at + 20_000,
        **more,
    }
    return Segment(
        time_ns=at,
        source=source,
        target=target,
        flags=flags,
        seq=(ours + seq) % 2**32,
        ack=(theirs + ack) % 2**32 if "." in flags else 0,
        window=65535,
        payload=payload,
        **values,
    )


def call(at_ms: float, step: int, endpoint: str, word: str, end_ms: float | None = None, **more: Any) -> Call:
    """A socket call of an endpoint's default socket."""
    end = at_ms + 0.05 if end_ms is None else end_ms
    return Call(
        time_ns=int(at_ms * MS),
        end_ns=int(end * MS),
        step=step,
        host=endpoint,
        endpoint=endpoint,
        socket="default",
        call=word,
        **more,
    )


def step(at_ms: float, end_ms: float, index: int, text: str, **more: Any) -> Step:
    """A played step."""
    return Step(int(at_ms * MS), int(end_ms * MS), index, more.pop("name", f"step {index + 1}"), text, **more)


def state(at_ms: float, host: str, old: str, new: str) -> SocketState:
    """A traced state change of the host's end of the connection."""
    local, remote = (CLIENT, SERVER) if host == "client" else (SERVER, CLIENT)
    return SocketState(int(at_ms * MS), host, old, new, local, remote, cookie=1)


def table(at_ms: float, host: str, *states: str) -> SocketTable:
    """A socket table whose rows, if any, are the host's end of the connection."""
    local, remote = (CLIENT, SERVER) if host == "client" else (SERVER, CLIENT)
    rows = tuple(SocketInfo(name, local, remote, cookie=1, inode=1) for name in states)
    return SocketTable(int(at_ms * MS), int(at_ms * MS), 0, host, rows)


STATES: tuple[Event, ...] = (
    state(0.35, "server", "CLOSE", "LISTEN"),
    state(1.21, "client", "CLOSE", "SYN-SENT"),
    state(1.33, "client", "SYN-SENT", "ESTABLISHED"),
    state(1.38, "server", "SYN-RECV", "ESTABLISHED"),
    state(21.5, "server", "ESTABLISHED", "FIN-WAIT-1"),
    state(640.1, "server", "FIN-WAIT-1", "CLOSE"),
    state(672.2, "client", "ESTABLISHED", "CLOSE"),
)

EVENTS: tuple[Event, ...] = (
    step(0.3, 0.4, 0, "server: listen 9000"),
    call(0.3, 0, "server", "listen"),
    step(1.2, 1.4, 1, "client: connect server:9000"),
    call(1.2, 1, "client", "connect", 1.4, local=CLIENT, remote=SERVER),
    segment(1.25, CLIENT, "S", 0, packet=1),
    segment(1.29, SERVER, "S.", 0, 1, packet=3),
    segment(1.34, CLIENT, ".", 1, 1, packet=5),
    step(1.5, 1.6, 2, "server: accept"),
    call(1.5, 2, "server", "accept", 1.6, local=SERVER, remote=CLIENT),
    step(1.7, 1.8, 3, 'client: send "hello"'),
    call(1.7, 3, "client", "send", 1.8, result={"size": 5}),
    segment(1.75, CLIENT, "P.", 1, 1, payload=b"hello", packet=7),
    segment(1.79, SERVER, ".", 1, 6, packet=9),
    step(1.9, 2.0, 4, 'server: receive "hello"'),
    call(1.9, 4, "server", "receive", 2.0, result={"bytes": "hello", "size": 5}),
    step(9.0, 9.4, 5, "unplug: server.nic-a", name="pull"),
    Fault(int(9.1 * MS), int(9.4 * MS), 5, "unplug", "inject", "server.nic-a", {"how": "remove"}),
    step(21.3, 21.6, 6, "kill: server"),
    Fault(int(21.3 * MS), int(21.6 * MS), 6, "kill", "inject", "server"),
    Exit(int(21.45 * MS), "server", signal="SIGKILL"),
    step(21.7, 641.0, 7, "wait: server has no socket with client"),
    step(660.0, 670.0, 8, "replug: server.nic-a"),
    Fault(int(660.0 * MS), int(670.0 * MS), 8, "unplug", "heal", "server.nic-a"),
    step(672.0, 672.1, 9, 'client: send "world"'),
    call(672.0, 9, "client", "send", 672.08, result={"size": 5}),
    segment(672.04, CLIENT, "P.", 6, 1, payload=b"world", packet=21),
    segment(672.12, SERVER, "R", 1, packet=23),
    step(672.2, 672.4, 10, "client: receive ECONNRESET"),
    call(672.2, 10, "client", "receive", 672.3, error="ECONNRESET"),
)

CHECKS = (
    Check('step 4: client: send "hello"', Verdict.PASS, step=3),
    Check('step 10: client: send "world"', Verdict.PASS, step=9),
    Check("wire", Verdict.PASS, seen="7 of 7 lines in order"),
    Check("reset", Verdict.PASS, seen="R from server, reason NO_SOCKET"),
)

ENVIRONMENT = Environment(
    kernel="6.18.0",
    machine="x86_64",
    python="3.11.2",
    netlab="0.1.0",
    rootless=False,
    witnesses={"wire": "full", "kernel": "full", "program": "full"},
)


def record(events: tuple[Event, ...] = EVENTS + STATES, **changes: Any) -> RunRecord:
    """A small half-open run that passes."""
    made = RunRecord(
        lab="half-open",
        variant=None,
        verdict=Verdict.PASS,
        sentence="the connection was half-open: the client was ESTABLISHED while the server held no socket for it, "
        'and "world" was answered by RST because nobody was there',
        environment=ENVIRONMENT,
        definition={"name": "half-open", "title": "A half-open connection, found by RST"},
        checks=CHECKS,
        resets=(Reset(int(672.12 * MS), "server", "client", "R", 7001, 23, "NO_SOCKET", "tracepoint", answers=21),),
        events=tuple(sorted(events, key=lambda event: event.time_ns)),
        packets=24,
        duration_ns=700 * MS,
    )
    return replace(made, **changes)
