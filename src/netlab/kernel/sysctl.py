"""Sysctls of a network namespace, by their dotted names.

Rules: only names below net. (the others are not the namespace's); /proc/sys/net shows the sysctls of the calling
thread's namespace, so a read or write enters it first. Values are text, as /proc gives them, with single spaces.

Source: proc_sys_net(5); `net_ctl_header_lookup` and `net_ctl_permissions` in net/sysctl_net.c: whoever has
CAP_NET_ADMIN over a namespace may write what belongs to it; what the kernel keeps once for all namespaces is absent or
read-only inside.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Mapping
from functools import cache

from netlab.errors import KernelError
from netlab.kernel.namespaces import Namespace

PROC = "/proc/sys/"

HINTS = {
    errno.ENOENT: "this kernel has no such sysctl in a namespace of its own",
    errno.EACCES: "the kernel keeps it once for all namespaces, or allows it to root only",
    errno.EPERM: "the kernel does not allow this value in a namespace of its own",
    errno.EINVAL: "the kernel does not accept this value",
}


BEFORE = {
    # Linux 6.5: how many SYNs are sent again before the wait doubles; before, it doubles from the first one on.
    # Source: net/ipv4/tcp_timer.c:tcp_retransmit_timer().
    "net.ipv4.tcp_syn_linear_timeouts": "0",
}
"""What a kernel does that lacks one of these: who asks for that has it, and nothing is written."""


def read(namespace: Namespace, name: str) -> str:
    """The value. Raises: KernelError."""
    with namespace.entered():
        return read_inside(name, namespace.name)


def write(namespace: Namespace, name: str, value: str) -> None:
    """Set one. Raises: KernelError."""
    write_all(namespace, {name: value})


def write_all(namespace: Namespace, values: Mapping[str, str]) -> None:
    """Set many, in order. Raises: KernelError at the first refusal."""
    with namespace.entered():
        for name, value in values.items():
            write_inside(name, value, namespace.name)


def read_all(namespace: Namespace, names: Iterable[str]) -> dict[str, str]:
    """The values of these. Raises: KernelError."""
    with namespace.entered():
        return {name: read_inside(name, namespace.name) for name in names}


def read_inside(name: str, namespace: str) -> str:
    """`read` for a thread that is inside already; `namespace` is named in errors."""
    try:
        fd = os.open(path(name), os.O_RDONLY | os.O_CLOEXEC)
        try:
            return normal(os.read(fd, 4096).decode(errors="replace"))
        finally:
            os.close(fd)
    except OSError as error:
        raise _refused(f"read sysctl {name}", namespace, error) from error


def write_inside(name: str, value: str, namespace: str) -> None:
    """`write` for a thread that is inside already; `namespace` is named in errors."""
    try:
        fd = os.open(path(name), os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, value.encode())
        finally:
            os.close(fd)
    except OSError as error:
        if error.errno == errno.ENOENT and BEFORE.get(name) == value and not os.path.exists(path(name)):  # noqa: PTH110
            return
        raise _refused(f"set sysctl {name} to {value!r}", namespace, error) from error


@cache
def path(name: str) -> str:
    """Its file: net.ipv4.conf.eth0.rp_filter is net/ipv4/conf/eth0/rp_filter.

    A "/" stands for a dot inside a part, as sysctl(8) has it: net.ipv4.conf.eth0/100.rp_filter.
    Raises: KernelError for a name outside net.
    """
    parts = name.split(".")
    if parts[0] != "net" or any(part in ("", "/") for part in parts):
        raise KernelError(f"find sysctl {name}", errno=errno.EINVAL, hint="a host's sysctls begin with net.")
    return PROC + "/".join(part.replace("/", ".") for part in parts)


def normal(value: str) -> str:
    """A value with single spaces, so that two can be compared: tcp_rmem is printed with tabs."""
    return " ".join(value.split())


def _refused(operation: str, namespace: str, error: OSError) -> KernelError:
    number = error.errno or 0
    return KernelError(operation, namespace, "", number, HINTS.get(number, os.strerror(number)))
