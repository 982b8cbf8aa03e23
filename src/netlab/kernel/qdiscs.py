"""Queueing disciplines as rtnetlink messages: made, changed, removed, read with their statistics.

Rules: what a kind of qdisc takes as options is in netem.py and tbf.py; each brings a message class whose
TCA_OPTIONS it knows. pyroute2's own tcmsg is not used: it loads 22 kinds (38 ms), and its netem knows half of netem's
attributes.

Source: include/uapi/linux/{rtnetlink,pkt_sched,gen_stats}.h; net/sched/sch_api.c.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from pyroute2.netlink import nla, nlmsg

from netlab.kernel.messages import HEADER, NLM_F_CREATE, NLM_F_REPLACE, attributes, encode
from netlab.kernel.netlink import Netlink, Request
from netlab.kernel.requests import RTM_GETQDISC, RTM_NEWQDISC, dump

RTM_DELQDISC = 37
ROOT = 0xFFFF_FFFF
TCA_KIND, TCA_OPTIONS, TCA_STATS2 = 1, 2, 7
TCA_STATS_BASIC, TCA_STATS_QUEUE = 1, 3
BODY = HEADER.size + 20
"""A qdisc message's attributes follow its struct nlmsghdr and struct tcmsg."""
TICK_NS = 64
"""What the kernel counts time in where 32 bits must do. Source: PSCHED_SHIFT in include/net/pkt_sched.h."""


class QdiscMessage(nlmsg):  # type: ignore[misc]
    """struct tcmsg and its attributes; a kind's own class says what its `options` are.

    Only subclasses are made messages of: pyroute2 compiles a class's attributes when it is first used, and what it then
    puts into the class would be inherited by kinds that were not used before.
    """

    prefix = "TCA_"
    fields = (
        ("family", "B"),
        ("pad1", "B"),
        ("pad2", "H"),
        ("index", "i"),
        ("handle", "I"),
        ("parent", "I"),
        ("info", "I"),
    )
    nla_map = (("TCA_UNSPEC", "none"), ("TCA_KIND", "asciiz"), ("TCA_OPTIONS", "options"))


class _NoOptions(QdiscMessage):
    class options(nla):  # type: ignore[misc]
        """None."""


class Statistics(NamedTuple):
    """What qdiscs have done."""

    sent_packets: int = 0
    sent_bytes: int = 0
    dropped: int = 0
    """Packets lost, on purpose or because more came than may wait."""
    overlimits: int = 0
    """How often a token bucket had to wait for tokens."""
    backlog_packets: int = 0
    """Packets that are under way or wait, now."""
    backlog_bytes: int = 0


class Qdisc(NamedTuple):
    """A qdisc as the kernel shows it."""

    kind: str
    handle: int
    """0 for a device's default."""
    parent: int
    statistics: Statistics
    data: bytes
    """The whole message."""


def put(
    message: QdiscMessage, kind: str, options: Any, index: int, name: str, handle: int, parent: int = ROOT
) -> Request:
    """Make a qdisc for the device `name`, in place of one with another handle that is there."""
    data = _encode(message, NLM_F_CREATE | NLM_F_REPLACE, kind, options, index, handle, parent)
    return Request(f"put a {kind} qdisc", name, data)


def change(
    message: QdiscMessage, kind: str, options: Any, index: int, name: str, handle: int, parent: int = ROOT
) -> Request:
    """Change the options of the qdisc with this handle; what waits in it stays."""
    return Request(f"change the {kind} qdisc", name, _encode(message, 0, kind, options, index, handle, parent))


def _encode(message: QdiscMessage, flags: int, kind: str, options: Any, index: int, handle: int, parent: int) -> bytes:
    attrs = [("TCA_KIND", kind), ("TCA_OPTIONS", options)]
    return encode(message, RTM_NEWQDISC, flags, index=index, handle=handle, parent=parent, attrs=attrs)


def remove(index: int, name: str, handle: int) -> Request:
    """Remove the root qdisc, which has this handle, and all below it: the device has its default again."""
    data = encode(_NoOptions(), RTM_DELQDISC, 0, index=index, handle=handle, parent=ROOT, attrs=[])
    return Request("remove the root qdisc", name, data)


def read(route: Netlink, index: int) -> Iterator[Qdisc]:
    """The qdiscs of one device. Raises: KernelError."""
    for data in route.dump(dump(RTM_GETQDISC, "qdiscs")):
        of, handle, parent = struct.unpack_from("=iII", data, HEADER.size + 4)
        if of == index:
            found = dict(attributes(data, BODY))
            kind = found[TCA_KIND].rstrip(b"\0").decode()
            yield Qdisc(kind, handle, parent, _statistics(found.get(TCA_STATS2, b"")), data)


def _statistics(stats: bytes) -> Statistics:
    """Source: "struct gnet_stats_basic" and "struct gnet_stats_queue" in include/uapi/linux/gen_stats.h."""
    found = dict(attributes(stats, 0))
    size, packets = struct.unpack_from("=QI", found.get(TCA_STATS_BASIC, bytes(12)))
    queued, backlog, drops, _, overlimits = struct.unpack_from("=5I", found.get(TCA_STATS_QUEUE, bytes(20)))
    return Statistics(packets, size, drops, overlimits, queued, backlog)


__all__ = ["ROOT", "TICK_NS", "Qdisc", "QdiscMessage", "Statistics", "change", "put", "read", "remove"]
