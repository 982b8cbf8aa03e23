"""Rows of the kernel's tables about one NIC: addresses, routes, permanent neighbours, qdiscs; read, compared, given
back.

Rules: a row is kept as the bytes the kernel gave, less what is not the row itself (ages, statistics, reference counts,
flags that follow from the link's state), so that whatever somebody set on it (metric, scope, label, table, options)
comes back with it. Two rows are the same when those bytes are. What the kernel makes by itself (connected and local
routes) is not read: it comes with the addresses.

Source: include/uapi/linux/{if_addr,rtnetlink,neighbour}.h.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address

from netlab.kernel import requests
from netlab.kernel.messages import NLM_F_CREATE, NLM_F_REPLACE, NLM_F_REQUEST, attributes
from netlab.kernel.namespaces import Namespace
from netlab.kernel.netlink import Request

_HEADER = struct.Struct("=IHHII")

IFA_ADDRESS, IFA_LOCAL, IFA_LABEL, IFA_BROADCAST, IFA_CACHEINFO, IFA_FLAGS, IFA_RT_PRIORITY = 1, 2, 3, 4, 6, 8, 9
IFA_F_KEPT = 0x10 | 0x100 | 0x200 | 0x400
"""HOMEADDRESS, MANAGETEMPADDR, NOPREFIXROUTE, MCAUTOJOIN: the flags that somebody sets. The others tell a state."""

RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_MULTIPATH, RTA_CACHEINFO, RTA_VIA = 1, 4, 5, 9, 12, 18
RTNH_F_ONLINK = 4
RTPROT_REDIRECT, RTPROT_KERNEL = 1, 2

NDA_DST, NDA_LLADDR, NDA_PROTOCOL, NDA_FLAGS_EXT = 1, 2, 12, 15
TCA_KIND, TCA_OPTIONS, TCA_STAB = 1, 2, 8


@dataclass(frozen=True)
class Row:
    """One row; `body` is its fixed header (struct ifaddrmsg, rtmsg, ndmsg or tcmsg)."""

    table: str
    body: bytes
    attrs: tuple[tuple[int, bytes], ...]
    lifetime: bytes = field(default=b"", compare=False)
    """An address's remaining lifetimes (struct ifa_cacheinfo): given back with it, but not part of it."""

    def __str__(self) -> str:
        return TABLES[self.table].describe(self)

    def get(self, kind: int) -> bytes:
        """An attribute's value, b"" where it has none."""
        return dict(self.attrs).get(kind, b"")

    def request(self, interface: str) -> Request:
        """What puts it back."""
        attrs = [*self.attrs, *([(IFA_CACHEINFO, self.lifetime)] if self.lifetime else [])]
        data = self.body + b"".join(_attribute(kind, value) for kind, value in attrs)
        flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE
        header = _HEADER.pack(_HEADER.size + len(data), TABLES[self.table].kind, flags, 0, 0)
        return Request(f"put back the {self}", interface, header + data)


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def read(namespace: Namespace, index: int) -> list[Row]:
    """The NIC's rows: addresses, then routes (those that others need to reach their next hop first), neighbours,
    qdiscs.

    Raises: KernelError.
    """
    return [row for name, table in TABLES.items() for row in _read_table(namespace, index, name, table)]


def qdiscs(namespace: Namespace, index: int) -> list[Row]:
    """The device's qdiscs, but for a default one. Raises: KernelError."""
    return _read_table(namespace, index, "qdisc", TABLES["qdisc"])


def _read_table(namespace: Namespace, index: int, name: str, table: Table) -> list[Row]:
    start = _HEADER.size + table.size
    rows = []
    for message in namespace.route.dump(requests.dump(table.kind + 2, f"the {name} table")):
        attrs = list(attributes(message, start))
        row = table.read(index, message[_HEADER.size : start], attrs)
        if row is not None:
            rows.append(row)
    return sorted(rows, key=lambda row: bool(row.get(RTA_GATEWAY))) if name == "route" else rows


def _read_address(index: int, body: bytes, attrs: list[tuple[int, bytes]]) -> Row | None:
    version, prefixlen, flags, scope, of = struct.unpack("=BBBBI", body)
    if of != index:
        return None
    found = dict(attrs)
    kept = int.from_bytes(found.get(IFA_FLAGS, bytes([flags])), sys.byteorder) & IFA_F_KEPT
    if version == requests.AF_INET6:
        kept |= requests.IFA_F_NODAD
    body = struct.pack("=BBBBI", version, prefixlen, 0, scope, of)
    wanted = (IFA_ADDRESS, IFA_LOCAL, IFA_LABEL, IFA_BROADCAST, IFA_RT_PRIORITY)
    rest = tuple((kind, value) for kind, value in attrs if kind in wanted)
    return Row("address", body, (*rest, (IFA_FLAGS, struct.pack("=I", kept))), found.get(IFA_CACHEINFO, b""))


def _read_route(index: int, body: bytes, attrs: list[tuple[int, bytes]]) -> Row | None:
    head, (protocol, scope, kind), flags = body[:5], body[5:8], struct.unpack_from("=I", body, 8)[0]
    through = {int.from_bytes(value, sys.byteorder) for number, value in attrs if number == RTA_OIF}
    through |= {hop[1] for number, value in attrs if number == RTA_MULTIPATH for hop in _hops(value)}
    if index not in through or protocol in (RTPROT_REDIRECT, RTPROT_KERNEL):
        return None
    body = head + bytes((protocol, scope, kind)) + struct.pack("=I", flags & RTNH_F_ONLINK)
    kept = tuple(
        (number, _clean_hops(value) if number == RTA_MULTIPATH else value)
        for number, value in attrs
        if number != RTA_CACHEINFO
    )
    return Row("route", body, kept)


def _hops(multipath: bytes) -> Iterator[tuple[bytes, int]]:
    """The next hops of a multipath route ("struct rtnexthop" with attributes) and their interfaces' indexes."""
    start = 0
    while start + 8 <= len(multipath):
        length, _, _, index = struct.unpack_from("=HBBi", multipath, start)
        if length < 8:
            return
        yield multipath[start : start + length].ljust((length + 3) & ~3, b"\0"), index
        start += (length + 3) & ~3


def _clean_hops(multipath: bytes) -> bytes:
    """Without the flags that tell a link's state: dead, link down."""
    return b"".join(hop[:2] + bytes([hop[2] & RTNH_F_ONLINK]) + hop[3:] for hop, _ in _hops(multipath))


def _read_neighbour(index: int, body: bytes, attrs: list[tuple[int, bytes]]) -> Row | None:
    of, state = struct.unpack_from("=iH", body, 4)
    if of != index or not state & requests.NUD_PERMANENT:
        return None
    kept = (NDA_DST, NDA_LLADDR, NDA_PROTOCOL, NDA_FLAGS_EXT)
    return Row("neighbour", body, tuple((kind, value) for kind, value in attrs if kind in kept))


def _read_qdisc(index: int, body: bytes, attrs: list[tuple[int, bytes]]) -> Row | None:
    of, handle, parent = struct.unpack_from("=iII", body, 4)
    if of != index or not handle:  # the one without a handle is the device's default (noqueue)
        return None
    body = struct.pack("=BxxxiIII", 0, of, handle, parent, 0)
    return Row(
        "qdisc", body, tuple((kind, value) for kind, value in attrs if kind in (TCA_KIND, TCA_OPTIONS, TCA_STAB))
    )


@dataclass(frozen=True)
class Table:
    """One of the kernel's tables: the number of its RTM_NEW message (RTM_GET is two more) and how its rows are read."""

    kind: int
    size: int
    """Of the fixed header."""
    read: Callable[[int, bytes, list[tuple[int, bytes]]], Row | None]
    describe: Callable[[Row], str]


def _describe_address(row: Row) -> str:
    return f"address {ip_address(row.get(IFA_LOCAL) or row.get(IFA_ADDRESS))}/{row.body[1]}"


def _describe_route(row: Row) -> str:
    target = f"{ip_address(row.get(RTA_DST))}/{row.body[1]}" if row.get(RTA_DST) else "default"
    via = f" via {ip_address(row.get(RTA_GATEWAY))}" if row.get(RTA_GATEWAY) else ""
    return f"{'IPv4' if row.body[0] == requests.AF_INET else 'IPv6'} route {target}{via}"


def _describe_neighbour(row: Row) -> str:
    return f"neighbour {ip_address(row.get(NDA_DST))} at {row.get(NDA_LLADDR).hex(':')}"


def _describe_qdisc(row: Row) -> str:
    handle = struct.unpack_from("=I", row.body, 8)[0]
    return f"qdisc {row.get(TCA_KIND).rstrip(bytes(1)).decode()} {handle >> 16:x}:"


TABLES = {
    "address": Table(requests.RTM_NEWADDR, 8, _read_address, _describe_address),
    "route": Table(requests.RTM_NEWROUTE, 12, _read_route, _describe_route),
    "neighbour": Table(requests.RTM_NEWNEIGH, 12, _read_neighbour, _describe_neighbour),
    "qdisc": Table(requests.RTM_NEWQDISC, 20, _read_qdisc, _describe_qdisc),
}
