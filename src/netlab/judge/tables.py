"""Socket tables as witnesses: which rows of a host's table are connections to which other host.

Rules: pure. A LISTEN row is no connection. Addresses are compared in one form: an IPv4 connection of an IPv6 socket has
its IPv4 addresses (::ffff:10.0.0.1 is 10.0.0.1, RFC 4291 section 2.5.5.2). Which host owns an address follows from the
lab as it was played and from the segments that the run saw.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_interface
from typing import Any, Literal

from netlab.judge.moments import Moment
from netlab.records import Address, Call, RunRecord, Segment, SocketInfo, SocketTable

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
    """The table's rows that are connections (to `peer`, with `port` at either end)."""
    theirs = addresses(record, peer) if peer else None
    return [
        row
        for row in table.sockets
        if row.state != "LISTEN"
        and (theirs is None or plain(row.remote.ip) in theirs)
        and (port is None or port in (row.local.port, row.remote.port))
    ]


def listeners(table: SocketTable, port: int | None = None) -> list[SocketInfo]:
    """The table's listening rows."""
    return [row for row in table.sockets if row.state == "LISTEN" and port in (None, row.local.port)]


def selected(record: RunRecord, table: SocketTable, state: str, peer: str | None, port: int | None) -> list[SocketInfo]:
    """The rows that a question about this state is about."""
    return listeners(table, port) if state == "LISTEN" else connections(record, table, peer, port)


def holds(rows: list[SocketInfo], state: str) -> bool:
    """Some row is in this state; for "none": there is no row."""
    return not rows if state == "none" else any(row.state == state for row in rows)


def tables_at(record: RunRecord, host: str, step: int) -> list[SocketTable]:
    """The tables of a host that were read at a step (in it, or when it had ended), in order of time."""
    tables = [table for table in record.of(SocketTable) if table.host == host and table.step == step]
    return sorted(tables, key=lambda table: table.time_ns)


def table_after(record: RunRecord, host: str, when: Moment) -> SocketTable | None:
    """The last table of a host that was read at a step."""
    return next(reversed(tables_at(record, host, when.index)), None)
