"""Whom a user's program runs as.

As root: whoever the lab names, or root. Without root: the caller, in a user namespace of its own, because the run's own
shows the caller as root. Nobody is the name for whoever has no rights of root, so it may be named in both.
"""

# ruff: noqa: PTH123
from __future__ import annotations

import os
from collections.abc import Callable

from netlab.agent import process
from netlab.errors import StepError

UNPRIVILEGED = "nobody"
"""Source: LSB 5.0 section 23.1, a user without privileges on every Linux."""


def caller_identity(user: str | None) -> Callable[[], None]:
    """What the child does to become the user it runs as. Raises: StepError where that cannot be."""
    uid, gid = outer_ids()
    if uid is not None and gid is not None:
        if user not in (None, UNPRIVILEGED):
            raise StepError(f"run as {user}: without root a program runs as its caller; leave `user` out, or be root")
        outer_uid, outer_gid = uid, gid
        return lambda: _nest(outer_uid, outer_gid)
    if user is None:
        return lambda: None
    import pwd

    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise StepError(f"run as {user}: this machine knows no such user; name one that it has") from None
    return lambda: _switch(entry.pw_name, entry.pw_uid, entry.pw_gid)


def outer_ids() -> tuple[int | None, int | None]:
    """The caller's user and group id where a single one of each is mapped (rootless), else None.

    Source: user_namespaces(7): /proc/PID/uid_map holds "inside outside count".
    """
    return _single("/proc/self/uid_map"), _single("/proc/self/gid_map")


def _single(path: str) -> int | None:
    with open(path) as file:
        rows = [line.split() for line in file]
    return int(rows[0][1]) if len(rows) == 1 and rows[0][2] == "1" else None


def _nest(uid: int, gid: int) -> None:
    """A user namespace of its own that shows the caller's ids, where the run's shows 0. Source: user_namespaces(7)."""
    process.unshare(process.CLONE_NEWUSER, "make the program's user namespace")
    process.map_own_user(0, 0, uid, gid)


def _switch(name: str, uid: int, gid: int) -> None:
    os.initgroups(name, gid)
    os.setgid(gid)
    os.setuid(uid)
