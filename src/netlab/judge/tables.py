"""Socket tables as witnesses: which rows of a host's table are connections to which other host.

Rules: pure. A LISTEN row is no connection. Addresses are compared in one form: an IPv4 connection of an IPv6 socket has
its IPv4 addresses (::ffff:10.0.0.1 is 10.0.0.1, RFC 4291 section 2.5.5.2). Which host owns an address follows from the
lab as it was played and from the segments that the run saw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_interface
from typing import Any, Literal

from netlab.fields import several
from netlab.judge.evidence import row_text, timed_text
from netlab.judge.moments import Moment
from netlab.judge.translation import faces
from netlab.records import Address, Call, RunRecord, Segment, SocketInfo, SocketTable
from netlab.units import Duration, human_duration

State = Literal[
    "ESTABLISHED",
    "SYN-SENT",
    "SYN-RECV",
    "FIN-WAIT-1",
    "FIN-WAIT-2",
    "TIME-WAIT",
    "CLOSE-WAIT",
    "LAST-ACK",
    "CLOSING",
    "LISTEN",
    "none",
]
"""What a lab can ask of a socket: a state of RFC 9293 section 3.3.2 as the socket table names it, or no socket."""

TimerName = Literal["retransmit", "keepalive", "probe", "time-wait", "none"]
"""What a lab can ask of a socket's timer: the one that runs, as sock_diag tells it, or that none does.

Source: net/ipv4/inet_diag.c:inet_sk_diag_fill(), inet_twsk_diag_fill().
"""

Timers = TimerName | tuple[TimerName, ...]
"""One timer, or several of which any will do: where a race in the kernel decides."""


@dataclass(frozen=True)
class Asked:
    """What a lab asks of a socket: its state, which timer runs, and how long that has still to run.

    Raises: ValueError for a timer that a socket in this state cannot have.
    """

    state: str
    timer: Timers | None = None
    least: Duration | None = None
    most: Duration | None = None

    def __post_init__(self) -> None:
        if set(self.timers) <= {"none"} and self.spans:
            raise ValueError("least and most are how long a timer has to run; say which one: timer: time-wait")
        if self.timers and self.state in ("LISTEN", "none"):
            raise ValueError(f"timer belongs to a connection, not to {self.state}; leave it out, or ask for its state")

    @property
    def timers(self) -> tuple[str, ...]:
        """The timers that will do; () for any."""
        return several(self.timer)

    @property
    def spans(self) -> dict[str, Duration]:
        """The limits of how long the timer has to run."""
        return {word: span for word, span in (("least", self.least), ("most", self.most)) if span is not None}

    def __str__(self) -> str:
        """In words: "TIME-WAIT, timer time-wait, least 59 s"."""
        timer = [f"timer {' or '.join(self.timers)}"] if self.timers else []
        return ", ".join([self.state, *timer, *(f"{word} {human_duration(span)}" for word, span in self.spans.items())])

    def fits(self, row: SocketInfo) -> bool:
        """Whether this socket is as asked."""
        if row.state != self.state or (self.timers and (row.timer or "none") not in self.timers):
            return False
        left_ns = row.timer_ms * 10**6
        return (self.least is None or self.least <= left_ns) and (self.most is None or left_ns <= self.most)

    def holds(self, rows: Sequence[SocketInfo]) -> bool:
        """Some row is as asked; for "none": there is no row."""
        return not rows if self.state == "none" else any(map(self.fits, rows))

    def shown(self, rows: Sequence[SocketInfo]) -> str:
        """What these rows are, with their timers where one is asked for."""
        tell = timed_text if self.timers else row_text
        return ", ".join(map(tell, rows)) or "none"


def plain(ip: str) -> str:
    """An address in the one form that is compared."""
    try:
        address = ip_address(ip)
    except ValueError:
        return ip
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def same(one: Address, other: Address) -> bool:
    """They are the same end."""
    return one.port == other.port and plain(one.ip) == plain(other.ip)


def addresses(record: RunRecord, host: str) -> frozenset[str]:
    """The addresses that a host of the lab owns."""
    hosts = record.definition.get("hosts", {})
    nics = hosts.get(host, {}).get("nics", {}) if isinstance(hosts, dict) else {}
    owned = {plain(str(ip_interface(ip).ip)) for nic in nics.values() for ip in _listed(nic)}
    for segment in record.of(Segment):
        for owner, end in ((segment.from_, segment.source), (segment.to, segment.target)):
            if owner == host:
                owned.add(plain(end.ip))
    owned |= {plain(call.local.ip) for call in record.of(Call) if call.host == host and call.local}
    return frozenset(owned)


def _listed(nic: Any) -> list[str]:
    ips = (nic or {}).get("ip", []) if isinstance(nic, dict) else []
    return [ips] if isinstance(ips, str) else list(ips)


def connections(
    record: RunRecord, table: SocketTable, peer: str | None = None, port: int | None = None
) -> list[SocketInfo]:
    """The table's rows that are connections (to `peer`, by whatever address it is seen; with `port` at either end)."""
    theirs = addresses(record, peer) if peer else None
    seen_as = faces(record, theirs) if theirs else set()
    return [
        row
        for row in table.sockets
        if row.state != "LISTEN"
        and (theirs is None or plain(row.remote.ip) in theirs or row.remote in seen_as)
        and (port is None or port in (row.local.port, row.remote.port))
    ]


def listeners(table: SocketTable, port: int | None = None) -> list[SocketInfo]:
    """The table's listening rows."""
    return [row for row in table.sockets if row.state == "LISTEN" and port in (None, row.local.port)]


def selected(record: RunRecord, table: SocketTable, state: str, peer: str | None, port: int | None) -> list[SocketInfo]:
    """The rows that a question about this state is about."""
    return listeners(table, port) if state == "LISTEN" else connections(record, table, peer, port)


def tables_at(record: RunRecord, host: str, step: int) -> list[SocketTable]:
    """The tables of a host that were read at a step (in it, or when it had ended), in order of time."""
    tables = [table for table in record.of(SocketTable) if table.host == host and table.step == step]
    return sorted(tables, key=lambda table: table.time_ns)


def table_after(record: RunRecord, host: str, when: Moment) -> SocketTable | None:
    """The last table of a host that was read at a step."""
    return next(reversed(tables_at(record, host, when.index)), None)
