"""The few netlink requests that probes make, packed by hand: a link of a kind, a qdisc of a kind.

Rules: called in a trial's child, inside its fresh namespace. Source: rtnetlink(7); include/uapi/linux/rtnetlink.h,
if_link.h, pkt_sched.h.
"""

from __future__ import annotations

import struct

NETLINK_ROUTE = 0
RTM_NEWLINK, RTM_NEWQDISC = 16, 36
NLM_F_REQUEST, NLM_F_ACK, NLM_F_EXCL, NLM_F_CREATE = 0x1, 0x4, 0x200, 0x400
IFLA_IFNAME, IFLA_LINKINFO, IFLA_INFO_KIND = 3, 18, 1
TCA_KIND, TCA_OPTIONS, TC_H_ROOT = 1, 2, 0xFFFF_FFFF
LOOPBACK = 1
"""The interface index of lo in every namespace."""


def attribute(kind: int, data: bytes) -> bytes:
    """One attribute, padded to four bytes."""
    return struct.pack("=HH", 4 + len(data), kind) + data + b"\0" * (-len(data) % 4)


def message(kind: int, body: bytes, flags: int = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL) -> bytes:
    """A request, by default one that creates something."""
    return struct.pack("=IHHII", 16 + len(body), kind, flags, 0, 0) + body


def new_link(kind: str, name: str) -> None:
    """Create a link of this kind ("veth" makes its peer by itself). Raises: KernelError."""
    info = attribute(IFLA_INFO_KIND, kind.encode() + b"\0")
    body = struct.pack("=BxHiII", 0, 0, 0, 0, 0)
    body += attribute(IFLA_IFNAME, name.encode() + b"\0") + attribute(IFLA_LINKINFO, info)
    _carry_out(f"create a {kind}", name, message(RTM_NEWLINK, body))


def new_qdisc(kind: str, options: bytes) -> None:
    """Put a root qdisc of this kind on lo. Raises: KernelError (ENOENT: the kernel has no such qdisc)."""
    body = struct.pack("=BxxxiIII", 0, LOOPBACK, 0, TC_H_ROOT, 0)
    body += attribute(TCA_KIND, kind.encode() + b"\0") + attribute(TCA_OPTIONS, options)
    _carry_out(f"add a {kind} qdisc", "lo", message(RTM_NEWQDISC, body))


def _carry_out(operation: str, interface: str, data: bytes) -> None:
    import socket

    from netlab.kernel.netlink import Netlink, Request

    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE) as sock:
        Netlink(sock, "").batch([Request(operation, interface, data)])
