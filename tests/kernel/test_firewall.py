"""Packets dropped and rejected, with nft(8) and real connections as oracles."""

from __future__ import annotations

import errno
import socket

import pytest

from netlab.errors import KernelError
from netlab.kernel import firewall
from netlab.kernel.namespaces import Namespace
from netlab.kernel.topology import Built
from netlab.spec import Host, Nic, Route, Topology
from tests.kernel.lab import arrives, built, count, output, two
from tests.sandbox import sandboxed

OWN_RULES = (
    "add table ip mine; add chain ip mine c { type filter hook input priority 0; }; add rule ip mine c tcp dport 1 drop"
)


def ruleset(namespace: Namespace) -> str:
    return output(namespace, "nft", "list", "ruleset")


def connect(made: Built, source: str, ip: str, port: int = 4000, within_s: float = 0.5) -> str:
    """How a connection attempt ends: "connected", an errno's name, or "silence"."""
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    with made.hosts[source].socket(family, socket.SOCK_STREAM) as sock:
        sock.settimeout(within_s)
        try:
            sock.connect((ip, port))
        except TimeoutError:
            return "silence"
        except OSError as error:
            return errno.errorcode[error.errno or 0]
    return "connected"


def listen(made: Built, host: str, port: int = 4000) -> socket.socket:
    sock = made.hosts[host].socket(socket.AF_INET6, socket.SOCK_STREAM)
    sock.bind(("::", port))
    sock.listen(8)
    return sock


def test_the_ruleset_is_what_nft_would_have_made() -> None:
    def check() -> str:
        with built(two()) as made:
            firewall.drop(made.hosts["server"], "in", ["10.77.0.2", "fd77::2"], port=80)
            return ruleset(made.hosts["server"])

    text = sandboxed(check)
    for line in (
        "type filter hook input priority raw; policy accept;",
        "type filter hook forward priority raw; policy accept;",
        "ip saddr 10.77.0.2 tcp sport 80 drop",
        "ip saddr 10.77.0.2 tcp dport 80 drop",
        "ip6 saddr fd77::2 tcp sport 80 drop",
        "ip6 saddr fd77::2 tcp dport 80 drop",
    ):
        assert line in text
    assert "daddr" not in text


def test_removing_restores_the_ruleset_exactly() -> None:
    def check() -> None:
        with built(two()) as made:
            server = made.hosts["server"]
            output(server, "nft", OWN_RULES)
            before = ruleset(server)
            first, second = firewall.drop(server, "both"), firewall.reject(server, "rst")
            assert ruleset(server) != before
            first.remove()
            assert "reject with tcp reset" in ruleset(server)
            second.remove()
            assert ruleset(server) == before

    sandboxed(check)


def test_removing_twice_is_an_error() -> None:
    def check() -> None:
        with built(two()) as made:
            rules = firewall.drop(made.hosts["server"], "in")
            rules.remove()
            with pytest.raises(KernelError, match="ENOENT"):
                rules.remove()

    sandboxed(check)


@pytest.mark.parametrize(("ip", "peer"), [("10.77.0.1", "10.77.0.2"), ("fd77::1", "fd77::2")])
@pytest.mark.parametrize("direction", ["in", "out", "both"])
def test_a_drop_silences_its_peer_until_it_is_removed(ip: str, peer: str, direction: firewall.Direction) -> None:
    def check() -> list[str]:
        with built(two()) as made, listen(made, "server"):
            seen = [connect(made, "client", ip)]
            rules = firewall.drop(made.hosts["server"], direction, [peer])
            seen.append(connect(made, "client", ip))
            rules.remove()
            return [*seen, connect(made, "client", ip)]

    assert sandboxed(check) == ["connected", "silence", "connected"]


def test_a_drop_spares_other_peers_and_other_ports() -> None:
    def check() -> None:
        with built(two()) as made, listen(made, "server"), listen(made, "server", 4001):
            firewall.drop(made.hosts["server"], "in", ["10.77.0.2"], port=4000)
            assert connect(made, "client", "10.77.0.1", 4000) == "silence"
            assert connect(made, "client", "10.77.0.1", 4001) == "connected"
            assert connect(made, "client", "fd77::1", 4000) == "connected"
            assert arrives(made, "client", "10.77.0.1", "server", port=4000), "a datagram to that number"

    sandboxed(check)


def test_a_dropped_port_counts_at_either_end() -> None:
    """The client's own rule drops the server's answers, which come from that port."""

    def check() -> None:
        with built(two()) as made, listen(made, "server"):
            firewall.drop(made.hosts["client"], "in", ["10.77.0.1"], port=4000)
            assert connect(made, "client", "10.77.0.1") == "silence"

    sandboxed(check)


@pytest.mark.parametrize("ip", ["10.77.0.1", "fd77::1"])
@pytest.mark.parametrize(
    ("how", "errors"),
    [
        ("rst", ("ECONNREFUSED", "ECONNREFUSED")),
        ("icmp-port", ("ECONNREFUSED", "ECONNREFUSED")),
        ("icmp-host", ("EHOSTUNREACH", "EHOSTUNREACH")),
        ("icmp-net", ("ENETUNREACH", "ENETUNREACH")),
        ("icmp-admin", ("EHOSTUNREACH", "EACCES")),
    ],
)
def test_a_reject_is_answered(how: firewall.How, errors: tuple[str, str], ip: str) -> None:
    """The errno of each ICMP code. Source: `icmp_err_convert` in net/ipv4/icmp.c, `tab_unreach` in net/ipv6/icmp.c.

    An error that comes while connect() still holds the socket is only noted (sk_err_soft in `tcp_v4_err`): then it is
    the second SYN, after a second, whose answer ends the attempt.
    """

    def check() -> str:
        with built(two()) as made, listen(made, "server"):
            firewall.reject(made.hosts["server"], how, port=4000)
            return connect(made, "client", ip, within_s=2.5)

    assert sandboxed(check) == errors[":" in ip]


def test_neighbour_discovery_passes_a_drop_of_everything() -> None:
    def check() -> str:
        with built(two()) as made:
            firewall.drop(made.hosts["server"], "both")
            connect(made, "client", "fd77::1", within_s=0.2)
            return output(made.hosts["client"], "ip", "-6", "neigh", "show", "fd77::1")

    assert "lladdr 02:00:00:00:00:0a" in sandboxed(check)


def test_a_router_drops_and_rejects_what_it_forwards() -> None:
    def check() -> None:
        wanted = Topology(
            hosts={
                "a": Host(nics={"eth0": Nic(ip=("10.1.0.2/24",))}, routes=(Route(to="default", via="10.1.0.1"),)),
                "r": Host(
                    nics={"left": Nic(ip=("10.1.0.1/24",)), "right": Nic(ip=("10.2.0.1/24",))},
                    forward=True,
                ),
                "b": Host(nics={"eth0": Nic(ip=("10.2.0.2/24",))}, routes=(Route(to="default", via="10.2.0.1"),)),
            },
            wires={"one": ("a.eth0", "r.left"), "two": ("r.right", "b.eth0")},
        )
        with built(wanted) as made, listen(made, "b"):
            router = made.hosts["r"]
            assert connect(made, "a", "10.2.0.2") == "connected"
            for direction in ("in", "out"):
                rules = firewall.drop(router, direction, ["10.2.0.2"], port=4000)
                assert connect(made, "a", "10.2.0.2") == "silence"
                rules.remove()
            firewall.reject(router, "rst", "out", ["10.2.0.2"])
            assert connect(made, "a", "10.2.0.2") == "ECONNREFUSED"

    sandboxed(check)


def test_no_process_is_started() -> None:
    def check() -> None:
        import os

        with built(two()) as made:
            before = os.times().children_user, count("/proc/self/task")
            firewall.drop(made.hosts["server"], "in").remove()
            assert (os.times().children_user, count("/proc/self/task")) == before

    sandboxed(check)
