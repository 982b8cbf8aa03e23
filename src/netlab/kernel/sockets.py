"""A namespace's TCP socket table by sock_diag: what is there, who watches its end, and how to end it.

Rules: one row a socket, IPv4 and IPv6, with the states that no process sees (SYN-RECV, TIME-WAIT, orphans). An IPv4
peer of a dual-stack socket appears as plain IPv4, so that its four-tuple equals the one on the wire; the wildcards
"0.0.0.0" and "::" (which takes IPv4 as well unless the program said otherwise) stay as they are. States are filtered
in the kernel. Every NLMSG_ERROR is looked at. The messages are packed and unpacked here, not by pyroute2's DiagSocket:
that one disregards errors and costs 30 µs a row.

Source: sock_diag(7); include/uapi/linux/inet_diag.h; net/ipv4/inet_diag.c; net/core/sock_diag.c.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from netlab.errors import KernelError
from netlab.records import TCP_STATES, Address, SocketInfo

if TYPE_CHECKING:
    from netlab.kernel.namespaces import Namespace

__all__ = ["Destroyed", "destroy", "destroy_orphans", "lookup", "table"]

NETLINK_SOCK_DIAG = 4
_GET, _BY_FAMILY, _DESTROY = 18, 20, 21
"""TCPDIAG_GETSOCK, SOCK_DIAG_BY_FAMILY, SOCK_DESTROY. The first is the oldest and dumps both families in one walk of
the kernel's hash table, which is what a dump costs: 0.17 ms against twice that. Source: inet_diag_dump_compat."""
_ERROR, _DONE = 2, 3
_REQUEST, _ACK, _DUMP, _INTERRUPTED = 0x1, 0x4, 0x300, 0x10

_HEADER = struct.Struct("=IHHII")
_DUMP_BODY = struct.Struct("=4x48xII")
"""struct inet_diag_req with nothing in it but the states (and no extension)."""
_ONE_BODY = struct.Struct("=BBBxI48s")
"""struct inet_diag_req_v2; its last 48 bytes are the inet_diag_sockid, which a row of a dump carries too."""
_ROW = struct.Struct("=BBBB48sIIIII")
"""struct inet_diag_msg: family, state, timer, retransmits, id, expires, both queues, uid, inode."""
_ID = struct.Struct(">HH16s16s")
_COOKIE = struct.Struct("=Q")
_ANY_COOKIE = b"\xff" * 8
"""INET_DIAG_NOCOOKIE, twice. Source: net/core/sock_diag.c, sock_diag_check_cookie."""

ALL_STATES = sum(1 << number for number in TCP_STATES)
ORPHAN_STATES = frozenset({"FIN-WAIT-1", "FIN-WAIT-2", "LAST-ACK", "CLOSING"})
"""Where a closed socket lives on. ESTABLISHED without an inode is no orphan: it waits in an accept queue."""
_TIMERS = {1: "retransmit", 2: "keepalive", 3: "time-wait", 4: "probe"}
"""idiag_timer. Source: net/ipv4/inet_diag.c, inet_sk_diag_fill."""
_TCP_DESTROY_GROUPS = 1 << 0 | 1 << 2
"""SKNLGRP_INET_TCP_DESTROY and SKNLGRP_INET6_TCP_DESTROY. Source: include/uapi/linux/sock_diag.h."""
_TRIES = 5


class _Row(NamedTuple):
    """One inet_diag_msg, and its id as the kernel wrote it (to name this very socket in a request)."""

    family: int
    id: bytes
    info: SocketInfo


def table(ns: Namespace, states: Iterable[str] = ()) -> list[SocketInfo]:
    """The TCP sockets of this namespace, of these states ("ESTABLISHED", default: every one).

    Raises: KernelError.
    """
    return [row.info for row in _rows(ns, _mask(states))]


def lookup(ns: Namespace, local: Address, remote: Address) -> SocketInfo | None:
    """The one socket that a segment from `remote` to `local` would find in this namespace; None for none.

    The kernel looks where its TCP looks: for the four-tuple in the established hash, then for a listener.
    Raises: KernelError. Source: net/ipv4/inet_diag.c, inet_diag_find_one_icsk: inet_lookup(), inet6_lookup().
    """
    family = socket.AF_INET6 if ":" in remote.ip else socket.AF_INET
    source, target = (socket.inet_pton(family, end.ip) for end in (local, remote))
    id_ = _ID.pack(local.port, remote.port, source, target) + bytes(4) + _ANY_COOKIE
    with _diag(ns) as diag:
        diag.send(_message(_BY_FAMILY, _REQUEST | _ACK, _ONE_BODY.pack(family, socket.IPPROTO_TCP, 0, ALL_STATES, id_)))
        try:
            return next((row.info for row, _ in _answers(diag, ns, "look a socket up")), None)
        except KernelError as error:
            if error.errno == errno.ENOENT:
                return None
            raise


def destroy(ns: Namespace, row: SocketInfo) -> bool:
    """Abort this socket as its owner would with a reset (RFC 9293, section 3.10.5); False if it was gone already.

    Raises: KernelError (EOPNOTSUPP: the kernel was built without CONFIG_INET_DIAG_DESTROY).
    """
    found = [other for other in _rows(ns, ALL_STATES) if other.info.cookie == row.cookie]
    return bool(found) and _destroy(ns, found) == 1


def destroy_orphans(ns: Namespace) -> int:
    """End the sockets that no process holds and the kernel still keeps (and the namespace with them); how many.

    Those in a state that can send are answered for with an RST (TcpOutRsts counts it). TIME-WAIT and requests are left:
    they hold no namespace. Raises: KernelError (EOPNOTSUPP: see `destroy`).
    """
    rows = _rows(ns, _mask(ORPHAN_STATES))
    orphans = [row for row in rows if row.info.inode == 0 and row.info.timer != "time-wait"]
    return _destroy(ns, orphans) if orphans else 0


class Destroyed:
    """Hears the cookie of every TCP socket that this namespace frees, from now on.

    The kernel tells it from a work queue, so a little after the fact. A full queue loses some: `overrun` says so.
    Source: net/core/sock_diag.c, sock_diag_broadcast_destroy (Linux 4.3); NL_CFG_F_NONROOT_RECV: anybody may listen.
    """

    def __init__(self, ns: Namespace) -> None:
        self.overrun = False
        self._socket = ns.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_SOCK_DIAG)
        try:
            self._socket.bind((0, _TCP_DESTROY_GROUPS))
        except OSError as error:
            self._socket.close()
            raise KernelError("listen for destroyed sockets", ns.name, errno=error.errno or 0) from error

    def fileno(self) -> int:
        return self._socket.fileno()

    def read(self) -> list[int]:
        """The cookies of the sockets freed since the last read."""
        cookies: list[int] = []
        while True:
            try:
                data = self._socket.recv(1 << 16, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return cookies
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self.overrun = True
                continue
            cookies += [_row(data, body).info.cookie for kind, body, _ in _messages(data) if kind == _BY_FAMILY]

    def close(self) -> None:
        self._socket.close()


# --- messages ---


def _mask(states: Iterable[str]) -> int:
    wanted = set(states)
    return sum(1 << number for number, name in TCP_STATES.items() if name in wanted) or ALL_STATES


def _rows(ns: Namespace, states: int) -> list[_Row]:
    """Each socket once: one that changed its state while the dump went on may be told twice."""
    with _diag(ns) as diag:
        return list({row.info.cookie: row for row in _dump(diag, ns, states)}.values())


def _diag(ns: Namespace) -> socket.socket:
    return ns.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_SOCK_DIAG)


def _dump(diag: socket.socket, ns: Namespace, states: int) -> list[_Row]:
    """Ask until one answer was not interrupted by a change (NLM_F_DUMP_INTR), a few times at most."""
    for _ in range(_TRIES):
        diag.send(_message(_GET, _REQUEST | _DUMP, _DUMP_BODY.pack(states, 0)))
        rows: list[_Row] = []
        whole = True
        for row, flags in _answers(diag, ns, "read the socket table"):
            whole = whole and not flags & _INTERRUPTED
            rows.append(row)
        if whole:
            break
    return rows


def _destroy(ns: Namespace, rows: list[_Row]) -> int:
    done = 0
    with _diag(ns) as diag:
        for row in rows:
            body = _ONE_BODY.pack(row.family, socket.IPPROTO_TCP, 0, ALL_STATES, row.id)
            diag.send(_message(_DESTROY, _REQUEST | _ACK, body))
            try:
                done += not list(_answers(diag, ns, "destroy a socket"))
            except KernelError as error:
                if error.errno != errno.ENOENT:
                    raise
    return done


def _message(kind: int, flags: int, body: bytes) -> bytes:
    return _HEADER.pack(_HEADER.size + len(body), kind, flags, 1, 0) + body


def _answers(diag: socket.socket, ns: Namespace, attempt: str) -> Iterator[tuple[_Row, int]]:
    """(row, flags) of each message up to the end. Raises: KernelError for an NLMSG_ERROR."""
    while True:
        data = diag.recv(1 << 16)
        for kind, at, flags in _messages(data):
            if kind in (_ERROR, _DONE):
                (number,) = struct.unpack_from("=i", data, at)
                if number < 0:
                    raise _refused(attempt, ns, -number)
                return
            yield _row(data, at), flags


def _refused(attempt: str, ns: Namespace, number: int) -> KernelError:
    hints = {
        errno.EOPNOTSUPP: "this kernel was built without CONFIG_INET_DIAG_DESTROY",
        errno.ENOENT: "this kernel was built without CONFIG_INET_DIAG" if "table" in attempt else "",
        errno.EPERM: "it takes CAP_NET_ADMIN in this namespace",
    }
    return KernelError(attempt, ns.name, errno=number, hint=hints.get(number, os.strerror(number)))


def _messages(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(type, where its body starts, flags) of each netlink message."""
    at = 0
    while at + _HEADER.size <= len(data):
        size, kind, flags, _, _ = _HEADER.unpack_from(data, at)
        yield kind, at + _HEADER.size, flags
        at += max(size + 3 & ~3, _HEADER.size)


def _row(data: bytes, at: int) -> _Row:
    family, state, timer, retransmits, id_, expires, received, sent, _, inode = _ROW.unpack_from(data, at)
    sport, dport, source, target = _ID.unpack_from(id_)
    (cookie,) = _COOKIE.unpack_from(id_, 40)
    info = SocketInfo(
        TCP_STATES.get(state, f"state {state}"),
        Address(_ip(family, source), sport),
        Address(_ip(family, target), dport),
        cookie,
        inode,
        _TIMERS.get(timer),
        expires,
        retransmits,
        received,
        sent,
    )
    return _Row(family, id_, info)


@lru_cache(4096)
def _ip(family: int, raw: bytes) -> str:
    if family == socket.AF_INET:
        return socket.inet_ntop(socket.AF_INET, raw[:4])
    if raw[:12] == b"\0" * 10 + b"\xff\xff":
        return socket.inet_ntop(socket.AF_INET, raw[12:])
    return socket.inet_ntop(socket.AF_INET6, raw)
