"""Packets that wait on the wire: taken off the path, kept here in order, put on again when they are released.

    sender ──▶ [port] bridge ╳ log, drop                   [port] ──▶ receiver
                             └─▶ Held: waiting … ─ release ──▶┘

Rules: one nftables rule both drops a packet and hands its copy over (NFLOG), so each packet either passes or waits,
never both and never neither. What waits leaves by the very port the bridge had chosen, byte for byte as it came, so the
captures see one segment that was long on its way. A packet that finds the port down is lost, as on a cable that was
pulled meanwhile. Nothing of it outlives this process: the copies are in its memory and in its sockets.

Rejected: netem and plug (not in every kernel), NFQUEUE (nor is nft_queue; and removing any other table of the namespace
drops what is queued: nf_queue_nf_hook_drop).

Source: net/netfilter/nft_log.c, nfnetlink_log.c (nfulnl_log_packet); include/uapi/linux/netfilter/nfnetlink_log.h.
"""

from __future__ import annotations

import ctypes
import errno
import itertools
import socket
import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from netlab.errors import KernelError
from netlab.kernel import firewall
from netlab.kernel.messages import HEADER, NLM_F_REQUEST, attributes
from netlab.kernel.namespaces import Namespace
from netlab.kernel.netlink import NETLINK_NETFILTER, Netlink, Request

NFNL_SUBSYS_ULOG = 4
NFULNL_MSG_PACKET, NFULNL_MSG_CONFIG = NFNL_SUBSYS_ULOG << 8, NFNL_SUBSYS_ULOG << 8 | 1
NFULA_CFG_CMD, NFULA_CFG_MODE, NFULA_CFG_QTHRESH = 1, 2, 5
NFULNL_CFG_CMD_BIND, NFULNL_COPY_PACKET = 1, 2
NFULA_IFINDEX_PHYSOUTDEV, NFULA_PAYLOAD, NFULA_L2HDR = 7, 9, 21
FIXED = HEADER.size + 4
"""A message's attributes follow its struct nlmsghdr and struct nfgenmsg."""
WHOLE_PACKET = 0xFFFF

RECEIVE_BYTES = 1 << 17
MOST_BYTES = 64 * 2**20
"""What may wait in one hold: far more than TCP sends without an answer."""
ROUNDS = 20
"""How often `release` puts out what came meanwhile before it lets packets pass by themselves: an answer to what was
released still finds the rules there, and must not be overtaken."""

_groups = itertools.count(1)
_libc = ctypes.CDLL(None, use_errno=True)


class Frame(NamedTuple):
    """A frame that waits, and the index of the port it leaves by."""

    port: int
    data: bytes


class Held:
    """What waits, and the rules that make it wait. Whoever owns the event loop calls `take` when it is readable."""

    def __init__(self, fabric: Namespace, flows: Iterable[tuple[str, str]], port: int | None) -> None:
        self.fabric = fabric
        self.waiting: list[Frame] = []
        self.lost = ""
        """Why packets were lost that should have waited; "" for none."""
        self._bytes = 0
        group = next(_groups)
        self._log = Netlink(fabric.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER), fabric.name)
        self._out = fabric.socket(socket.AF_PACKET, socket.SOCK_RAW)
        try:
            self._log.batch([_config(group, *setting) for setting in _settings()])
            self._rules = firewall.drop_on_path(fabric, flows, port, group)
        except BaseException:
            self.close()
            raise

    def fileno(self) -> int:
        return self._log.fileno()

    def take(self) -> None:
        """Take in the packets that have come."""
        while True:
            try:
                data = self._log.socket.recv(RECEIVE_BYTES, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self.lost = "they came faster than they could be taken in"
                continue
            for frame in _frames(data):
                self._keep(frame)

    def _keep(self, frame: Frame) -> None:
        self._bytes += len(frame.data)
        if self._bytes > MOST_BYTES:
            self.lost = f"more than {MOST_BYTES >> 20} MiB came"
        else:
            self.waiting.append(frame)

    def release(self) -> None:
        """Put out what waits, in order, and let packets pass again; returns when they do.

        Raises: KernelError, where packets were lost that should have waited.
        """
        for _ in range(ROUNDS):
            self.take()
            if not self._put_out():
                break
        self._rules.remove()
        _settle(self.fabric)
        self.take()
        self._put_out()
        self.close()
        if self.lost:
            raise KernelError("release what was held", self.fabric.name, errno=errno.ENOBUFS, hint=self.lost)

    def _put_out(self) -> int:
        """Send what waits; how many that were."""
        frames, self.waiting = self.waiting, []
        for frame in frames:
            # ctypes, because the socket module's sendto insists on an interface's name.
            address = struct.pack("=HHiHBB8s", socket.AF_PACKET, 0, frame.port, 0, 0, 0, b"")
            sent = _libc.sendto(self._out.fileno(), frame.data, len(frame.data), 0, address, len(address))
            number = ctypes.get_errno() if sent < 0 else 0
            if number not in (0, errno.ENETDOWN, errno.ENXIO):
                raise KernelError("put out what was held", self.fabric.name, str(frame.port), number)
        return len(frames)

    def close(self) -> None:
        """Close both sockets."""
        self._log.close()
        self._out.close()


def _settle(fabric: Namespace) -> None:
    """Return when no packet is under way any more that removed rules still decide about.

    The kernel looks at rules inside an RCU read section, and closing a packet socket waits for the end of those that
    have begun. Source: net/packet/af_packet.c:packet_release(), synchronize_net().
    """
    fabric.socket(socket.AF_PACKET, socket.SOCK_RAW).close()


def _settings() -> Iterator[tuple[int, bytes]]:
    """Be the group's listener; get whole packets; get each at once."""
    yield NFULA_CFG_CMD, struct.pack("=B", NFULNL_CFG_CMD_BIND)
    yield NFULA_CFG_MODE, struct.pack(">IBx", WHOLE_PACKET, NFULNL_COPY_PACKET)
    yield NFULA_CFG_QTHRESH, struct.pack(">I", 1)


def _config(group: int, kind: int, value: bytes) -> Request:
    attribute = struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)
    body = struct.pack(">BBH", socket.AF_UNSPEC, 0, group) + attribute
    header = HEADER.pack(HEADER.size + len(body), NFULNL_MSG_CONFIG, NLM_F_REQUEST, 0, 0)
    return Request(f"listen to log group {group}", "", header + body)


def _frames(data: bytes) -> Iterator[Frame]:
    """The packets in one datagram of the kernel's."""
    at = 0
    while at + HEADER.size <= len(data):
        size, kind, *_ = HEADER.unpack_from(data, at)
        if kind == NFULNL_MSG_PACKET:
            found = dict(attributes(data[at : at + size], FIXED))
            (port,) = struct.unpack(">I", found[NFULA_IFINDEX_PHYSOUTDEV])
            yield Frame(port, found[NFULA_L2HDR] + found[NFULA_PAYLOAD])
        at += size + 3 & ~3


__all__ = ["Frame", "Held"]
