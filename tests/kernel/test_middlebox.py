"""Routers that translate, filter and forget, with nft(8) and real connections as oracles."""

from __future__ import annotations

import contextlib
import errno
import shutil
import socket
import time
from collections.abc import Iterator
from typing import Any, get_args

import pytest

from netlab.errors import KernelError
from netlab.kernel import conntrack, middlebox, sysctl
from netlab.kernel.topology import Built
from netlab.spec import Conntrack, Firewall, Host, Nat, Nic, Route, TimeoutName, Topology
from netlab.units import Duration
from tests.kernel.lab import built, output
from tests.sandbox import sandboxed

SERVERS = {"10.77.0.1": "10.78.0.2", "fd77::1": "fd78::2"}
"""The server's address to the client's."""
families = pytest.mark.parametrize("ip", SERVERS)


def routed(**of_router: Any) -> Topology:
    """client ── lan router wan ── server."""
    routes = (Route(to="default", via="10.78.0.1"), Route(to="default", via="fd78::1"))
    return Topology(
        hosts={
            "server": Host(nics={"eth0": Nic(ip=("10.77.0.1/24", "fd77::1/64"))}),
            "router": Host(
                nics={
                    "wan": Nic(ip=("10.77.0.254/24", "fd77::fe/64")),
                    "lan": Nic(ip=("10.78.0.1/24", "fd78::1/64")),
                },
                forward=True,
                **of_router,
            ),
            "client": Host(nics={"eth0": Nic(ip=("10.78.0.2/24", "fd78::2/64"))}, routes=routes),
        },
        switches={"out": ("server.eth0", "router.wan"), "home": ("client.eth0", "router.lan")},
    )


def translating(**how: Any) -> Nat:
    return Nat(inside=("lan",), outside="wan", **how)


def listening(made: Built, ip: str, port: int = 9000) -> socket.socket:
    sock = made.hosts["server"].socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM)
    sock.bind((ip, port))
    sock.listen(8)
    return sock


def dial(made: Built, ip: str, port: int = 9000, source_port: int = 0) -> socket.socket:
    sock = made.hosts["client"].socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.settimeout(5)
    sock.bind(("", source_port))
    sock.connect((ip, port))
    return sock


@contextlib.contextmanager
def connection(made: Built, ip: str) -> Iterator[tuple[socket.socket, socket.socket, tuple[str, int]]]:
    """(client's end, server's end, the address that the server sees)."""
    with listening(made, ip) as listener, dial(made, ip) as near:
        far, seen = listener.accept()
        with far:
            yield near, far, seen[:2]


def forgotten(made: Built, within_s: float = 5) -> None:
    deadline = time.monotonic() + within_s
    while conntrack.table(made.hosts["router"]):
        assert time.monotonic() < deadline, "the router still tracks it"
        time.sleep(0.01)


@pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed")
def test_the_ruleset_is_what_nft_would_have_made() -> None:
    def check() -> str:
        wall = Firewall(stateful="reject", inside=("lan",), open=(22,))
        nat = translating(kind="symmetric", ports="4000-4003")
        with built(routed(nat=nat, firewall=wall)) as made:
            return output(made.hosts["router"], "nft", "list", "ruleset")

    text = sandboxed(check)
    for line in (
        "type nat hook postrouting priority srcnat; policy accept;",
        'iifname "lan" oifname "wan" meta l4proto tcp masquerade to :4000-4003 fully-random',
        "type filter hook forward priority filter; policy accept;",
        "type filter hook input priority filter; policy accept;",
        "ct state established,related accept",
        'iifname "lan" ct state new accept',
        "tcp dport 22 ct state new accept",
        "meta l4proto tcp reject with tcp reset",
        "reject with icmpx admin-prohibited",
    ):
        assert line in text


@families
def test_the_server_sees_the_routers_address(ip: str) -> None:
    def check() -> tuple[str, list[Any]]:
        with built(routed(nat=translating())) as made, connection(made, ip) as (near, far, seen):
            near.sendall(b"hello")
            assert far.recv(9) == b"hello"
            assert seen[1] == near.getsockname()[1]  # endpoint-independent: its own port, where it is free
            return seen[0], conntrack.table(made.hosts["router"])

    seen, [entry] = sandboxed(check)
    assert seen == {"10.77.0.1": "10.77.0.254", "fd77::1": "fd77::fe"}[ip]
    assert (entry.protocol, entry.state, entry.source.ip, entry.answer_target.ip) == (
        "tcp",
        "ESTABLISHED",
        SERVERS[ip],
        seen,
    )
    assert entry.assured and entry.left_s > 400_000


@pytest.mark.parametrize(("kind", "ports"), [("endpoint-independent", 1), ("symmetric", 2)])
def test_one_inside_port_to_two_servers_is_one_outside_port_or_two(kind: Any, ports: int) -> None:
    def check() -> set[int]:
        with (
            built(routed(nat=translating(kind=kind))) as made,
            listening(made, "10.77.0.1", 9000) as one,
            listening(made, "10.77.0.1", 9001) as other,
            dial(made, "10.77.0.1", 9000, source_port=40000),
            dial(made, "10.77.0.1", 9001, source_port=40000),
        ):
            return {one.accept()[1][1], other.accept()[1][1]}

    found = sandboxed(check)
    assert len(found) == ports and (kind == "symmetric" or found == {40000})


def test_it_lends_only_the_ports_it_may() -> None:
    def check() -> int:
        with built(routed(nat=translating(ports="4000-4003"))) as made, connection(made, "10.77.0.1") as (_, _, seen):
            return seen[1]

    assert 4000 <= sandboxed(check) <= 4003


@families
@pytest.mark.parametrize(("stateful", "outcome"), [("drop", "silence"), ("reject", "ECONNREFUSED")])
def test_a_firewall_lets_in_only_what_began_inside(ip: str, stateful: Any, outcome: str) -> None:
    def attempt(made: Built) -> str:
        """The server tries to reach the client."""
        with made.hosts["server"].socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM) as sock:
            sock.settimeout(0.3)
            try:
                sock.connect((SERVERS[ip], 9000))
            except TimeoutError:
                return "silence"
            except OSError as error:
                return errno.errorcode[error.errno or 0]
            return "connected"

    def check() -> str:
        back = (Route(to="default", via="10.77.0.254"), Route(to="default", via="fd77::fe"))
        lab = routed(firewall=Firewall(stateful=stateful, inside=("lan",)))
        hosts = {**lab.hosts, "server": Host(nics=lab.hosts["server"].nics, routes=back)}
        with built(Topology(hosts=hosts, switches=lab.switches)) as made, connection(made, ip) as (near, far, _):
            far.sendall(b"back")  # of a connection that began inside
            assert near.recv(9) == b"back"
            return attempt(made)

    assert sandboxed(check) == outcome


@pytest.mark.parametrize("loose", [True, False])
def test_an_entry_expires_and_only_a_loose_router_takes_the_connection_up_again(loose: bool) -> None:
    def check() -> bool:
        tracking = Conntrack(timeouts={"established": Duration(10**9)}, loose=loose)
        lab = routed(nat=translating(), firewall=Firewall(stateful="drop", inside=("lan",)), conntrack=tracking)
        with built(lab) as made, connection(made, "10.77.0.1") as (near, far, _):
            forgotten(made)
            near.sendall(b"world")
            far.settimeout(0.5)
            with contextlib.suppress(TimeoutError):
                return far.recv(9) == b"world"
            return False

    assert sandboxed(check) is loose


def test_one_flow_is_forgotten_and_the_other_stays() -> None:
    def check() -> tuple[list[int], list[int]]:
        with (
            built(routed(nat=translating())) as made,
            listening(made, "10.77.0.1") as listener,
            dial(made, "10.77.0.1", source_port=40000),
            dial(made, "10.77.0.1", source_port=40001),
            listener.accept()[0],
            listener.accept()[0],
        ):
            gone = conntrack.forget(made.hosts["router"], lambda entry: entry.source.port == 40000)
            left = conntrack.table(made.hosts["router"])
            return [entry.source.port for entry in gone], [entry.source.port for entry in left]

    assert sandboxed(check) == ([40000], [40001])


def test_every_timeout_of_the_language_is_a_setting_of_the_kernel() -> None:
    assert set(middlebox.TIMEOUTS) == set(get_args(TimeoutName))

    def check() -> dict[str, str]:
        tracking = Conntrack(timeouts={name: Duration((7 + n) * 10**9) for n, name in enumerate(get_args(TimeoutName))})
        with built(routed(nat=translating(), conntrack=tracking)) as made:
            return sysctl.read_all(made.hosts["router"], middlebox.sysctls(tracking))

    assert [int(value) for value in list(sandboxed(check).values())[1:]] == list(range(7, 7 + len(middlebox.TIMEOUTS)))


def test_what_the_kernel_refuses_names_the_host() -> None:
    def check() -> None:
        with built(routed(nat=translating())) as made, pytest.raises(KernelError, match=r"netlab-nat.*router.*EEXIST"):
            middlebox.set_up(made.hosts["router"], Host(nat=translating()))

    sandboxed(check)
