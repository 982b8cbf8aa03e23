"""The named sockets of an endpoint, and one call's view of them.

Names: what `listen` makes is "listener", what `accept` and `connect` make is "connection"; the first free of
"connection", "connection-2", … is taken. An action that names no socket means the only one of the kind it needs.
Rules: threads share the table, a `Sockets` belongs to one call. Nothing here judges an outcome.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from netlab import codec
from netlab.errors import StepError
from netlab.records import Address

T = TypeVar("T")
Role = Literal["listener", "connection"]

SO_COOKIE = 57
"""Source: include/uapi/asm-generic/socket.h; the value is net/core/sock_diag.c:__sock_gen_cookie()."""


@dataclass(frozen=True)
class Place:
    """Which endpoint this is."""

    host: str
    endpoint: str
    """Its full name: "server" or "server.worker"."""
    family: str = "ipv4"
    """The family in which it listens where it names no address."""


@dataclass(frozen=True)
class Identity:
    """What tells a socket apart: its cookie, and its two ends as far as they are known."""

    cookie: int | None = None
    local: Address | None = None
    remote: Address | None = None


@dataclass
class Named:
    """A socket of the table."""

    role: Role
    sock: socket.socket
    identity: Identity


class Deadline(TimeoutError):
    """The call's `within` ran out. It has no errno, which tells it from ETIMEDOUT."""


@dataclass
class Table:
    """An endpoint's sockets by name."""

    place: Place
    sockets: dict[str, Named] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def pick(self, name: str | None, roles: tuple[Role, ...]) -> str:
        """The name of the socket meant: the given one, else the only one of the first role that there is any of.

        Raises: StepError, saying which there are.
        """
        with self.lock:
            return self._pick(name, roles)

    def _pick(self, name: str | None, roles: tuple[Role, ...]) -> str:
        if name is not None:
            if name in self.sockets and self.sockets[name].role in roles:
                return name
            raise StepError(f"use socket {name}: {self.missing(roles)}")
        for role in roles:
            found = [known for known, socket_ in self.sockets.items() if socket_.role == role]
            if len(found) > 1:
                raise StepError(f"use the {role} of {self.place.endpoint}: there are {', '.join(found)}; name one")
            if found:
                return found[0]
        raise StepError(f"use the {roles[0]} of {self.place.endpoint}: {self.missing(roles)}")

    def take(self, name: str | None) -> Named:
        """Take a connection out of the table, for good: the given one, else the only one. Raises: StepError."""
        with self.lock:
            return self.sockets.pop(self._pick(name, ("connection",)))

    def missing(self, roles: tuple[Role, ...]) -> str:
        """What there is instead, and what to do."""
        there = ", ".join(f"{name} ({named.role})" for name, named in self.sockets.items())
        make = "listen" if roles[0] == "listener" else "connect or accept"
        return f"{self.place.endpoint} has {there or 'no sockets'}; {make} first" + (", or name one" if there else "")

    def name_for(self, role: Role, wanted: str | None) -> str:
        """A free name. Raises: StepError where the wanted one is taken."""
        if wanted is not None:
            if wanted in self.sockets:
                raise StepError(f"name a socket {wanted}: {self.place.endpoint} has one of this name; choose another")
            return wanted
        number = 1
        while (name := role if number == 1 else f"{role}-{number}") in self.sockets:
            number += 1
        return name


class Sockets:
    """An endpoint's sockets as one call sees them, with the call's deadline and its outcome so far."""

    def __init__(self, table: Table, within_ns: int, announce: Callable[[dict[str, Any]], None]) -> None:
        self.table = table
        self.family = table.place.family
        self.began_ns = time.monotonic_ns()
        """Start of the first system call."""
        self.ended_ns = 0
        """End of the last one."""
        self.within_ns = within_ns
        self.name = ""
        self.identity = Identity()
        self.result: dict[str, Any] = {}
        self._announce = announce
        self._called = False

    # --- finding and naming ---

    def connection(self, name: str | None = None) -> socket.socket:
        """The connection of this name, or the only one. Raises: StepError."""
        return self._take(self.table.pick(name, ("connection",)))

    def listener(self, name: str | None = None) -> socket.socket:
        """The listener of this name, or the only one. Raises: StepError."""
        return self._take(self.table.pick(name, ("listener",)))

    def any(self, name: str | None = None) -> socket.socket:
        """The socket of this name, or the only connection, or (where there is none) the only listener."""
        return self._take(self.table.pick(name, ("connection", "listener")))

    def _take(self, name: str) -> socket.socket:
        named = self.table.sockets[name]
        self.announce(name, named.identity)
        return named.sock

    def announce(self, name: str, identity: Identity) -> None:
        """Tell the controller which socket the coming system call is about, should it never return."""
        self.name, self.identity = name, identity
        self.began_ns = time.monotonic_ns()
        self._announce({"time_ns": self.began_ns, "socket": name, **codec.encode(identity)})

    def reserve(self, role: Role, name: str | None, sock: socket.socket, remote: Address | None = None) -> str:
        """Announce a socket that is about to get a name; `add` gives it. Raises: StepError where it is taken."""
        with self.table.lock:
            free = self.table.name_for(role, name)
        self.announce(free, Identity(cookie_of(sock), None, remote))
        return free

    def add(self, role: Role, name: str | None, sock: socket.socket) -> str:
        """Put a socket into the table; its name. Raises: StepError where the wanted name is taken."""
        sock.setblocking(False)
        identity = identify(sock)
        with self.table.lock:
            given = self.table.name_for(role, name)
            self.table.sockets[given] = Named(role, sock, identity)
        self.name, self.identity = given, identity
        return given

    def role(self, sock: socket.socket) -> Role:
        """What a socket of the table is."""
        return next(named.role for named in self.table.sockets.values() if named.sock is sock)

    def remove(self, sock: socket.socket) -> None:
        """Take a socket out of the table; closing it is the caller's."""
        with self.table.lock:
            for name in [name for name, named in self.table.sockets.items() if named.sock is sock]:
                del self.table.sockets[name]

    # --- calling ---

    def note(self, **result: Any) -> None:
        """Add to what the call returned; it stays in the record even if a later part of the call fails."""
        self.result.update(result)

    def call(self, sock: socket.socket, ready: Literal["read", "write"], function: Callable[[], T]) -> T:
        """Make a system call, again whenever the socket is ready, until it does not say EAGAIN.

        Raises: OSError as the call does; Deadline.
        """
        while True:
            self._mark_start()
            try:
                return function()
            except BlockingIOError:
                pass  # made again below, when poll(2) says so
            finally:
                self.ended_ns = time.monotonic_ns()
            self.wait(sock, select.POLLIN if ready == "read" else select.POLLOUT)

    def wait(self, sock: socket.socket, events: int) -> int:
        """Poll a socket until one of `events` (or POLLERR, POLLHUP) comes; what came. Raises: Deadline, OSError."""
        self._mark_start()
        if sock.fileno() < 0:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        poll = select.poll()
        poll.register(sock, events)
        left_ns = self.began_ns + self.within_ns - time.monotonic_ns()
        came = poll.poll(max(left_ns, 0) / 1e6)
        self.ended_ns = time.monotonic_ns()
        if not came:
            raise Deadline
        return came[0][1]

    def _mark_start(self) -> None:
        if not self._called:
            self._called = True
            self.began_ns = time.monotonic_ns()


def cookie_of(sock: socket.socket) -> int:
    """SO_COOKIE: the number the tracepoints and sock_diag know this socket by."""
    cookie: int = struct.unpack("=Q", sock.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8))[0]
    return cookie


def identify(sock: socket.socket) -> Identity:
    """A socket's identity, as far as the kernel tells it now."""
    return Identity(cookie_of(sock), _end(sock.getsockname), _end(sock.getpeername))


def _end(ask: Callable[[], Any]) -> Address | None:
    try:
        ip, port = ask()[:2]
    except OSError:  # ENOTCONN: a listener, or a connection that was reset
        return None
    return Address(ip, port)
