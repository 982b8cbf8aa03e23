"""When has the kernel really freed the namespaces that nobody holds any more?

The kernel takes namespaces down in a worker, all that wait at once. RTM_DELNSID about one tells that its round has
begun. So namespaces made for the purpose are closed, and another one after their messages: its message begins the round
after the one that freed all that was closed before. A closed netlink socket lets go of its namespace only in an RCU
callback of the CPU it was closed on (`netlink_release`): so there is one such namespace, with a socket in it, per CPU.

Source: `cleanup_net` in net/core/net_namespace.c; RTNLGRP_NSID in rtnetlink(7).
"""

from __future__ import annotations

import os
import socket
import struct
import time

from netlab.kernel import namespaces
from netlab.kernel.netlink import NETLINK_ROUTE, SOL_NETLINK, Request

RTM_NEWNSID, RTM_DELNSID, RTNLGRP_NSID = 88, 89, 28
NETNSA_NSID, NETNSA_FD, AF_UNSPEC = 1, 3, 0
NETLINK_ADD_MEMBERSHIP = 1
FIRST_ID = 700_000


def wait_until_gone(within_s: float = 120.0) -> None:
    """Wait for the namespaces whose last reference is gone already. Raises: TimeoutError."""
    here = namespaces.current("here")
    listener = namespaces.open_socket("here", socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE)
    listener.bind((0, 0))  # first: messages pass over sockets without a port id, and binding leaves all groups
    listener.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, RTNLGRP_NSID)
    listener.settimeout(within_s)
    cpus = os.sched_getaffinity(0)
    try:
        for numbers in (dict.fromkeys(cpus), {max(cpus) + 1: None}):
            for number in numbers:
                os.sched_setaffinity(0, {number} & cpus or cpus)
                _make_and_close(here, FIRST_ID + number)
            _wait_for_deletions(listener, {FIRST_ID + number for number in numbers}, time.monotonic() + within_s)
    finally:
        os.sched_setaffinity(0, cpus)
        listener.close()
        here.close()


def _make_and_close(here: namespaces.Namespace, number: int) -> None:
    """A namespace with a socket in it, whose end is announced here under this number."""
    sentinel = namespaces.create("sentinel")
    here.route.batch([_name(sentinel.fd, number)])
    assert sentinel.route.fileno() >= 0
    sentinel.close()


def _name(fd: int, number: int) -> Request:
    """Give a namespace an id here, so that its end is announced here."""
    body = struct.pack("=Bxxx", AF_UNSPEC) + struct.pack("=HHIHHi", 8, NETNSA_FD, fd, 8, NETNSA_NSID, number)
    return Request("name a namespace", "", struct.pack("=IHHII", 16 + len(body), RTM_NEWNSID, 0, 0, 0) + body)


def _wait_for_deletions(listener: socket.socket, numbers: set[int], deadline: float) -> None:
    waiting = {struct.pack("=HHi", 8, NETNSA_NSID, number) for number in numbers}
    while waiting:
        if time.monotonic() > deadline:
            raise TimeoutError("the kernel did not free the namespaces in time")
        message = listener.recv(1 << 16)
        if struct.unpack_from("=H", message, 4)[0] == RTM_DELNSID:
            waiting = {wanted for wanted in waiting if wanted not in message}
