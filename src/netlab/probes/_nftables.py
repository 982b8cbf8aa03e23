"""One transaction of nftables in a trial's child.

Rules: packed by hand, because a run asks this before it begins, and pyroute2 takes a third of a second to import.
Source: include/uapi/linux/netfilter/nfnetlink.h, nf_tables.h.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

from netlab.probes._netlink import NLM_F_ACK, NLM_F_CREATE, NLM_F_REQUEST, attribute, message

NETLINK_NETFILTER, NFPROTO_INET = 12, 1
BATCH_BEGIN, BATCH_END, NFTABLES = 0x10, 0x11, 10
NEWTABLE, TABLE_NAME = NFTABLES << 8, 1
TABLE = struct.pack("=BBH", NFPROTO_INET, 0, 0) + attribute(TABLE_NAME, b"probe\0")
"""A table of family inet; what belongs to it begins with the same bytes."""
NLMSG_ERROR = 2


def netfilter() -> socket.socket:
    """A socket of the calling thread's namespace."""
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)


def create(sock: socket.socket, bodies: dict[int, bytes]) -> int:
    """Make these, by message type, in one transaction; the errno of the first refusal, 0 where all were made."""
    return carry_out(sock, b"".join(batch(bodies)), last=1 + len(bodies))


def batch(bodies: dict[int, bytes]) -> Iterator[bytes]:
    """The messages between the frames of a transaction, numbered by their place."""
    edge = struct.pack("=BB", 0, 0) + struct.pack(">H", NFTABLES)
    yield numbered(1, message(BATCH_BEGIN, edge, NLM_F_REQUEST))
    for number, (kind, body) in enumerate(bodies.items(), 2):
        yield numbered(number, message(kind, body, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE))
    yield numbered(2 + len(bodies), message(BATCH_END, edge, NLM_F_REQUEST))


def numbered(number: int, data: bytes) -> bytes:
    """The message with its sequence number."""
    return data[:8] + struct.pack("=I", number) + data[12:]


def carry_out(sock: socket.socket, data: bytes, last: int) -> int:
    """Send; the errno of the first refusal, 0 where the message numbered `last` was done."""
    sock.send(data)
    while True:
        answer = sock.recv(32768)
        at = 0
        while at < len(answer):
            length, kind, _, number, _ = struct.unpack_from("=IHHII", answer, at)
            refused = -int(struct.unpack_from("=i", answer, at + 16)[0]) if kind == NLMSG_ERROR else 0
            if refused or number == last:
                return refused
            at += (length + 3) & ~3
