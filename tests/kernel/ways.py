"""The ways to get an RST that the tests provoke for real: each plays on a fresh pair and leaves one RST on its wire."""

from __future__ import annotations

import contextlib
import ctypes
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from pyroute2 import IPRoute

from netlab.kernel import sockets
from tests.kernel.pair import Host, Pair, linger_zero

TCP_REPAIR, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_LINGER2 = 19, 4, 5, 6, 8


def until(probe: Callable[[], object], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not probe():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.001)


def vanish(sock: socket.socket) -> None:
    """Close without a segment, as a power cut does (TCP_REPAIR, Documentation/networking)."""
    sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    sock.close()


def deafen(host: Host, ip: str) -> None:
    """Have this host answer nothing that comes from `ip`."""
    with host.entered(), IPRoute() as route:
        route.route("add", type="blackhole", dst=f"{ip}/32")


def mislead(host: Host, ip: str) -> None:
    """Have this host send what is for `ip` to a hardware address that nobody has."""
    with host.entered(), IPRoute() as route:
        index = route.link_lookup(ifname="eth0")[0]
        route.neigh("replace", dst=ip, lladdr="02:00:00:00:00:99", ifindex=index, state=0x80)  # NUD_PERMANENT


def half_close(pair: Pair, server: socket.socket) -> None:
    """Send FIN, and wait for its ACK: a close() after it leaves a small socket, with the timer time-wait.

    An ACK that meets close() at work leaves the whole one. Source: net/ipv4/tcp_input.c, tcp_rcv_state_process.
    """
    server.shutdown(socket.SHUT_WR)
    until(lambda: [row for row in sockets.table(pair.server) if row.state == "FIN-WAIT-2"])


def drain(sock: socket.socket) -> None:
    """Read until the end, whatever it is."""
    with contextlib.suppress(ConnectionError):
        while sock.recv(4096):
            pass


# Each way observes the pair (as the supervisor does after a step) right before what draws the RST.


def closed_port(pair: Pair) -> None:
    with contextlib.suppress(ConnectionRefusedError):
        pair.client.connect("10.77.0.1")


def closed_port_ipv6(pair: Pair) -> None:
    with contextlib.suppress(ConnectionRefusedError):
        pair.client.connect("fd00::1")


def data_to_vanished_socket(pair: Pair) -> None:
    server, client = pair.connection()
    vanish(server)
    pair.observe()
    client.send(b"world")
    drain(client)


def data_to_vanished_socket_under_a_listener(pair: Pair) -> None:
    with pair.server.listen() as listener:
        client = pair.client.connect("10.77.0.1")
        vanish(listener.accept()[0])
        pair.observe()
        client.send(b"world")
        drain(client)


def data_to_orphan_whose_fin_is_lost(pair: Pair) -> None:
    """What the server sends gets nowhere, its RST included."""
    server, client = pair.connection()
    mislead(pair.server, "10.77.0.2")
    server.close()
    pair.observe()
    client.send(b"world")
    vanish(client)  # or it would send again
    until(lambda: not sockets.table(pair.server))


def data_to_orphan_whose_fin_was_held(pair: Pair) -> None:
    """The look-alike of a half-open connection: the NIC is back before the kernel gave the orphan up."""
    server, client = pair.connection()
    pair.link(pair.server, "down")
    server.close()
    pair.link(pair.server, "up")
    pair.observe()
    client.send(b"world")
    drain(client)


def close_with_unread_data(pair: Pair) -> None:
    server, client = pair.connection()
    client.send(b"hello")
    until(lambda: [row for row in sockets.table(pair.server) if row.receive_queue])
    pair.observe()
    server.close()
    drain(client)


def close_with_linger_zero(pair: Pair) -> None:
    server, client = pair.connection()
    linger_zero(server)
    pair.observe()
    server.close()
    drain(client)


def close_without_waiting_for_the_fin(pair: Pair) -> None:
    server, client = pair.connection()
    server.setsockopt(socket.IPPROTO_TCP, TCP_LINGER2, -1)
    half_close(pair, server)
    pair.observe()
    server.close()
    drain(client)
    until(lambda: not sockets.table(pair.client))


def disconnect(pair: Pair) -> None:
    server, client = pair.connection()
    pair.observe()
    unspecified = ctypes.create_string_buffer(16)  # AF_UNSPEC: connect(2)
    assert ctypes.CDLL(None).connect(server.fileno(), unspecified, 16) == 0
    drain(client)


def data_to_time_wait(pair: Pair) -> None:
    server, client = pair.connection()
    half_close(pair, server)
    server.close()
    drain(client)
    pair.observe()
    client.send(b"more")
    until(lambda: not sockets.table(pair.client))


def keepalive_timeout(pair: Pair) -> None:
    _server, client = pair.connection()
    for option, value in ((TCP_KEEPIDLE, 1), (TCP_KEEPINTVL, 1), (TCP_KEEPCNT, 1)):
        client.setsockopt(socket.IPPROTO_TCP, option, value)
    deafen(pair.server, "10.77.0.2")
    client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    pair.observe()
    with contextlib.suppress(TimeoutError):
        client.recv(1)


def destroyed_orphan(pair: Pair) -> None:
    server, client = pair.connection()
    deafen(pair.client, "10.77.0.1")
    server.close()
    pair.observe()
    assert sockets.destroy_orphans(pair.server) == 1
    drain(client)
    until(lambda: not sockets.table(pair.client))


def listener_closed_with_a_connection_waiting(pair: Pair) -> None:
    with pair.server.listen():
        client = pair.client.connect("10.77.0.1")
        until(lambda: [row for row in sockets.table(pair.server) if row.state == "ESTABLISHED"])
        pair.observe()
    drain(client)


@dataclass(frozen=True)
class Way:
    """What an RST of this way must be: the sender, the kernel's reason, and what counters and table can tell of it."""

    play: Callable[[Pair], None]
    sender: str
    reason: str
    inferred: str | None
    arrives: bool = True

    @property
    def name(self) -> str:
        return self.play.__name__


WAYS = [
    Way(closed_port, "server", "NO_SOCKET", "NO_SOCKET"),
    Way(closed_port_ipv6, "server", "NO_SOCKET", "NO_SOCKET"),
    Way(data_to_vanished_socket, "server", "NO_SOCKET", "NO_SOCKET"),
    Way(data_to_vanished_socket_under_a_listener, "server", "TCP_FLAGS", "TCP_FLAGS"),
    Way(data_to_orphan_whose_fin_is_lost, "server", "TCP_ABORT_ON_DATA", "TCP_ABORT_ON_DATA", arrives=False),
    Way(data_to_orphan_whose_fin_was_held, "server", "TCP_ABORT_ON_DATA", "TCP_ABORT_ON_DATA"),
    Way(close_with_unread_data, "server", "TCP_ABORT_ON_CLOSE", "TCP_ABORT_ON_CLOSE"),
    Way(close_with_linger_zero, "server", "TCP_STATE", "TCP_STATE"),
    Way(close_without_waiting_for_the_fin, "server", "TCP_ABORT_ON_LINGER", "TCP_ABORT_ON_LINGER"),
    Way(disconnect, "server", "TCP_STATE", None),
    Way(data_to_time_wait, "server", "TCP_TIMEWAIT_SOCKET", "TCP_TIMEWAIT_SOCKET"),
    Way(keepalive_timeout, "client", "TCP_KEEPALIVE_TIMEOUT", "TCP_KEEPALIVE_TIMEOUT"),
    Way(destroyed_orphan, "server", "TCP_STATE", None),
    Way(listener_closed_with_a_connection_waiting, "server", "TCP_STATE", None),
]
