"""Records made by hand, small enough to read: a client, a server, one connection, and what befalls it.

Rules: times are milliseconds since the run began; sequence numbers are relative (the SYN is 0) and become absolute ones
near the end of their space, so that everything that compares them has to wrap. Packet numbers count up by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from netlab.expectations import Expectation
from netlab.expectations.never import Never
from netlab.expectations.reset import Reset as ResetExpectation
from netlab.expectations.wire import Wire
from netlab.faults.unplug import Unplug
from netlab.judge import verdict
from netlab.records import (
    Address,
    Call,
    Counters,
    Environment,
    Event,
    Fault,
    Reset,
    RunRecord,
    Segment,
    SocketInfo,
    SocketTable,
    Step,
    Trouble,
    Verdict,
)
from netlab.steps import Planned
from netlab.steps.check import Check
from netlab.steps.half_open import HalfOpen
from netlab.steps.receive import Receive
from netlab.steps.send import Send

CLIENT, SERVER = Address("10.77.0.2", 40001), Address("10.77.0.1", 9000)
ENDS = {"client": CLIENT, "server": SERVER}
STARTS = {"client": 2**32 - 3, "server": 7000}
MS = 1_000_000
FULL = {"wire": "full", "kernel": "full", "program": "full"}
DEFINITION = {
    "hosts": {
        "client": {"nics": {"nic-b": {"ip": ["10.77.0.2/24"]}}},
        "server": {"nics": {"nic-a": {"ip": "10.77.0.1/24"}}},
    }
}


@dataclass
class Builder:
    """A record in the making."""

    events: list[Event] = field(default_factory=list)
    resets: list[Reset] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)
    """Other fields of the record."""
    packets: int = 0

    def record(self) -> RunRecord:
        """The record so far, events in order of time."""
        fields: dict[str, Any] = {
            "environment": Environment("6.18.0", "x86_64", "3.11.2", "0.1.0", False, FULL),
            "definition": DEFINITION,
            **self.more,
        }
        events = tuple(sorted(self.events, key=lambda event: event.time_ns))
        return RunRecord("half-open", None, Verdict.UNKNOWN, "", resets=tuple(self.resets), events=events, **fields)

    def step(self, at: float, end: float, index: int, text: str, name: str = "", error: str | None = None) -> None:
        """A step was played."""
        self.events.append(Step(ns(at), ns(end), index, name or f"step {index + 1}", text, error))

    def fault(self, at: float, end: float, step: int, word: str, action: Any, target: str) -> None:
        """A fault was injected or healed."""
        self.events.append(Fault(ns(at), ns(end), step, word, action, target))

    def segment(
        self, at: float, sender: str, flags: str, seq: int, ack: int = 0, payload: bytes = b"", **more: Any
    ) -> Segment:
        """A segment, which arrives 0.02 ms later unless `arrived_ns` says otherwise."""
        receiver = "server" if sender == "client" else "client"
        source = more.pop("source", ENDS[sender])
        target = more.pop("target", ENDS[receiver])
        self.packets += 1
        values: dict[str, Any] = {
            "from_": sender,
            "to": receiver,
            "window": 65535,
            "length": len(payload),
            "sent_ns": ns(at),
            "arrived_ns": ns(at) + 20_000,
            "packet": self.packets,
            **more,
        }
        acknowledged = (STARTS[receiver] + ack) % 2**32 if "." in flags else 0
        segment = Segment(
            time_ns=ns(at),
            source=source,
            target=target,
            flags=flags,
            seq=values.pop("absolute", (STARTS[sender] + seq) % 2**32),
            ack=acknowledged,
            payload=payload,
            **values,
        )
        self.events.append(segment)
        return segment

    def reset(self, rst: Segment, reason: str | None = "NO_SOCKET", **more: Any) -> None:
        """The entry in `resets` of an RST segment."""
        told = {"reason": reason, "reason_by": "tracepoint" if reason else None, **more}
        self.resets.append(Reset(rst.time_ns, rst.from_, rst.to, rst.flags, rst.seq, rst.packet, **told))

    def table(self, at: float, step: int, host: str, *states: str, inode: int = 1, cookie: int = 0) -> None:
        """A host's socket table; its rows are the host's end of the connection, one for each state."""
        local, remote = (ENDS[host], ENDS["server" if host == "client" else "client"])
        cookie = cookie or sorted(ENDS).index(host) + 1
        rows = tuple(SocketInfo(state, local, remote, cookie, inode) for state in states)
        self.events.append(SocketTable(ns(at), ns(at + 0.01), step, host, rows))

    def timer(self, step: int, host: str, timer: str, left_ms: int) -> None:
        """The sockets of the tables of a host that were read at a step ran this timer."""
        for place, event in enumerate(self.events):
            if isinstance(event, SocketTable) and (event.step, event.host) == (step, host):
                rows = tuple(replace(row, timer=timer, timer_ms=left_ms) for row in event.sockets)
                self.events[place] = replace(event, sockets=rows)

    def look(self, at: float, step: int, survivor: str, peer: str, *peers: str, inode: int = 1) -> None:
        """Three readings: the client's, the server's, the client's again."""
        mine = (survivor,) if survivor else ()
        self.table(at, step, "client", *mine)
        self.table(at + 0.1, step, "server", *((peer,) if peer else ()), *peers, inode=inode)
        self.table(at + 0.2, step, "client", *mine)

    def call(self, at: float, end: float, step: int, host: str, word: str, **more: Any) -> None:
        """A socket call."""
        values: dict[str, Any] = {"local": ENDS[host], "socket": "connection", **more}
        self.events.append(Call(ns(at), ns(end), step, host, host, call=word, **values))

    def counters(self, at: float, step: int, host: str, **values: int) -> None:
        """A reading of a host's counters."""
        self.events.append(Counters(ns(at), step, host, values))

    def trouble(self, witness: str, what: str) -> None:
        """A witness cannot be relied on."""
        self.events.append(Trouble(ns(1), witness, what))

    def hello(self) -> None:
        """The handshake, and "hello" acknowledged: five segments in the first five milliseconds."""
        self.segment(1, "client", "S", 0)
        self.segment(1.1, "server", "S.", 0, 1)
        self.segment(1.2, "client", ".", 1, 1)
        self.segment(3, "client", "P.", 1, 1, b"hello")
        self.segment(3.1, "server", ".", 1, 6)


def ns(ms: float) -> int:
    """Milliseconds as nanoseconds."""
    return round(ms * MS)


HELLO = """\
client > server  S
server > client  S.
client > server  .
client > server  P. "hello"
server > client  .   ack=seq(previous)+len(previous)
"""
HALF_OPEN = f"""{HELLO}-- replug --
client > server  P. "world"
server > client  R    seq=ack(previous)  within 50ms
"""


@dataclass(frozen=True)
class Lab:
    """What a judge needs of a lab."""

    steps: tuple[Planned, ...] = ()
    expectations: tuple[Expectation, ...] = ()
    says: str | None = None


def planned(index: int, kind: str, word: str, doing: Any, text: str, name: str = "") -> Planned:
    """A step of the lab."""
    return Planned(index=index, name=name or f"step {index + 1}", kind=kind, word=word, doing=doing, text=text)


HALF_OPEN_LAB = Lab(
    steps=(
        planned(0, "inject", "unplug", Unplug(nic="server.nic-a"), "unplug server.nic-a", "pull"),
        planned(1, "heal", "unplug", "server.nic-a", "replug server.nic-a"),
        planned(2, "step", "half-open", HalfOpen(survivor="client", peer="server"), "half-open client", "look"),
        planned(3, "step", "check", Check(host="client", socket="ESTABLISHED"), "check client"),
        planned(4, "action", "send", Send(text="world"), "client: send world"),
        planned(5, "action", "receive", Receive(error="ECONNRESET"), "client: receive", "read"),
    ),
    expectations=(
        Wire(script=HALF_OPEN),
        ResetExpectation(from_="server", flags="R", reason="NO_SOCKET", rule=True),
        Never(from_="server", flags="F"),
    ),
)


def half_open() -> Builder:
    """The half-open experiment as HALF_OPEN_LAB plays it, with everything that its witnesses saw."""
    run = Builder()
    run.hello()
    run.step(10, 12, 0, "unplug server.nic-a", "pull")
    run.fault(10, 12, 0, "unplug", "inject", "server.nic-a")
    run.step(700, 720, 1, "replug server.nic-a")
    run.fault(700, 720, 1, "unplug", "heal", "server.nic-a")
    run.step(730, 731, 2, "half-open client", "look")
    run.look(730, 2, "ESTABLISHED", "")
    run.step(732, 733, 3, "check client")
    run.table(732, 3, "client", "ESTABLISHED")
    run.step(740, 741, 4, "client: send world")
    run.call(740, 740.1, 4, "client", "send", remote=SERVER, result={"size": 5})
    run.segment(740.05, "client", "P.", 6, 1, b"world")
    rst = run.segment(740.1, "server", "R", 1)
    run.reset(rst, answers=6)
    run.step(742, 743, 5, "client: receive", "read")
    run.call(742, 742.1, 5, "client", "receive", error="ECONNRESET", remote=SERVER)
    return run


def judged(run: Builder, lab: Lab = HALF_OPEN_LAB) -> RunRecord:
    """The record with its checks."""
    return verdict.judge(lab, run.record())


def without(record: RunRecord, *unwanted: Event) -> RunRecord:
    """The record less these events."""
    return replace(record, events=tuple(event for event in record.events if event not in unwanted))
