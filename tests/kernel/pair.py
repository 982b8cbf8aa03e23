"""Two hosts on one wire, for the tests of the kernel's witness: real namespaces, real sockets, no lab around them."""

from __future__ import annotations

import socket
import struct
import time
from dataclasses import dataclass, field
from pathlib import Path

from pyroute2 import IPRoute

from netlab.kernel import counters, namespaces, sockets
from netlab.records import Counters, Segment, SocketTable
from netlab.wire import clock
from netlab.wire.segments import observe
from netlab.wire.spool import Packet


class Host(namespaces.Namespace):
    """A namespace, and what programs do in it."""

    @classmethod
    def make(cls, name: str) -> Host:
        return cls(name, namespaces.create(name).fd)

    def set(self, sysctl: str, value: object) -> None:
        with self.entered():
            Path("/proc/sys", sysctl.replace(".", "/")).write_text(str(value))

    def listen(self, port: int = 9000, ip: str = "", backlog: int = 8) -> socket.socket:
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        made = self.socket(family, socket.SOCK_STREAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((ip, port))
        made.listen(backlog)
        return made

    def connect(self, ip: str, port: int = 9000, source: int = 0) -> socket.socket:
        made = self.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM)
        made.settimeout(5)
        try:
            if source:
                made.bind(("", source))
            made.connect((ip, port))
        except OSError:
            made.close()
            raise
        return made


@dataclass
class Pair:
    """server (10.77.0.1, fd00::1) ─ eth0 ─ client (10.77.0.2, fd00::2)."""

    server: Host
    client: Host
    tables: list[SocketTable] = field(default_factory=list)
    counters: list[Counters] = field(default_factory=list)

    def observe(self) -> None:
        """Read tables and counters, as the supervisor does after each step."""
        for name, host in self.hosts.items():
            start = time.monotonic_ns()
            rows = tuple(sockets.table(host))
            self.tables.append(SocketTable(start, time.monotonic_ns(), 0, name, rows))
        for name, host in self.hosts.items():
            begin = time.monotonic_ns()
            values = counters.read(host)
            self.counters.append(Counters(time.monotonic_ns(), 0, name, values, begin))

    @property
    def hosts(self) -> dict[str, Host]:
        return {"server": self.server, "client": self.client}

    @property
    def owners(self) -> dict[str, str]:
        return {"10.77.0.1": "server", "fd00::1": "server", "10.77.0.2": "client", "fd00::2": "client"}

    def link(self, host: Host, state: str) -> None:
        with host.entered(), IPRoute() as ip:
            ip.link("set", index=ip.link_lookup(ifname="eth0")[0], state=state)

    def connection(self, source: int = 0) -> tuple[socket.socket, socket.socket]:
        """(server's end, client's end) of a new connection to port 9000; the listener is closed again."""
        with self.server.listen() as listener:
            client = self.client.connect("10.77.0.1", source=source)
            server, _ = listener.accept()
        return server, client


def pair() -> Pair:
    """A new pair, both links up, IPv6 addresses usable at once."""
    made = Pair(Host.make("server"), Host.make("client"))
    with made.server.entered(), IPRoute() as ip:
        ip.link("add", ifname="eth0", kind="veth", peer={"ifname": "eth0", "net_ns_fd": made.client.fd})
    for host, last in ((made.server, 1), (made.client, 2)):
        with host.entered(), IPRoute() as ip:
            index = ip.link_lookup(ifname="eth0")[0]
            ip.addr("add", index=index, address=f"10.77.0.{last}", prefixlen=24)
            ip.addr("add", index=index, address=f"fd00::{last}", prefixlen=64, flags=2)  # IFA_F_NODAD
            ip.link("set", index=index, state="up")
            ip.link("set", index=1, state="up")
    return made


class Wire:
    """What passes both NICs, from now on."""

    ETH_P_ALL, SO_TIMESTAMPNS, OUTGOING = 3, 35, 4

    def __init__(self, pair: Pair) -> None:
        self._owners = pair.owners
        self._sockets = {
            name: host.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(self.ETH_P_ALL))
            for name, host in pair.hosts.items()
        }
        self._seen: list[tuple[int, str, bool, bytes]] = []
        for name, host in pair.hosts.items():
            self._go_live(name, host)

    def _go_live(self, name: str, host: Host) -> None:
        """Wait until frames are stamped as they pass.

        The kernel switches that on from a work queue; until then a frame is stamped when it is read. Source:
        net_enable_timestamp in net/core/dev.c, __sock_recv_timestamp in net/socket.c.
        """
        sock = self._sockets[name]
        sock.setsockopt(socket.SOL_SOCKET, self.SO_TIMESTAMPNS, 1)
        deadline = time.monotonic() + 5
        with host.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            while time.monotonic() < deadline:
                probe.sendto(b"live?", ("127.0.0.1", 9))
                passed_ns = time.time_ns()
                if max(self._stamps(sock)) <= passed_ns:
                    return
                time.sleep(0.001)
        raise AssertionError("frames are not stamped as they pass")

    def segments(self) -> list[Segment]:
        """Every TCP segment so far."""
        for name, sock in self._sockets.items():
            self._drain(name, sock)
        packets = [
            Packet(number, time_ns, f"{name}.eth0", "out" if out else "in", data, len(data))
            for number, (time_ns, name, out, data) in enumerate(sorted(self._seen), 1)
        ]
        return observe(packets, self._owners, clock.sample().offset_ns).segments

    def _stamps(self, sock: socket.socket) -> list[int]:
        """The stamps of what is there; nothing stays, so that the buffer has room."""
        stamps = []
        while True:
            try:
                stamps.append(stamp_ns(sock.recvmsg(65536, 64, socket.MSG_DONTWAIT)[1]))
            except BlockingIOError:
                return stamps

    def _drain(self, name: str, sock: socket.socket) -> None:
        while True:
            try:
                data, extra, _, where = sock.recvmsg(65536, 64, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            if where[0] == "eth0":
                self._seen.append((stamp_ns(extra), name, where[2] == self.OUTGOING, data))


def stamp_ns(extra: list[tuple[int, int, bytes]]) -> int:
    """SCM_TIMESTAMPNS: CLOCK_REALTIME (socket(7))."""
    seconds, nanoseconds = struct.unpack("ll", extra[0][2])
    return int(seconds * 10**9 + nanoseconds)


def cookie(sock: socket.socket) -> int:
    """SO_COOKIE (socket(7))."""
    return int(struct.unpack("=Q", sock.getsockopt(socket.SOL_SOCKET, 57, 8))[0])


def linger_zero(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
