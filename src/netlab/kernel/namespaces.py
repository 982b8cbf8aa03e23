"""Anonymous network namespaces, held by one file descriptor each.

Rules: nothing under /run/netns, no mount: when the descriptors (and the sockets and processes inside) are gone, so is
the namespace. Entering is a property of the calling thread; an `entered()` block must not await. Sockets belong to the
namespace they were made in for ever, so a socket is made inside and used from anywhere.

Source: setns(2), unshare(2), network_namespaces(7).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import socket
from collections.abc import Callable, Iterable, Iterator

from netlab.errors import NeedError
from netlab.kernel.netlink import NETLINK_ROUTE, Netlink, os_error

CLONE_NEWNET = 0x4000_0000
OWN = "/proc/thread-self/ns/net"
"""The calling thread's: /proc/self would be the thread leader's."""

SPARE_DESCRIPTORS = 256
"""Descriptors besides the namespaces': pipes, sockets, rings, open files of the run."""

_libc = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """A network namespace. `inode` identifies it in /proc/PID/ns/net."""

    def __init__(self, name: str, fd: int) -> None:
        self.name = name
        self.fd = fd
        self.inode = os.fstat(fd).st_ino
        self.peers: dict[int, tuple[Namespace, int]] = {}
        """Where the other end of a veth (by its index here) is: namespace and index there. topology.py fills it in."""
        self._route: Netlink | None = None

    def __repr__(self) -> str:
        return f"<Namespace {self.name} net:[{self.inode}]>"

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Put the calling thread into this namespace, and back at the end. Raises: KernelError."""
        try:
            home = os.open(OWN, os.O_RDONLY | os.O_CLOEXEC)
            try:
                _setns(self.fd)
                try:
                    yield
                finally:
                    _setns(home)
            finally:
                os.close(home)
        except _EnterError as error:
            raise os_error("enter the namespace", self.name, error) from error

    def socket(self, family: int, kind: int, protocol: int = 0) -> socket.socket:
        """A new socket inside this namespace. Raises: KernelError."""
        with self.entered():
            return open_socket(self.name, family, kind, protocol)

    @property
    def route(self) -> Netlink:
        """Its NETLINK_ROUTE socket, opened when first asked for."""
        if self._route is None:
            self._route = Netlink(self.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE), self.name)
        return self._route

    def open_route(self) -> Netlink:
        """`route`, for a caller whose thread is inside already (saves entering)."""
        if self._route is None:
            sock = open_socket(self.name, socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE)
            self._route = Netlink(sock, self.name)
        return self._route

    def close_route(self) -> None:
        """Close the NETLINK_ROUTE socket: the next `route` opens another."""
        if self._route is not None:
            self._route.close()
            self._route = None

    def close(self) -> None:
        """Close all descriptors; the namespace goes with the last user."""
        self.close_route()
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


class _EnterError(OSError):
    """setns failed (told apart from an OSError of the caller's own block)."""


def _setns(fd: int) -> None:
    if _libc.setns(fd, CLONE_NEWNET):  # os.setns comes with Python 3.12, and takes no closed descriptor (-1)
        number = ctypes.get_errno()
        raise _EnterError(number, os.strerror(number))


def _unshare() -> None:
    if _libc.unshare(CLONE_NEWNET):  # os.unshare comes with Python 3.12
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def open_socket(namespace: str, family: int, kind: int, protocol: int) -> socket.socket:
    """A socket in the calling thread's namespace, whose name goes into the error. Raises: KernelError."""
    try:
        return socket.socket(family, kind, protocol)
    except OSError as error:
        raise os_error(f"open a socket (family {int(family)}, protocol {protocol})", namespace, error) from error


def current(name: str) -> Namespace:
    """The namespace the calling thread is in."""
    return Namespace(name, os.open(OWN, os.O_RDONLY | os.O_CLOEXEC))


def create(name: str) -> Namespace:
    """A fresh namespace; the caller stays where it is. Raises: KernelError."""
    return create_many([name])[0]


def create_many(names: Iterable[str], prepare: Callable[[Namespace], None] | None = None) -> list[Namespace]:
    """Fresh namespaces, in order; `prepare` is called inside each. The caller ends up where it was.

    All or nothing: where one fails, those made before are closed. Raises: KernelError, NeedError.
    """
    names = list(names)
    make_room(len(names))
    made: list[Namespace] = []
    try:
        with returning():
            for name in names:
                made.append(create_inside(name))
                if prepare is not None:
                    prepare(made[-1])
    except BaseException:
        close_all(made)
        raise
    return made


@contextlib.contextmanager
def returning() -> Iterator[None]:
    """Put the calling thread back into the namespace it is in now, at the end."""
    home = os.open(OWN, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield
    finally:
        _setns(home)
        os.close(home)


def create_inside(name: str) -> Namespace:
    """A fresh namespace, with the calling thread inside (see `returning`). Raises: KernelError."""
    try:
        _unshare()
        return current(name)
    except OSError as error:
        raise os_error("create a namespace", name, error, "`netlab doctor` says what this machine lacks") from error


def make_room(namespaces: int) -> None:
    """Raise this process's soft limit of open files where so many namespaces would exceed it.

    Each takes two: itself and its NETLINK_ROUTE socket. Raises: NeedError, where the hard limit is lower.
    """
    wanted = len(os.listdir("/proc/self/fd")) + 2 * namespaces + SPARE_DESCRIPTORS  # noqa: PTH208
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or wanted <= soft:
        return
    if hard != resource.RLIM_INFINITY and wanted > hard:
        raise NeedError(f"create {namespaces} namespaces: this process may open {hard} files; raise `ulimit -n`")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def close_all(namespaces: Iterable[Namespace]) -> None:
    """Close them together: the kernel then takes them down in one go (`cleanup_net` in net/core/net_namespace.c)."""
    namespaces = list(namespaces)
    for namespace in namespaces:
        namespace.close_route()
    for namespace in namespaces:
        namespace.close()
