"""A host's sockets and processes disappear without a segment, as in a power cut.

    SIGSTOP all ──▶ every TCP socket into repair mode (its close then sends nothing) ──▶ SIGKILL all

Rules: sockets are taken from their processes by pidfd_getfd(2), because repair mode belongs to the socket, not to the
descriptor: when the last descriptor goes with its process, tcp_close() takes the silent way out. A listener cannot be
repaired; the connections in its accept queue are accepted here first, else its close would reset them.
What no process holds (orphans, TIME-WAIT) is out of reach from here: silence the egress first, destroy those after.
Source: net/ipv4/tcp.c: __tcp_close() (`if (unlikely(tcp_sk(sk)->repair))`), tcp_can_repair_sock();
net/ipv4/inet_connection_sock.c: inet_csk_listen_stop().
"""

# ruff: noqa: PTH115, PTH208
from __future__ import annotations

import ctypes
import os
import signal
import socket
from dataclasses import dataclass, field

from netlab.agent import process, processes
from netlab.errors import StepError, errno_name

SYS_PIDFD_GETFD = 438
"""Source: include/uapi/asm-generic/unistd.h; the same number on every architecture."""
TCP_REPAIR = 19
"""Source: include/uapi/linux/tcp.h."""


@dataclass
class Vanished:
    """What became of a host."""

    silenced: int = 0
    """TCP connections that went without a segment."""
    loud: list[str] = field(default_factory=list)
    """Sockets that could not be silenced, and why: their close may try to send."""
    pids: set[int] = field(default_factory=set)
    """Processes that were killed; they end soon after."""


def vanish() -> Vanished:
    """Silence and kill every process of this host but the controller. Raises: StepError, OSError."""
    vanished = Vanished(pids=processes.signal_all(everyone, signal.SIGSTOP))
    for entry, pid in {p.entry: p.pid for p in processes.of_this_host() if p.pid in vanished.pids}.items():
        pidfd = os.pidfd_open(pid)
        try:
            for fd in socket_descriptors(entry):
                silence(pidfd, fd, vanished)
        finally:
            os.close(pidfd)
    for pid in vanished.pids:
        processes.signal_if_there(pid, signal.SIGKILL)
    return vanished


def everyone() -> set[int]:
    """The ids of this host's processes."""
    return {each.pid for each in processes.of_this_host()}


def socket_descriptors(entry: int) -> list[int]:
    """The descriptors of a process in /proc that are sockets."""
    found = []
    for name in os.listdir(f"/proc/{entry}/fd"):
        try:
            if os.readlink(f"/proc/{entry}/fd/{name}").startswith("socket:"):
                found.append(int(name))
        except FileNotFoundError:  # the descriptor that a dying process just closed
            continue
    return found


def silence(pidfd: int, fd: int, vanished: Vanished) -> None:
    """Take one socket of a process and see that its last close sends nothing."""
    own = process.libc.syscall(SYS_PIDFD_GETFD, pidfd, fd, 0)
    if own < 0:
        raise StepError(
            f"take a socket of a stopped process: {errno_name(ctypes.get_errno())}; "
            "pidfd_getfd needs Linux 5.6 and kernel.yama.ptrace_scope below 3"
        )
    with socket.socket(fileno=own) as taken:
        if taken.family not in (socket.AF_INET, socket.AF_INET6) or taken.type != socket.SOCK_STREAM:
            return
        try:
            if is_listening(taken):
                silence_accept_queue(taken, vanished)
            else:
                repair(taken, vanished)
        except OSError as problem:
            vanished.loud.append(f"{taken.getsockname()}: {errno_name(problem.errno or 0)}")


def silence_accept_queue(listener: socket.socket, vanished: Vanished) -> None:
    """Accept what waits in a listener's queue, silently."""
    listener.setblocking(False)
    while True:
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            return
        with connection:
            repair(connection, vanished)


def repair(connection: socket.socket, vanished: Vanished) -> None:
    """Repair mode on: tcp_close() of such a socket neither sends FIN nor RST."""
    connection.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    vanished.silenced += 1


def is_listening(sock: socket.socket) -> bool:
    """Whether this is a listener (SO_ACCEPTCONN, socket(7))."""
    return bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
