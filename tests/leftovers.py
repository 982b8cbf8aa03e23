"""What a run could leave behind, and a way to see that namespaces are really gone.

A namespace that nothing visible holds may still live: an orphaned socket keeps it. So each namespace of a run gets a
number in a watcher's namespace (RTM_NEWNSID); the kernel announces with RTM_DELNSID that it begins to tear that
namespace down. Two sentinel namespaces sent through the same work queue after it tell that the teardown is over.
Source: net/core/net_namespace.c, cleanup_net() and rtnl_net_notifyid(); rtnetlink(7).
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from tests.sandbox import CLONE_NEWNET, _libc, enter

RTM_NEWNSID, RTM_DELNSID = 88, 89
NETNSA_NSID, NETNSA_FD = 1, 3
NLM_F_REQUEST, NLM_F_ACK = 1, 4
NLMSG_ERROR = 2
SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, RTNLGRP_NSID = 270, 1, 28


@dataclass(frozen=True)
class Snapshot:
    """What of the machine a run must leave as it was."""

    namespaces: frozenset[str]
    links: frozenset[str]
    mounts: frozenset[str]
    processes: frozenset[str]
    tracing: frozenset[str]
    netns_names: frozenset[str] = field(default=frozenset())

    def more_than(self, before: Snapshot) -> dict[str, set[str]]:
        """What is here now and was not before, by kind."""
        pairs = {name: getattr(self, name) - getattr(before, name) for name in self.__dataclass_fields__}
        return {name: set(extra) for name, extra in pairs.items() if extra}


def snapshot() -> Snapshot:
    """The machine as it is now: namespaces in use, links here, mounts here, netlab processes, tracing instances."""
    namespaces, processes = set(), set()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # a process may end while it is looked at
            name = (entry / "comm").read_text().strip()
            namespaces.add(str((entry / "ns/net").readlink()))
            if name.startswith("netlab"):
                processes.add(f"{entry.name} {name}")
    return Snapshot(
        frozenset(namespaces),
        frozenset(name for _, name in socket.if_nameindex()),
        frozenset(Path("/proc/self/mountinfo").read_text().splitlines()),
        frozenset(processes),
        frozenset(_names("/sys/kernel/tracing/instances")),
        frozenset(_names("/run/netns")),
    )


def _names(folder: str) -> list[str]:
    path = Path(folder)
    return [entry.name for entry in path.iterdir()] if path.is_dir() else []


def family(pid: int) -> dict[int, str]:
    """A process and all that descend from it: process id to name."""
    found: dict[int, str] = {}
    waiting = [pid]
    while waiting:
        each = waiting.pop()
        with contextlib.suppress(OSError):
            found[each] = Path(f"/proc/{each}/comm").read_text().strip()
            for task in Path(f"/proc/{each}/task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
    return found


def namespace_files(pids: list[int]) -> dict[int, Path]:
    """Every network namespace but this one that these processes are in or hold open: inode to a path that opens it."""
    here = str(Path("/proc/self/ns/net").readlink())
    found: dict[int, Path] = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            for path in (Path(f"/proc/{pid}/ns/net"), *Path(f"/proc/{pid}/fd").iterdir()):
                with contextlib.suppress(OSError):
                    target = str(path.readlink())
                    if target.startswith("net:[") and target != here:
                        found[int(target[5:-1])] = path
    return found


class Watcher:
    """Watches namespaces to their very end, from a child in a network namespace of its own: the host's stays as it is.

    The child has a user namespace, too, where this is an ordinary user; it is handed each namespace as a descriptor.
    """

    def __init__(self) -> None:
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if self.pid == 0:
            self.channel.close()
            code = 1
            try:
                _watch(theirs)
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)  # never into the test session that this is a copy of
        theirs.close()
        self._answer()  # it is in its namespaces: whoever looks at the machine from now on sees them before and after

    def watch(self, path: Path) -> bool:
        """Begin to watch the namespace behind this path; False where it went away first, or is watched already."""
        try:
            fd = os.open(path, os.O_RDONLY)
        except OSError:
            return False
        try:
            if not str(Path(f"/proc/self/fd/{fd}").readlink()).startswith("net:["):
                return False  # its process has closed it, and opened another file under this number
            socket.send_fds(self.channel, [b"watch"], [fd])
        finally:
            os.close(fd)
        return self._answer()

    def gone_within(self, seconds: float) -> bool:
        """Whether all watched namespaces, and whatever was queued before them, are torn down in this time."""
        self.channel.send(f"gone {seconds}".encode())
        return self._answer()

    def _answer(self) -> bool:
        answer = self.channel.recv(16)
        assert answer, "the watcher has died: its traceback is above"
        return answer == b"yes"

    def close(self) -> None:
        self.channel.close()
        os.waitpid(self.pid, 0)


def _watch(channel: socket.socket) -> None:
    """The child: answer until the other end closes."""
    enter()
    numbers = Numbers()
    channel.send(b"yes")
    while True:
        message, descriptors, _, _ = socket.recv_fds(channel, 64, 1)
        if not message:
            return
        if message == b"watch":
            answer = numbers.give(descriptors[0])
            os.close(descriptors[0])
        else:
            answer = numbers.gone_within(float(message.split()[1]))
        channel.send(b"yes" if answer else b"no")


class Numbers:
    """Gives namespaces numbers here, and hears when the kernel takes them back."""

    def __init__(self) -> None:
        self.requests = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        self.news = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        self.news.bind((0, 0))  # a socket without a port number of its own gets no multicast
        self.news.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, RTNLGRP_NSID)
        self.number = 1000
        self.waiting: set[int] = set()

    def give(self, fd: int) -> bool:
        """Number the namespace of this descriptor; False where it has a number already."""
        self.number += 1
        body = struct.pack("=B3x", 0) + struct.pack("=HHi", 8, NETNSA_FD, fd)
        body += struct.pack("=HHi", 8, NETNSA_NSID, self.number)
        head = struct.pack("=IHHII", 16 + len(body), RTM_NEWNSID, NLM_F_REQUEST | NLM_F_ACK, self.number, 0)
        self.requests.send(head + body)
        answer = self.requests.recv(8192)
        (error,) = struct.unpack_from("=i", answer, 16)
        if error not in (0, -errno.EEXIST):
            raise OSError(-error, "RTM_NEWNSID")
        if error == 0:
            self.waiting.add(self.number)
        return bool(error == 0)

    def gone_within(self, seconds: float) -> bool:
        """Whether all that were numbered are torn down in this time."""
        deadline = time.monotonic() + seconds
        if not self._announced(deadline):
            return False
        for _ in range(2):
            self._sentinel()
            if not self._announced(deadline + 1):
                return False
        return True

    def _sentinel(self) -> None:
        here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        assert _libc.unshare(CLONE_NEWNET) == 0
        fresh = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        assert _libc.setns(here, CLONE_NEWNET) == 0
        assert self.give(fresh)
        os.close(fresh)
        os.close(here)

    def _announced(self, deadline: float) -> bool:
        while self.waiting:
            self.news.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                data = self.news.recv(65536)
            except TimeoutError:
                return False
            self._take(data)
        return True

    def _take(self, data: bytes) -> None:
        while len(data) >= 16:
            length, kind, _, _, _ = struct.unpack_from("=IHHII", data)
            if kind == RTM_DELNSID:
                at = 20
                while at + 4 <= length:
                    size, attribute = struct.unpack_from("=HH", data, at)
                    if attribute == NETNSA_NSID:
                        self.waiting.discard(struct.unpack_from("=i", data, at + 4)[0])
                    at += (max(size, 4) + 3) & ~3
            data = data[(length + 3) & ~3 :]
