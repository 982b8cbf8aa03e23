"""What every netlab process does about itself: its name, its death, its namespaces.

Rules: plain system calls through ctypes, no import that costs time.
Source: prctl(2), unshare(2), mount(2), namespaces(7).
"""

from __future__ import annotations

import ctypes
import os
import select
import signal

PR_SET_PDEATHSIG, PR_SET_NAME = 1, 15
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x0002_0000, 0x0400_0000, 0x0800_0000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x1000_0000, 0x2000_0000, 0x4000_0000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 8, 0x1000, 0x4000, 0x40000

libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, attempt: str) -> int:
    """The result of a C call. Raises: OSError with its errno and what was attempted, where it is negative."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{attempt}: {os.strerror(number)}")
    return result


def name_process(name: str) -> None:
    """Name this process as ps shows it (at most 15 bytes)."""
    libc.prctl(PR_SET_NAME, name.encode()[:15], 0, 0, 0)


def die_with_parent(lifeline: int) -> None:
    """Have the kernel SIGKILL this process when its parent's forking thread ends.

    `lifeline` is the read end of a pipe whose only writer is the parent: it tells whether the parent was gone before
    the kernel was told. (getppid is no help: inside a PID namespace the parent of PID 1 is 0.)
    """
    check(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "set the parent-death signal")
    if hung_up(lifeline):
        os._exit(1)


def hung_up(fd: int) -> bool:
    """Whether the other end of a pipe or socket is closed."""
    poll = select.poll()
    poll.register(fd, select.POLLHUP)
    return any(events & (select.POLLHUP | select.POLLERR) for _, events in poll.poll(0))


def unshare(flags: int, attempt: str) -> None:
    """Leave the shared namespaces that `flags` name. Raises: OSError."""
    check(libc.unshare(flags), attempt)


def mount(source: str, target: str, kind: str | None, flags: int) -> None:
    """mount(2). Raises: OSError."""
    fs = kind.encode() if kind else None
    check(libc.mount(source.encode(), target.encode(), fs, ctypes.c_ulong(flags), None), f"mount {kind} on {target}")


def umount(target: str) -> None:
    """umount2(2), lazily. Raises: OSError."""
    check(libc.umount2(target.encode(), 2), f"unmount {target}")


def map_own_user(uid: int, gid: int, inside_uid: int = 0, inside_gid: int = 0) -> None:
    """In a fresh user namespace: map the one user and group this process was. Source: user_namespaces(7)."""
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{inside_uid} {uid} 1"),
        ("gid_map", f"{inside_gid} {gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123 (pathlib costs 10 ms at this point)
            file.write(text)
