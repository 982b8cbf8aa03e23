"""A thin netlink socket: batches of requests, transactions, dumps.

Rules: pyroute2's classes encode (messages.py), this socket carries. Many requests go out in one send, the kernel
carries each out before the send returns, and every error reply is looked at: the first one is raised. Only the last
request of a send asks for an acknowledgement (errors come unasked), so that a send of a hundred costs one receive. A
request that fails does not keep the kernel from carrying out those after it in the same send.

Source: netlink(7), rtnetlink(7); `netlink_rcv_skb` and `netlink_ack` in net/netlink/af_netlink.c.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from netlab.errors import KernelError
from netlab.kernel.messages import HEADER, NLM_F_REQUEST, attributes

NETLINK_ROUTE, NETLINK_NETFILTER = 0, 12
NLM_F_ACK, NLM_F_DUMP_INTR, NLM_F_DUMP = 0x4, 0x10, 0x300
NLMSG_ERROR, NLMSG_DONE, NLMSGERR_ATTR_MSG = 2, 3, 1
SOL_NETLINK, NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK = 270, 10, 11, 12
"""Source: include/uapi/linux/netlink.h. CAP_ACK keeps the failed request out of its error reply; EXT_ACK adds words."""

CHUNK_REQUESTS, CHUNK_BYTES = 128, 48 * 1024
"""A send's limits: even if each request fails, 128 replies fit the smallest receive buffer a socket gets (212,992
bytes, net.core.rmem_default), and 48 KiB of requests its send buffer."""

CHUNK_REPLIES = 16
"""Replies about a link take up to 8 KiB of the receive buffer each."""

RECEIVE_BYTES = 32 * 1024
"""The most that one receive of a dump holds (`netlink_dump`), and many times a reply about one link. Not more: a large
buffer costs each of hundreds of sockets 60 µs."""

DUMP_ATTEMPTS = 10

_ERRNO = struct.Struct("=i")


class Request(NamedTuple):
    """One netlink message with what it attempts, for whoever reads the error: `add 10.0.0.1/24`, `eth0`."""

    operation: str
    interface: str
    data: bytes


class Netlink:
    """A netlink socket bound to the namespace it was made in."""

    def __init__(self, sock: socket.socket, namespace: str) -> None:
        self.socket = sock
        self.namespace = namespace
        self._sequence = 0
        self._buffer = bytearray(RECEIVE_BYTES)
        for option in (NETLINK_CAP_ACK, NETLINK_EXT_ACK):
            sock.setsockopt(SOL_NETLINK, option, 1)

    def close(self) -> None:
        self.socket.close()

    def fileno(self) -> int:
        return self.socket.fileno()

    def batch(self, requests: Sequence[Request]) -> None:
        """Carry out every request, many in one send. Raises: KernelError, for the first that failed."""
        failures: list[KernelError] = []
        for chunk in _chunks(requests):
            failures += self._send_acknowledged(chunk)
        if failures:
            first, others = failures[0], len(failures) - 1
            if others:
                first.hint = "; ".join(filter(None, (first.hint, f"{others} more failures in this batch")))
            raise first

    def transaction(self, requests: Sequence[Request]) -> None:
        """Carry out all of these or none: the first and last frame the others, as nfnetlink's batch messages do.

        They go out in one send. The last one proper asks for the acknowledgement, because a closing frame is not
        acknowledged before Linux 6.10; an error about the opening frame is about them all, and the only answer.
        Raises: KernelError. Source: `nfnetlink_rcv_batch` in net/netfilter/nfnetlink.c.
        """
        failures = self._send_acknowledged(list(requests), asking=len(requests) - 2)
        if failures:
            raise failures[0]

    def _send_acknowledged(self, chunk: list[Request], asking: int = -1) -> list[KernelError]:
        """Send requests in one go, wait for the acknowledgement of `asking`; the errors of them all."""
        asking %= len(chunk)
        first, _ = self._send(chunk, NLM_F_ACK, asking)
        failures = []
        while True:
            for kind, _, sequence, payload in self._receive(chunk[asking]):
                if kind != NLMSG_ERROR or not 0 <= sequence - first < len(chunk):
                    continue
                failure = self._failure(chunk[sequence - first], payload)
                if failure is not None:
                    failures.append(failure)
                if sequence == first + asking or (asking < len(chunk) - 1 and sequence == first):
                    return failures

    def ask(self, request: Request) -> list[bytes]:
        """The replies to a request for one thing (RTM_GETLINK of one link, an echo), as whole messages.

        Raises: KernelError, ENODEV and the like.
        """
        first, _ = self._send([request], NLM_F_ACK)
        replies: list[bytes] = []
        while True:
            for kind, data, sequence, payload in self._receive(request):
                if sequence != first:
                    continue
                if kind != NLMSG_ERROR:
                    replies.append(data)
                    continue
                failure = self._failure(request, payload)
                if failure is not None:
                    raise failure
                return replies

    def ask_many(self, requests: Sequence[Request]) -> list[bytes]:
        """The one reply to each of these requests, in order. Raises: KernelError."""
        replies: list[bytes] = []
        for start in range(0, len(requests), CHUNK_REPLIES):
            chunk = list(requests[start : start + CHUNK_REPLIES])
            first, last = self._send(chunk, 0)
            answered = 0
            while answered < len(chunk):
                for kind, data, sequence, payload in self._receive(chunk[-1]):
                    if not first <= sequence <= last:
                        continue
                    failure = self._failure(chunk[sequence - first], payload) if kind == NLMSG_ERROR else None
                    if failure is not None:
                        raise failure
                    answered += 1
                    replies.append(data)
        return replies

    def dump(self, request: Request) -> list[bytes]:
        """All messages of a dump; one that the kernel calls inconsistent (NLM_F_DUMP_INTR) is made again.

        Raises: KernelError.
        """
        for _ in range(DUMP_ATTEMPTS):
            messages = self._dump_once(request)
            if messages is not None:
                return messages
        raise KernelError(request.operation, self.namespace, request.interface, errno.EINTR, "the table kept changing")

    def _dump_once(self, request: Request) -> list[bytes] | None:
        first, _ = self._send([request], NLM_F_DUMP)
        messages: list[bytes] = []
        whole = True
        while True:
            for kind, data, sequence, payload in self._receive(request):
                if sequence != first:
                    continue
                whole = whole and not HEADER.unpack_from(data)[2] & NLM_F_DUMP_INTR
                if kind not in (NLMSG_DONE, NLMSG_ERROR):
                    messages.append(data)
                    continue
                failure = self._failure(request, payload) if len(payload) >= _ERRNO.size else None
                if failure is not None:
                    raise failure
                return messages if whole else None

    def _send(self, chunk: list[Request], flags: int, flagged: int = -1) -> tuple[int, int]:
        """Send, one of them with more flags; the first and last sequence number used."""
        first = self._sequence + 1
        self._sequence += len(chunk)
        buffer = bytearray()
        starts = []
        for sequence, request in enumerate(chunk, first):
            starts.append(len(buffer))
            buffer += request.data
            struct.pack_into("=I", buffer, starts[-1] + 8, sequence)
        (own,) = struct.unpack_from("=H", buffer, starts[flagged] + 6)
        struct.pack_into("=H", buffer, starts[flagged] + 6, own | NLM_F_REQUEST | flags)
        try:
            self.socket.send(buffer)
        except OSError as error:
            raise self._error(chunk[-1], error.errno or 0) from error
        return first, self._sequence

    def _receive(self, request: Request) -> Iterator[tuple[int, bytes, int, bytes]]:
        """The messages of one receive: (type, whole message, sequence number, payload)."""
        try:
            size = self.socket.recv_into(self._buffer, 0, socket.MSG_TRUNC)
        except OSError as error:
            raise self._error(request, error.errno or 0) from error
        if size > len(self._buffer):
            raise self._error(request, errno.EMSGSIZE)
        offset = 0
        while offset + HEADER.size <= size:
            length, kind, _, sequence, _ = HEADER.unpack_from(self._buffer, offset)
            data = bytes(self._buffer[offset : offset + length])
            yield kind, data, sequence, data[HEADER.size :]
            offset += (length + 3) & ~3

    def _failure(self, request: Request, payload: bytes) -> KernelError | None:
        """The error that an NLMSG_ERROR (or the end of a dump) tells; None for an acknowledgement."""
        number = -_ERRNO.unpack_from(payload)[0]
        return self._error(request, number, _words(payload)) if number else None

    def _error(self, request: Request, number: int, hint: str = "") -> KernelError:
        return KernelError(request.operation, self.namespace, request.interface, number, hint)


def os_error(operation: str, namespace: str, error: OSError, hint: str = "") -> KernelError:
    """The KernelError of a system call that failed."""
    return KernelError(operation, namespace, "", error.errno or 0, hint or os.strerror(error.errno or 0))


def _chunks(requests: Sequence[Request]) -> Iterator[list[Request]]:
    """Requests in portions that one send takes and whose replies one receive buffer holds."""
    chunk: list[Request] = []
    size = 0
    for request in requests:
        if chunk and (len(chunk) == CHUNK_REQUESTS or size + len(request.data) > CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(request)
        size += len(request.data)
    if chunk:
        yield chunk


def _words(payload: bytes) -> str:
    """The kernel's own words in an error reply (NLMSGERR_ATTR_MSG), or "" where it has none.

    Source: "struct nlmsgerr" and enum nlmsgerr_attrs in include/uapi/linux/netlink.h; with NETLINK_CAP_ACK the
    attributes follow the header of the failed request.
    """
    found = dict(attributes(payload, _ERRNO.size + HEADER.size))
    return found.get(NLMSGERR_ATTR_MSG, b"").rstrip(b"\0").decode(errors="replace")
