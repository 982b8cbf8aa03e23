"""Links of a running lab: up, down, moved, and whether frames flow through them.

Rules: every function returns when what it did is in effect, not when it was asked for. What a NIC loses when it goes
and must get back when it returns is in nicstate.py; `snapshot` and `restore` are offered here too.

Source: net/core/link_watch.c, `do_setlink` in net/core/rtnetlink.c, net/bridge/br_stp_if.c.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Mapping, Sequence
from ipaddress import IPv6Address
from typing import TYPE_CHECKING

from netlab.errors import KernelError
from netlab.kernel import link, requests
from netlab.kernel.link import Link, read
from netlab.kernel.namespaces import Namespace
from netlab.kernel.nicstate import NicState, restore, snapshot

if TYPE_CHECKING:
    from netlab.kernel.topology import Built, LiveNic

__all__ = [
    "Link",
    "NicState",
    "flowing",
    "move",
    "operstate",
    "read",
    "restore",
    "set_down",
    "set_up",
    "snapshot",
    "usable",
    "wait_up",
    "wait_usable",
]

ROUTE_TYPE = 16 + 7
"""Where a route message has its rtm_type: in "struct rtmsg", after the netlink header."""

POLL_S = 0.001
CARRIER_WITHIN_S = 5.0
"""Link watch takes microseconds, and at most a second (net/core/link_watch.c: one round a second unless urgent)."""


def set_up(namespace: Namespace, index: int) -> None:
    """Set a link administratively up. Its carrier may follow: see `flowing`. Raises: KernelError."""
    namespace.route.batch([requests.set_up(index, str(index))])


def set_down(namespace: Namespace, index: int) -> None:
    """Set a link administratively down: no frame enters or leaves it, or its other end, after this returns.

    Raises: KernelError.
    """
    namespace.route.batch([requests.set_down(index, str(index))])
    _carrier_lost(namespace, index)


def _carrier_lost(namespace: Namespace, index: int) -> None:
    """Wait until the other end of a link knows that it has no carrier.

    Until then a bridge goes on handing frames to that port, and a host to that NIC: they are captured there, and lost.
    Link watch tells the other end a little later, or at once when it is asked (see `link.read`). An end that is not
    where it was built (its NIC was removed) is down anyway. Raises: KernelError (ETIMEDOUT).
    """
    far, far_index = namespace.peers.get(index, (None, 0))
    deadline = time.monotonic() + CARRIER_WITHIN_S
    while far is not None:
        try:
            if operstate(far, far_index) != "UP":
                return
        except KernelError as error:
            if error.errno == errno.ENODEV:
                return
            raise
        if time.monotonic() > deadline:
            raise KernelError("wait for the carrier loss", far.name, str(far_index), errno.ETIMEDOUT)
        time.sleep(POLL_S)


def move(source: Namespace, index: int, target: Namespace) -> None:
    """Move a link to another namespace, where it is down and has the same index.

    It keeps its name where that is free there, else it is "nic0", "nic1" …; `restore` gives it its own back.
    No frame enters or leaves its other end after this returns. Raises: KernelError (EBUSY: the index is taken there).
    """
    _relocate(source, index, target)
    _carrier_lost(source, index)


def _relocate(source: Namespace, index: int, target: Namespace) -> None:
    """Give it a name of the kernel's choice only where its own is taken."""
    attrs: list[tuple[str, object]] = [("IFLA_NET_NS_FD", target.fd), ("IFLA_NEW_IFINDEX", index)]
    operation = f"move it to {target.name}"
    try:
        source.route.batch([requests.change_link(operation, index, str(index), attrs)])
    except KernelError as error:
        if error.errno != errno.EEXIST:
            raise
        named = [*attrs, ("IFLA_IFNAME", "nic%d")]
        source.route.batch([requests.change_link(operation, index, str(index), named)])


def operstate(namespace: Namespace, index: int) -> str:
    """Its operational state now: "UP", or "DOWN" for one that is down or has no carrier … Raises: KernelError."""
    return read(namespace, index).operstate


def flowing(built: Built, nic: LiveNic) -> bool:
    """Whether a frame sent now gets through: both ends UP, the bridge's port forwarding, IPv6 addresses usable.

    Raises: KernelError.
    """
    host = built.hosts[nic.host]
    ports = [read(built.fabric, index) for index in (nic.port_index, *(nic.cable.indexes if nic.cable else ()))]
    if any(end.operstate != "UP" for end in (read(host, nic.index), *ports)):
        return False
    return all(port.forwarding or not port.master for port in ports) and usable(host, _addresses(host, nic.index))


def usable(namespace: Namespace, addresses: Sequence[IPv6Address]) -> bool:
    """Whether these IPv6 addresses of the host can be reached: it takes packets to them, and answers solicitations.

    An address given without duplicate address detection looks ready at once; but a worker of the kernel's joins its
    solicited-node group and then makes its local route (`addrconf_dad_begin` in net/ipv6/addrconf.c). A solicitation
    before that is not heard, and repeated a second later. Raises: KernelError.
    """
    answers = namespace.route.ask_many([requests.get_route(address) for address in addresses])
    return all(answer[ROUTE_TYPE] == requests.RTN_LOCAL for answer in answers)


def _addresses(namespace: Namespace, index: int) -> list[IPv6Address]:
    messages = namespace.route.dump(requests.dump(requests.RTM_GETADDR, "the address table"))
    return [address for message in messages for address in link.ipv6_address(message, index)]


def wait_up(namespace: Namespace, wanted: Mapping[int, str], deadline: float) -> None:
    """Until all these links (index to name) have operstate UP. Raises: KernelError (ETIMEDOUT) at the deadline.

    Link watch has no message that says "all done", so the links are asked; from Linux 6.9 on asking is enough.
    """
    waiting = dict(wanted)
    while waiting:
        asked = [requests.get_link(index, name) for index, name in waiting.items()]
        answers = zip(list(waiting), namespace.route.ask_many(asked))
        for index, message in answers:
            if link.operstate(message) == "UP":
                del waiting[index]
        if waiting and time.monotonic() > deadline:
            names = ", ".join(waiting.values())
            raise KernelError("bring up", namespace.name, names, errno.ETIMEDOUT, "no carrier came")
        if waiting:
            time.sleep(POLL_S)


def wait_usable(namespace: Namespace, addresses: Sequence[IPv6Address], deadline: float) -> None:
    """Until the host can be reached at all of these. Raises: KernelError (ETIMEDOUT) at the deadline."""
    while not usable(namespace, addresses):
        if time.monotonic() > deadline:
            raise KernelError("wait until IPv6 addresses are usable", namespace.name, errno=errno.ETIMEDOUT)
        time.sleep(POLL_S)
