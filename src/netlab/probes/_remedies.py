"""What to do where namespaces are refused: the switch that refuses them, and how to turn it.

Rules: the switches are read only after the trial itself failed; what they say explains it, and decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from netlab.probes._trial import sysctl

_SWITCHES = (
    # Ubuntu 23.10 and newer: a user namespace of an unconfined program has no capabilities.
    # Source: https://ubuntu.com/blog/ubuntu-23-10-restricted-unprivileged-user-namespaces
    ("kernel/apparmor_restrict_unprivileged_userns", "1", "sudo sysctl -w {name}=0"),
    # Debian's own switch, on by default since Debian 11. Source: its kernel's patch "add sysctl to disallow
    # unprivileged CLONE_NEWUSER by default".
    ("kernel/unprivileged_userns_clone", "0", "sudo sysctl -w {name}=1"),
    # Source: namespaces(7), /proc/sys/user.
    ("user/max_user_namespaces", "0", "sudo sysctl -w {name}=10000"),
    ("user/max_net_namespaces", "0", "sudo sysctl -w {name}=10000"),
)


SWITCHES = tuple(path for path, _, _ in _SWITCHES)
"""Paths below /proc/sys, for who reads them on another machine."""


def for_namespaces(read: Callable[[str], str | None] = sysctl) -> str:
    """The command that allows an ordinary user to make namespaces there, or run as root. `read` reads a switch."""
    for path, refusing, command in _SWITCHES:
        if read(path) == refusing:
            name = path.replace("/", ".")
            return f"{name} is {refusing} here: {command.format(name=name)}, or run as root"
    return (
        "run as root; in a container allow it to make namespaces (docker: --privileged, or --cap-add SYS_ADMIN "
        "with --security-opt seccomp=unconfined --security-opt apparmor=unconfined)"
    )
