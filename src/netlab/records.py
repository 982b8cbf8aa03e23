"""The one vocabulary of observations: witnesses produce these records, expectations and outputs consume them.

Rules: everything is a frozen dataclass and goes to JSON and back by `netlab.codec`. Times are integer nanoseconds of
CLOCK_MONOTONIC; in a RunRecord they count from the run's start (agents send absolute ones, the orchestrator rebases
them, see `rebase`). Sequence numbers are absolute, as on the wire. Packet numbers count from 1, as Wireshark does.
The schema only grows: fields are added, never renamed or removed; `SCHEMA_VERSION` rises with each addition.
Nothing here imports the kernel, pydantic or pyroute2.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal, TypeVar, Union

SCHEMA_VERSION = 5

#: TCP states as the socket table and the tracepoints name them (include/net/tcp_states.h), by number.
TCP_STATES = {
    1: "ESTABLISHED",
    2: "SYN-SENT",
    3: "SYN-RECV",
    4: "FIN-WAIT-1",
    5: "FIN-WAIT-2",
    6: "TIME-WAIT",
    7: "CLOSE",
    8: "CLOSE-WAIT",
    9: "LAST-ACK",
    10: "LISTEN",
    11: "CLOSING",
    12: "SYN-RECV",  # TCP_NEW_SYN_RECV: a request socket, shown as SYN-RECV by the socket table
}


class Verdict(str, Enum):
    """What a check found: pass < unknown < fail; the worst of many is the verdict of all."""

    PASS = "pass"
    UNKNOWN = "unknown"
    FAIL = "fail"

    @classmethod
    def worst(cls, verdicts: list[Verdict]) -> Verdict:
        """The worst of these; PASS for none."""
        return max(verdicts, key=list(cls).index, default=cls.PASS)


def entry(lab: str, variant: str | None) -> str:
    """What a lab in one of its variants is called: "half-open (down)", "half-open"."""
    return f"{lab} ({variant})" if variant else lab


@dataclass(frozen=True, order=True)
class Address:
    """One end of a four-tuple."""

    ip: str
    port: int

    def __str__(self) -> str:
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"


@dataclass(frozen=True)
class Step:
    """A step of the lab was played. `time_ns` to `end_ns` is the time it took."""

    time_ns: int
    end_ns: int
    index: int
    """Its place in the lab's `steps`, from 0."""
    name: str
    """Its `id`, or "step 3"."""
    text: str
    """The step in one line, as the timeline shows it: `client: send "hello"`."""
    error: str | None = None
    """Why it could not be played, if it could not."""
    kind: Literal["step"] = "step"


@dataclass(frozen=True)
class Fault:
    """A fault was injected or healed between `time_ns` and `end_ns`."""

    time_ns: int
    end_ns: int
    step: int
    """Index of the step that asked for it; -1 when the end of the run healed it."""
    fault: str
    """The fault's word: "unplug"."""
    action: Literal["inject", "heal"]
    target: str
    """What it hit: "server.nic-a", "server"."""
    details: dict[str, Any] = field(default_factory=dict)
    kind: Literal["fault"] = "fault"


@dataclass(frozen=True)
class Call:
    """The program's witness: one socket call of one endpoint, and what it returned."""

    time_ns: int
    end_ns: int
    step: int
    host: str
    endpoint: str
    """The endpoint's full name: "server" (the host's default one) or "server.worker"."""
    socket: str
    call: str
    """The step's word: "send", "receive", "connect" …"""
    error: str | None = None
    """errno name ("ECONNRESET"); "TIMEOUT" when `within` ran out; None for success."""
    result: dict[str, Any] = field(default_factory=dict)
    """What it returned: `bytes` (latin-1 text), `size`, `eof`, `value`, `local`, `remote`, `calls` …"""
    signal: str | None = None
    """The signal that ended the endpoint in this call ("SIGPIPE"), if one did."""
    cookie: int | None = None
    """SO_COOKIE of the socket (unique in this kernel's uptime), where it has one."""
    local: Address | None = None
    remote: Address | None = None
    kind: Literal["call"] = "call"


@dataclass(frozen=True)
class SocketInfo:
    """One row of a host's TCP socket table (sock_diag)."""

    state: str
    local: Address
    remote: Address
    cookie: int
    inode: int
    """0 for a socket no process holds: an orphan, a request, TIME-WAIT."""
    timer: str | None = None
    """The running timer: "retransmit", "keepalive", "time-wait", "probe"."""
    timer_ms: int = 0
    retransmits: int = 0
    receive_queue: int = 0
    """Bytes not read yet (in LISTEN: connections in the accept queue)."""
    send_queue: int = 0
    """Bytes not acknowledged yet (in LISTEN: the backlog)."""


@dataclass(frozen=True)
class SocketTable:
    """The kernel's witness: a host's whole TCP socket table, read between `time_ns` and `end_ns`."""

    time_ns: int
    end_ns: int
    step: int
    host: str
    sockets: tuple[SocketInfo, ...]
    kind: Literal["sockets"] = "sockets"


@dataclass(frozen=True)
class Tracked:
    """One entry of a connection tracking table: what its first packet bore, and what an answer to it must bear.

    Where the host translates addresses the two differ: an answer comes for `answer_target`, not for `source`.
    """

    protocol: str
    """"tcp", "udp", "icmp", "icmp6", or a number."""
    state: str | None
    """Of TCP: "SYN-SENT", "ESTABLISHED", "FIN-WAIT" … (net/netfilter/nf_conntrack_proto_tcp.c has its own states)."""
    source: Address
    target: Address
    answer_source: Address
    answer_target: Address
    left_s: int
    """Whole seconds until it is forgotten, if no packet comes."""
    assured: bool = False
    """Traffic was seen both ways."""


@dataclass(frozen=True)
class TrackingTable:
    """The kernel's witness: a host's whole connection tracking table, read between `time_ns` and `end_ns`."""

    time_ns: int
    end_ns: int
    step: int
    host: str
    entries: tuple[Tracked, ...]
    kind: Literal["tracking"] = "tracking"


@dataclass(frozen=True)
class Lookup:
    """The kernel's witness: the one socket that a segment from `remote` to `local` would have found at a host.

    Asked for by its four-tuple (sock_diag): the kernel looks in the established hash, then for a listener.
    """

    time_ns: int
    step: int
    host: str
    local: Address
    remote: Address
    found: SocketInfo | None
    """None: there was none."""
    kind: Literal["lookup"] = "lookup"


@dataclass(frozen=True)
class Counters:
    """The kernel's witness: a host's TCP and IP counters, by the names of /proc/net/snmp and netstat.

    Names are group and field run together, as nstat prints them: "TcpOutRsts", "TcpExtTCPAbortOnData". Counters that
    are zero are left out: an absent name means 0. They are not read at one moment: what happens between `begin_ns` and
    `time_ns` may be in some of them and not in others.
    """

    time_ns: int
    """When the last of them had been read."""
    step: int
    """The step after which it was read; -1 for before the first one."""
    host: str
    values: dict[str, int]
    begin_ns: int | None = None
    """When the first of them was about to be read (since schema version 2)."""
    kind: Literal["counters"] = "counters"

    @property
    def began_ns(self) -> int:
        """`begin_ns`, or `time_ns` where a record of schema version 1 does not tell it."""
        return self.time_ns if self.begin_ns is None else self.begin_ns


DropCause = Literal["loss", "queue", "loss or queue", "replaced"]
"""Why a cable dropped packets: see Cable."""


@dataclass(frozen=True)
class Cable:
    """The kernel's witness: what one direction of a NIC's cable did with packets while it was impaired, read when the
    run ended (since schema version 5). What was under way when a NIC was pulled, and lost for that, is not counted."""

    time_ns: int
    step: int
    nic: str
    """Whose cable it is: "client.nic-b"."""
    way: Literal["outbound", "inbound"]
    """From the host to the switch, or from there to the host."""
    passed: int
    """How many came through, copies of `duplicate` among them."""
    dropped: dict[str, int]
    """How many did not, by cause: "loss", "queue" (it was full; or, in a token bucket, they were larger than `burst`),
    "loss or queue" (netem has one counter for both: it is not known which, where a `loss` is asked for beside a
    `limit`, a `rate` or a `slot`), "replaced" (they waited in a token bucket that gave way to netem)."""
    waiting: int = 0
    """How many were still under way."""
    kind: Literal["cable"] = "cable"


@dataclass(frozen=True)
class SocketState:
    """The kernel's witness: a socket changed its state (tracepoint sock:inet_sock_set_state)."""

    time_ns: int
    host: str
    old: str
    new: str
    local: Address
    remote: Address
    cookie: int
    kind: Literal["state"] = "state"


@dataclass(frozen=True)
class ResetSent:
    """The kernel's witness: it made an RST (tracepoint tcp:tcp_send_reset). It need not have reached the wire."""

    time_ns: int
    source: Address
    target: Address
    state: str
    reason: str | None
    """`NO_SOCKET` … (enum sk_rst_reason); None where the kernel does not say (before Linux 6.10)."""
    cpu: int
    cookie: int | None = None
    """The sending socket's cookie; None where there was no socket, or none that could be told."""
    candidates: int = 1
    """How many runs' resets this could be; more than 1 makes its reason unknown."""
    host: str | None = None
    """The host that made it (a listening socket's `source` is a wildcard)."""
    kind: Literal["reset-sent"] = "reset-sent"


@dataclass(frozen=True)
class ResetReceived:
    """The kernel's witness: a socket took an RST (tracepoint tcp:tcp_receive_reset)."""

    time_ns: int
    host: str
    local: Address
    remote: Address
    cookie: int
    cpu: int
    kind: Literal["reset-received"] = "reset-received"


@dataclass(frozen=True)
class Side:
    """The addresses of a segment on one side of a host that translates."""

    source: Address
    target: Address


@dataclass(frozen=True)
class Segment:
    """The wire's witness: one TCP segment, however many capture points saw it.

    `from_` and `to` are the hosts of the lab that own the addresses (None: nobody does).
    """

    time_ns: int
    """`sent_ns` where the sender's NIC was seen to send it, else the first sighting."""
    from_: str | None
    to: str | None
    source: Address
    target: Address
    flags: str
    """tcpdump's letters in tcpdump's order: "S", "S.", ".", "P.", "F.", "R", "R.", "none"."""
    seq: int
    ack: int
    """The acknowledgment field as sent; meaningless without "." in `flags`."""
    window: int
    payload: bytes
    """At most the first 1024 bytes; `length` is the whole."""
    length: int
    options: tuple[str, ...] = ()
    """"mss 1460", "sackOK", "TS val 1 ecr 0", "wscale 7" …"""
    sent_ns: int | None = None
    arrived_ns: int | None = None
    """When the NIC of its destination host saw it; None: it never arrived."""
    lost_after: str | None = None
    """The last capture point that saw it, where it did not arrive."""
    packets: dict[str, int] = field(default_factory=dict)
    """Capture point ("server.nic-a", "router:client.nic-b") to packet number, in the order of sighting."""
    packet: int = 0
    """The packet number of the sender's sighting, else of the first one."""
    injected: bool = False
    """A `segment` step put it on the wire, no kernel's TCP."""
    by: str | None = None
    """The host that put it on the wire, where that is not the one that owns its source address: a firewall's RST."""
    sides: tuple[Side, ...] = ()
    """Where hosts on its way translated it: the addresses it bore on each side, in the order of the way. Then `source`
    and `target` are those of its two ends: its sender's own, and the ones it arrived with."""
    copies: tuple[int, ...] = ()
    """When copies of it arrived that the path made (`duplicate` of a link): its sender sent it once."""
    kind: Literal["segment"] = "segment"

    @property
    def as_sent(self) -> Side:
        """The addresses that its sender gave it."""
        return self.sides[0] if self.sides else Side(self.source, self.target)

    @property
    def as_arrived(self) -> Side:
        """The addresses it had at the end of its way."""
        return self.sides[-1] if self.sides else Side(self.source, self.target)


@dataclass(frozen=True)
class Frame:
    """The wire's witness: a frame that is not TCP (ARP, ICMP, neighbour discovery), once per sending; or a frame that
    the path corrupted, as it came out, while its segment was lost."""

    time_ns: int
    from_: str | None
    to: str | None
    protocol: str
    """"arp", "icmp", "icmp6", "udp", "ip" or "ethernet"; of a corrupted one also "tcp"."""
    text: str
    """In one line: "who-has 10.77.0.2 tell 10.77.0.1", "echo request", "destination unreachable: port"."""
    packet: int = 0
    interface: str = ""
    kind: Literal["frame"] = "frame"


@dataclass(frozen=True)
class Output:
    """A line a program wrote. `stream` is "stdout" or "stderr"."""

    time_ns: int
    endpoint: str
    stream: str
    line: str
    kind: Literal["output"] = "output"


@dataclass(frozen=True)
class Exit:
    """An endpoint or program ended: with a status, or by a signal ("SIGKILL", "SIGPIPE")."""

    time_ns: int
    endpoint: str
    status: int | None = None
    signal: str | None = None
    kind: Literal["exit"] = "exit"


@dataclass(frozen=True)
class Trouble:
    """A witness cannot be relied on: what it missed, and which witness ("wire", "kernel", "program", "clock")."""

    time_ns: int
    witness: str
    what: str
    kind: Literal["trouble"] = "trouble"


Event = Union[
    Step,
    Fault,
    Call,
    SocketTable,
    TrackingTable,
    Lookup,
    Counters,
    Cable,
    SocketState,
    ResetSent,
    ResetReceived,
    Segment,
    Frame,
    Output,
    Exit,
    Trouble,
]

EVENT_KINDS: dict[str, type[Any]] = {
    str(kind.__dataclass_fields__["kind"].default): kind
    for kind in (
        Step,
        Fault,
        Call,
        SocketTable,
        TrackingTable,
        Lookup,
        Counters,
        Cable,
        SocketState,
        ResetSent,
        ResetReceived,
        Segment,
        Frame,
        Output,
        Exit,
        Trouble,
    )
}


@dataclass(frozen=True)
class Reset:
    """One RST that a host sent, as all three witnesses together tell it."""

    time_ns: int
    from_: str | None
    to: str | None
    flags: str
    seq: int
    packet: int
    reason: str | None = None
    """The kernel's reason ("NO_SOCKET"); None when no witness could tell."""
    reason_by: str | None = None
    """"tracepoint", or "counters" where it follows from the counters and the socket table; None without a reason."""
    why_unknown: str | None = None
    """Why there is no reason, where there is none."""
    answers: int | None = None
    """Packet number of the segment it answers, where one fits RFC 9293 section 3.10.7.1."""
    by: str | None = None
    """The host that put it on the wire, where that is not `from_`: a firewall, in its name."""


@dataclass(frozen=True)
class Check:
    """One verdict with its evidence: what was expected, what was seen, and where to look."""

    name: str
    verdict: Verdict
    expected: str = ""
    seen: str = ""
    evidence: tuple[str, ...] = ()
    """Places in the record: "packet 27 at 0.912345 s", "sockets of server at 0.9 s: none"."""
    explanation: str = ""
    """The nearest cause of a failure, or why it is unknown, in one sentence; for a pass, what was shown."""
    step: int | None = None


NO_REASONS = "no reset reasons: unknown to this kernel (tcp_send_reset has them from Linux 6.10 on)"
"""How the kernel's witness begins where the tracepoints are there and say of no RST why it was made."""


@dataclass(frozen=True)
class Environment:
    """Where a run ran, and what could be seen there."""

    kernel: str
    machine: str
    python: str
    netlab: str
    rootless: bool
    witnesses: dict[str, str]
    """"wire", "kernel" and "program" to "full", or to what is missing and why."""
    started: str = ""
    """Wall-clock start, ISO 8601 in UTC."""
    origin_ns: int = 0
    """CLOCK_MONOTONIC at the run's start: the zero of every time in the record."""
    cpus: int = 0
    baseline: dict[str, str] = field(default_factory=dict)
    """Sysctls netlab set on every host, and what it could not set ("… : not permitted")."""
    target: str = ""
    """The target it ran on ("microvm:", "ssh://user@host"); empty where it ran on the machine that asked for it."""


@dataclass(frozen=True)
class Table:
    """What one of the lab's `outputs` makes of the run, as rows: the same that it shows at the terminal."""

    output: str
    """The output's word: "detection"."""
    rows: tuple[dict[str, Any], ...]
    """Its rows, each an object; times end in `_ns`."""


@dataclass(frozen=True)
class RunRecord:
    """Everything a run leaves behind, and all that a judge needs."""

    lab: str
    variant: str | None
    verdict: Verdict
    sentence: str
    """The verdict in one sentence."""
    environment: Environment
    definition: dict[str, Any]
    """The lab as it was played: parameters filled in, the variant chosen; `netlab.lab.from_definition` reads it."""
    parameters: dict[str, Any] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    resets: tuple[Reset, ...] = ()
    tables: tuple[Table, ...] = ()
    """What the lab's `outputs` make of it."""
    events: tuple[Event, ...] = ()
    """Every observation, ordered by time."""
    packets: int = 0
    """How many packets the capture file holds."""
    duration_ns: int = 0
    interrupted: str | None = None
    """Why the run ended before its last step, if it did."""
    schema_version: int = SCHEMA_VERSION

    def of(self, kind: type[T]) -> list[T]:
        """The events of one kind, in order: `record.of(Segment)`."""
        return [event for event in self.events if isinstance(event, kind)]


T = TypeVar("T")

_MOMENTS = ("time_ns", "begin_ns", "end_ns", "sent_ns", "arrived_ns")


def rebase(event: Any, origin_ns: int) -> Any:
    """The same event with its times counted from `origin_ns`."""
    moments = {name: getattr(event, name, None) for name in _MOMENTS}
    return dataclasses.replace(event, **{name: at - origin_ns for name, at in moments.items() if at is not None})


def event_from_json(value: dict[str, Any], where: str = "event") -> Event:
    """An event from its JSON object, by its `kind`.

    Raises: codec.CodecError, naming the place.
    """
    from netlab import codec

    kind = value.get("kind") if isinstance(value, dict) else None
    if kind not in EVENT_KINDS:
        raise codec.CodecError(f"{where}: {kind!r} is no kind of event; there are {', '.join(EVENT_KINDS)}")
    event: Event = codec.decode(EVENT_KINDS[kind], value, where)
    return event


def record_to_json(record: RunRecord) -> dict[str, Any]:
    """The record as the JSON object that record.json holds."""
    from netlab import codec

    encoded: dict[str, Any] = codec.encode(record)
    return encoded


def record_from_json(value: dict[str, Any]) -> RunRecord:
    """A record from the JSON object of record.json.

    Raises: codec.CodecError, naming the place.
    """
    from netlab import codec

    rest = {key: item for key, item in value.items() if key != "events"}
    record = codec.decode(RunRecord, rest)
    events = value.get("events", [])
    decoded = tuple(event_from_json(event, f"events[{i}]") for i, event in enumerate(events))
    return dataclasses.replace(record, events=decoded)
