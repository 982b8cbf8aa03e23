"""The socket table, the news of destroyed sockets, and SOCK_DESTROY, against the real kernel."""

from __future__ import annotations

import socket

import pytest

from netlab.errors import KernelError
from netlab.kernel import sockets
from netlab.records import Address, SocketInfo
from tests.kernel.pair import Pair, cookie, pair
from tests.kernel.ways import deafen, half_close, mislead, until, vanish
from tests.sandbox import sandboxed


def states(host: object) -> list[str]:
    return sorted(row.state for row in sockets.table(host))  # type: ignore[arg-type]


def test_a_connection_is_one_row_at_each_end_with_its_cookie_and_inode() -> None:
    def play() -> None:
        both = pair()
        server, client = both.connection()
        port = client.getsockname()[1]
        (row,) = sockets.table(both.server)
        assert (row.state, row.local, row.remote) == (
            "ESTABLISHED",
            Address("10.77.0.1", 9000),
            Address("10.77.0.2", port),
        )
        assert row.cookie == cookie(server)
        assert row.inode != 0
        (row,) = sockets.table(both.client)
        assert (row.local, row.cookie) == (Address("10.77.0.2", port), cookie(client))

    sandboxed(play)


def test_an_ipv4_peer_of_a_dual_stack_listener_has_plain_ipv4_addresses() -> None:
    def play() -> None:
        both = pair()
        with both.server.listen(ip="::"):
            clients = [both.client.connect("10.77.0.1"), both.client.connect("fd00::1")]
            rows = {row.state: row for row in sockets.table(both.server)}
            assert rows["LISTEN"].local == Address("::", 9000)
            assert rows["LISTEN"].remote == Address("::", 0)
            ends = {row.local.ip: row.remote.ip for row in sockets.table(both.server) if row.state == "ESTABLISHED"}
            assert ends == {"10.77.0.1": "10.77.0.2", "fd00::1": "fd00::2"}
            (four,) = [row for row in sockets.table(both.server) if row.local.ip == "10.77.0.1"]
            assert sockets.destroy(both.server, four)
            with pytest.raises(ConnectionResetError):
                clients[0].recv(1)

    sandboxed(play)


@pytest.mark.parametrize(("client", "server"), [("10.77.0.2", "10.77.0.1"), ("fd00::2", "fd00::1")])
def test_a_four_tuple_finds_its_connection_else_the_listener_else_nothing(client: str, server: str) -> None:
    def play() -> None:
        both = pair()
        with both.server.listen(ip="::" if ":" in server else "0.0.0.0"), both.client.connect(server) as calling:
            port = calling.getsockname()[1]
            found = sockets.lookup(both.server, Address(server, 9000), Address(client, port))
            assert found is not None and (found.state, found.remote.port) == ("ESTABLISHED", port)
            listening = sockets.lookup(both.server, Address(server, 9000), Address(client, port - 1))
            assert listening is not None and listening.state == "LISTEN"
            assert sockets.lookup(both.server, Address(server, 9001), Address(client, port)) is None

    sandboxed(play)


def test_a_state_is_filtered_by_the_kernel() -> None:
    def play() -> None:
        both = pair()
        _ends = both.connection()
        with both.server.listen(port=9001):
            assert states(both.server) == ["ESTABLISHED", "LISTEN"]
            assert [row.local.port for row in sockets.table(both.server, ["LISTEN"])] == [9001]

    sandboxed(play)


def test_a_request_without_its_last_segment_is_syn_recv_with_a_timer() -> None:
    def play() -> SocketInfo:
        both = pair()
        with both.server.listen():
            mislead(both.server, "10.77.0.2")  # its SYN-ACK gets nowhere
            client = both.client.socket(socket.AF_INET, socket.SOCK_STREAM)
            client.setblocking(False)
            client.connect_ex(("10.77.0.1", 9000))
            until(lambda: len(states(both.server)) == 2)
            assert states(both.client) == ["SYN-SENT"]
            return sockets.table(both.server, ["SYN-RECV"])[0]

    row = sandboxed(play)
    assert (row.timer, row.inode, row.remote.ip) == ("retransmit", 0, "10.77.0.2")
    assert row.timer_ms > 0


def test_time_wait_is_shown_with_what_is_left_of_it() -> None:
    def play() -> list[SocketInfo]:
        both = pair()
        server, client = both.connection()
        server.close()
        assert client.recv(1) == b""
        client.close()
        until(lambda: states(both.server) == ["TIME-WAIT"])
        return sockets.table(both.server)

    (row,) = sandboxed(play)
    assert (row.timer, row.inode) == ("time-wait", 0)
    assert 55_000 < row.timer_ms <= 60_000


def test_queues_are_bytes_of_a_connection_and_connections_of_a_listener() -> None:
    def play() -> tuple[SocketInfo, ...]:
        both = pair()
        with both.server.listen(backlog=5):
            client = both.client.connect("10.77.0.1")
            client.send(b"hello")
            until(lambda: [row for row in sockets.table(both.server) if row.receive_queue == 5])
            return tuple(sorted(sockets.table(both.server), key=lambda row: row.state))

    waiting, listener = sandboxed(play)
    assert (waiting.state, waiting.inode) == ("ESTABLISHED", 0)
    assert (listener.receive_queue, listener.send_queue) == (1, 5)


def orphan(both: Pair) -> SocketInfo:
    server, _client = both.connection()
    deafen(both.client, "10.77.0.1")
    server.close()
    (row,) = sockets.table(both.server)
    assert (row.state, row.inode) == ("FIN-WAIT-1", 0)
    return row


def test_destroying_a_socket_says_whether_it_was_there() -> None:
    def play() -> None:
        both = pair()
        row = orphan(both)
        assert sockets.destroy(both.server, row)
        assert sockets.table(both.server) == []
        assert not sockets.destroy(both.server, row)

    sandboxed(play)


def test_orphans_are_destroyed_and_nothing_else() -> None:
    def play() -> None:
        both = pair()
        with both.server.listen(port=9001):
            _waiting = both.client.connect("10.77.0.1", 9001)  # in the accept queue: no inode, but no orphan
            server, _client = both.connection()
            deafen(both.client, "10.77.0.1")
            server.close()
            until(lambda: states(both.server) == ["ESTABLISHED", "FIN-WAIT-1", "LISTEN"])
            assert sockets.destroy_orphans(both.server) == 1
            assert states(both.server) == ["ESTABLISHED", "LISTEN"]
            assert sockets.destroy_orphans(both.server) == 0

    sandboxed(play)


def test_time_wait_is_no_orphan() -> None:
    def play() -> None:
        both = pair()
        server, client = both.connection()
        half_close(both, server)
        server.close()
        client.recv(1)
        assert [row.timer for row in sockets.table(both.server)] == ["time-wait"]
        assert sockets.destroy_orphans(both.server) == 0

    sandboxed(play)


def test_every_destroyed_socket_is_heard_of_by_its_cookie() -> None:
    def play() -> None:
        both = pair()
        news = sockets.Destroyed(both.server)
        others = sockets.Destroyed(both.client)
        server, client = both.connection()
        wanted, elsewhere = cookie(server), cookie(client)
        vanish(server)
        heard: list[int] = []
        until(lambda: heard.extend(news.read()) or wanted in heard)
        assert elsewhere not in heard
        assert wanted not in others.read()

    sandboxed(play)


def test_a_refused_request_is_an_error_that_names_the_namespace() -> None:
    def play() -> None:
        both = pair()
        with sockets._diag(both.server) as diag:
            diag.send(sockets._message(sockets._BY_FAMILY, 0x301, bytes([socket.AF_INET, 6, 0, 0])))  # cut short
            with pytest.raises(KernelError, match="read the socket table in server: EINVAL"):
                list(sockets._answers(diag, both.server, "read the socket table"))

    sandboxed(play)
