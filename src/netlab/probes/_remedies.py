"""What to do where namespaces are refused: the switch that refuses them, and how to turn it.

Rules: the switches are read only after the trial itself failed; what they say explains it, and decides nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from netlab.probes._trial import sysctl

APPARMOR = "kernel/apparmor_restrict_unprivileged_userns"
"""1 on Ubuntu 23.10 and newer: a user namespace of a program without an AppArmor profile has no capabilities.
Source: https://ubuntu.com/blog/ubuntu-23-10-restricted-unprivileged-user-namespaces"""

_SWITCHES = (
    (APPARMOR, "1", "0"),
    # Debian's own switch, on by default since Debian 11. Source: its kernel's patch "add sysctl to disallow
    # unprivileged CLONE_NEWUSER by default".
    ("kernel/unprivileged_userns_clone", "0", "1"),
    # Source: namespaces(7), /proc/sys/user.
    ("user/max_user_namespaces", "0", "10000"),
    ("user/max_net_namespaces", "0", "10000"),
)


SWITCHES = tuple(path for path, _, _ in _SWITCHES)
"""Paths below /proc/sys, for who reads them on another machine."""


def for_namespaces(read: Callable[[str], str | None] | None = None) -> str:
    """The command that allows an ordinary user to make namespaces, or run as root.

    `read` reads a switch of another machine; default: of this one, whose Python is known.
    """
    for path, refusing, allowing in _SWITCHES:
        if (read or sysctl)(path) == refusing:
            name = path.replace("/", ".")
            command = f"sudo sysctl -w {name}={allowing}"
            if path == APPARMOR and read is None:
                return f"{name} is {refusing} here; run as root, or {_apparmor(command)}"
            return f"{name} is {refusing} {'there' if read else 'here'}: {command}, or run as root"
    return (
        "run as root; in a container allow it to make namespaces (docker: --privileged, or --cap-add SYS_ADMIN "
        "with --security-opt seccomp=unconfined --security-opt apparmor=unconfined)"
    )


def _apparmor(command: str) -> str:
    """Both ways around AppArmor's restriction: a profile for this Python, or the switch for every program.

    AppArmor finds a profile by the file that is executed, links resolved: that of a virtual environment is the Python
    it was made with. Source: apparmor.d(5), "userns" and "unconfined"; the profiles of Ubuntu 24.04's own package.
    """
    python = os.path.realpath(sys.executable)
    profile = rf'abi <abi/4.0>,\nprofile netlab "{python}" flags=(unconfined) {{\n  userns,\n}}\n'
    return (
        f"allow it to the programs of {python}, by an AppArmor profile:\n"
        f"  printf '{profile}' | sudo tee /etc/apparmor.d/netlab\n"
        "  sudo apparmor_parser -r /etc/apparmor.d/netlab\n"
        "or to every program, until the next boot:\n"
        f"  {command}"
    )
