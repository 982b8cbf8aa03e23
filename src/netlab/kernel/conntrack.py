"""A namespace's connection tracking table: what is in it, and how to make it forget.

Rules: an entry whose time is up is not shown, and a packet that looks for it does not find it, though the kernel may
still hold its memory. Entries are deleted by their original tuple and their id, so that one made anew in between stays.
The kernel tells the time left in whole seconds, rounded down. The messages are unpacked here: pyroute2's NFCTSocket
runs an event loop of its own, in the supervisor's.

Source: include/uapi/linux/netfilter/nfnetlink_conntrack.h; ctnetlink_dump_table (nf_ct_is_expired) and
ctnetlink_del_conntrack in net/netfilter/nf_conntrack_netlink.c.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Callable
from ipaddress import ip_address

from netlab.errors import KernelError
from netlab.kernel.messages import NLM_F_REQUEST, attributes
from netlab.kernel.namespaces import Namespace
from netlab.kernel.netlink import NETLINK_NETFILTER, Netlink, Request
from netlab.records import Address, Tracked

__all__ = ["forget", "table"]

SUBSYSTEM, GET, DELETE = 1, 1, 2
"""NFNL_SUBSYS_CTNETLINK; IPCTNL_MSG_CT_GET, IPCTNL_MSG_CT_DELETE."""
TUPLE_ORIG, TUPLE_REPLY, STATUS, PROTOINFO, TIMEOUT, ID = 1, 2, 3, 4, 7, 12
TUPLE_IP, TUPLE_PROTO = 1, 2
PROTO_NUMBER, PROTO_SOURCE, PROTO_TARGET = 1, 2, 3
PROTOINFO_TCP, TCP_STATE = 1, 1
ASSURED = 4
"""IPS_ASSURED: traffic was seen both ways, so that it is not dropped early when the table is full."""
STATES = {
    1: "SYN-SENT",
    2: "SYN-RECV",
    3: "ESTABLISHED",
    4: "FIN-WAIT",
    5: "CLOSE-WAIT",
    6: "LAST-ACK",
    7: "TIME-WAIT",
    8: "CLOSE",
    9: "SYN-SENT2",
}
"""Source: enum tcp_conntrack in include/uapi/linux/netfilter/nf_conntrack_tcp.h."""
PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmp6"}

_MESSAGE = struct.Struct("=IHHIIBBH")
"""struct nlmsghdr, then struct nfgenmsg: family, version, resource."""
_U32 = struct.Struct(">I")

Raw = tuple[int, dict[int, bytes]]
"""Address family and attributes of an entry."""


def table(namespace: Namespace) -> list[Tracked]:
    """The entries there are, in the order of the kernel's table. Raises: KernelError."""
    return [_tracked(attrs) for _, attrs in _dump(namespace)]


def forget(namespace: Namespace, which: Callable[[Tracked], bool]) -> list[Tracked]:
    """Delete the entries of which this holds, and say which they were. Raises: KernelError."""
    chosen = [(family, attrs) for family, attrs in _dump(namespace) if which(_tracked(attrs))]
    netlink = _socket(namespace)
    try:
        for family, attrs in chosen:
            keys = b"".join(_attribute(kind, attrs[kind]) for kind in (TUPLE_ORIG, ID))
            try:
                netlink.batch([_request("forget a tracked connection", DELETE, family, keys)])
            except KernelError as error:
                if error.errno != errno.ENOENT:  # its time was up meanwhile
                    raise
    finally:
        netlink.close()
    return [_tracked(attrs) for _, attrs in chosen]


def _dump(namespace: Namespace) -> list[Raw]:
    netlink = _socket(namespace)
    try:
        found = netlink.dump(_request("read the connection tracking table", GET, socket.AF_UNSPEC))
    finally:
        netlink.close()
    return [(data[HEADERS - 4], dict(attributes(data, HEADERS))) for data in found]


HEADERS = _MESSAGE.size


def _socket(namespace: Namespace) -> Netlink:
    return Netlink(namespace.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER), namespace.name)


def _request(operation: str, kind: int, family: int, body: bytes = b"") -> Request:
    size = HEADERS + len(body)
    return Request(operation, "", _MESSAGE.pack(size, SUBSYSTEM << 8 | kind, NLM_F_REQUEST, 0, 0, family, 0, 0) + body)


NESTED = 0x8000


def _attribute(kind: int, value: bytes) -> bytes:
    nested = NESTED if kind == TUPLE_ORIG else 0
    return struct.pack("=HH", 4 + len(value), kind | nested) + value + b"\0" * (-len(value) % 4)


def _tracked(attrs: dict[int, bytes]) -> Tracked:
    protocol, source, target = _tuple(attrs[TUPLE_ORIG])
    _, answer_source, answer_target = _tuple(attrs[TUPLE_REPLY])
    tcp = dict(attributes(dict(attributes(attrs.get(PROTOINFO, b""), 0)).get(PROTOINFO_TCP, b""), 0))
    state = STATES.get(tcp[TCP_STATE][0]) if TCP_STATE in tcp else None
    return Tracked(
        protocol=PROTOCOLS.get(protocol, str(protocol)),
        state=state,
        source=source,
        target=target,
        answer_source=answer_source,
        answer_target=answer_target,
        left_s=_U32.unpack(attrs[TIMEOUT])[0] if TIMEOUT in attrs else 0,
        assured=bool(_U32.unpack(attrs.get(STATUS, bytes(4)))[0] & ASSURED),
    )


def _tuple(data: bytes) -> tuple[int, Address, Address]:
    """Protocol, source and target of a tuple; ports are 0 where the protocol has none."""
    parts = dict(attributes(data, 0))
    ips = [str(ip_address(value)) for _, value in sorted(attributes(parts[TUPLE_IP], 0))]
    proto = dict(attributes(parts[TUPLE_PROTO], 0))
    ports = [int.from_bytes(proto.get(kind, b"\0")) for kind in (PROTO_SOURCE, PROTO_TARGET)]
    return proto[PROTO_NUMBER][0], Address(ips[0], ports[0]), Address(ips[1], ports[1])
