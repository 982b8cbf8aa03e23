"""One link, as the kernel shows it.

Rules: only what netlab asks about is read out of the hundred attributes of a link message; the reply is walked, not
decoded whole (15 µs against a millisecond).

Source: include/uapi/linux/if_link.h; RFC 2863 section 6 (operational states).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv6Address

from netlab.kernel import requests
from netlab.kernel.messages import attributes
from netlab.kernel.namespaces import Namespace

IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_MASTER, IFLA_OPERSTATE, IFLA_LINKINFO = 1, 3, 4, 10, 16, 18
IFLA_INFO_SLAVE_DATA, IFLA_BRPORT_STATE, BR_STATE_FORWARDING = 5, 1, 3
OPERSTATES = ("UNKNOWN", "NOTPRESENT", "DOWN", "LOWERLAYERDOWN", "TESTING", "DORMANT", "UP")

BODY = 16 + 16
"""A link message's attributes begin after the netlink header and "struct ifinfomsg"."""


ADDRESS_BODY, IFA_ADDRESS = 16 + 8, 1
"""The same for an address message: after "struct ifaddrmsg"."""


@dataclass(frozen=True)
class Link:
    """What the kernel says of one link."""

    index: int
    ifname: str
    up: bool
    """Administratively."""
    operstate: str
    mtu: int
    mac: str
    master: int
    """Index of the bridge it is a port of; 0 for none."""
    forwarding: bool
    """As a bridge's port, it forwards; False for a link that is no port."""


def read(namespace: Namespace, index: int) -> Link:
    """One link, now: the kernel first handles carrier events of it that wait (`linkwatch_sync_dev` in `rtnl_getlink`,
    from Linux 6.9 on). Raises: KernelError (ENODEV where there is none).
    """
    return parse(namespace.route.ask(requests.get_link(index, str(index)))[0])


def parse(message: bytes) -> Link:
    """A link message."""
    index, flags = struct.unpack_from("=iI", message, 16 + 4)
    found = dict(attributes(message, BODY))
    info = dict(attributes(found.get(IFLA_LINKINFO, b""), 0))
    port = dict(attributes(info.get(IFLA_INFO_SLAVE_DATA, b""), 0))
    return Link(
        index=index,
        ifname=found[IFLA_IFNAME].rstrip(b"\0").decode(),
        up=bool(flags & requests.IFF_UP),
        operstate=operstate(message),
        mtu=struct.unpack("=I", found[IFLA_MTU])[0],
        mac=found[IFLA_ADDRESS].hex(":"),
        master=struct.unpack("=I", found[IFLA_MASTER])[0] if IFLA_MASTER in found else 0,
        forwarding=port.get(IFLA_BRPORT_STATE) == bytes([BR_STATE_FORWARDING]),
    )


def operstate(message: bytes) -> str:
    """The operational state in a link message. A veth whose peer is in another namespace is "DOWN" without a carrier.

    Source: `default_operstate` in net/core/link_watch.c (LOWERLAYERDOWN only where the lower device can be found).
    """
    for kind, value in attributes(message, BODY):
        if kind == IFLA_OPERSTATE:
            return OPERSTATES[value[0]]
    return OPERSTATES[0]


def ipv6_address(message: bytes, index: int) -> list[IPv6Address]:
    """The IPv6 address that an address message tells of, if it is one of this link."""
    family, _, _, _, of = struct.unpack_from("=BBBBI", message, ADDRESS_BODY - 8)
    if of != index or family != requests.AF_INET6:
        return []
    return [IPv6Address(value) for kind, value in attributes(message, ADDRESS_BODY) if kind == IFA_ADDRESS]
