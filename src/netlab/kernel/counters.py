"""A namespace's TCP and IP counters, by the names nstat prints: "TcpOutRsts", "TcpExtTCPAbortOnData", "Ip6InReceives".

Rules: they are read through /proc/thread-self/net, since /proc/net (and /proc/self/net) is the main thread's namespace.
Every counter the kernel prints is kept, zeros too. They only count up; what they mean is for whoever compares two
readings.

Source: net/ipv4/proc.c (snmp, netstat: a line of names, a line of numbers, both led by the group); net/ipv6/proc.c
(snmp6: a name and a number a line); proc_pid_net(5).
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING

from netlab.errors import KernelError

if TYPE_CHECKING:
    from netlab.kernel.namespaces import Namespace

__all__ = ["read", "resets_sent"]

_NET = "/proc/thread-self/net"


def read(ns: Namespace) -> dict[str, int]:
    """Every counter of this namespace now.

    Raises: KernelError where /proc does not show them (it is not mounted, or hidden by the container).
    """
    try:
        with ns.entered():
            pairs = _text("snmp") + _text("netstat")
            lines6 = _text("snmp6", absent="")  # a kernel without IPv6 has none
    except OSError as error:
        raise KernelError("read counters", ns.name, errno=error.errno or 0, hint="is /proc mounted?") from error
    return parse_pairs(pairs) | parse_lines(lines6)


def resets_sent(ns: Namespace) -> int:
    """TcpOutRsts alone: how many RSTs this namespace's TCP made."""
    with ns.entered():
        return parse_pairs(_text("snmp"))["TcpOutRsts"]


def _text(name: str, absent: str | None = None) -> str:
    """A file of /proc/net, in one read: the kernel prints it whole into a buffer that is large enough."""
    try:
        descriptor = os.open(f"{_NET}/{name}", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        if absent is None:
            raise
        return absent
    try:
        return os.read(descriptor, 1 << 16).decode("ascii")
    finally:
        os.close(descriptor)


def parse_pairs(text: str) -> dict[str, int]:
    """snmp and netstat: "Tcp: OutRsts …" above "Tcp: 3 …"."""
    lines = text.splitlines()
    values: dict[str, int] = {}
    for names, numbers in zip(lines[::2], lines[1::2]):
        values.update(zip(_keys(names), map(int, numbers.split()[1:])))
    return values


@lru_cache(16)
def _keys(names: str) -> list[str]:
    """The names of one line with their group: they are the same at every reading."""
    group, *keys = names.split()
    return [group[:-1] + key for key in keys]


def parse_lines(text: str) -> dict[str, int]:
    """snmp6: "Ip6InReceives    0"."""
    words = text.split()
    return dict(zip(words[::2], map(int, words[1::2])))
