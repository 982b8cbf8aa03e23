"""A NIC's own cable in the fabric: what is lost or waits there is the path's, and all else is as without one."""

from __future__ import annotations

import errno
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.agent.ground import Ground
from netlab.impairment import Bandwidth, Impairment, Link
from netlab.kernel import firewall, links, qdiscs
from netlab.kernel.plan import FIRST_PORT, FIRST_SWITCH, plan
from netlab.kernel.topology import Built
from netlab.records import Cable, Event, Trouble
from netlab.spec import Host, Nic, Topology
from netlab.units import ByteSize, Rate
from tests.kernel.lab import arrives, built
from tests.sandbox import sandboxed

IP_RECVERR, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE = 11, 10, 3
IPV6_MTU_DISCOVER, IPV6_DONTFRAG = 23, 62
"""Source: include/uapi/linux/in.h, in6.h. PROBE: never fragment, whatever the path's MTU is believed to be."""


def slow(rate: str = "8kbit", **more: Any) -> Bandwidth:
    return Bandwidth(rate=Rate.parse(rate), **more)


def pair(link: Link | None = None, wire: bool = False, cables: tuple[str, ...] = ()) -> Topology:
    """a.eth0, with this link, and b.eth0 on a switch or wire."""
    ends = ("a.eth0", "b.eth0")
    return Topology(
        hosts={
            "a": Host(nics={"eth0": Nic(ip=("10.77.0.1/24", "fd77::1/64"), link=link)}),
            "b": Host(nics={"eth0": Nic(ip=("10.77.0.2/24", "fd77::2/64"))}),
        },
        switches={} if wire else {"sw": ends},
        wires={"cross": ends} if wire else {},
        cables=cables,
    )


def kinds(made: Built, index: int) -> list[str]:
    """The qdiscs of a device of the fabric, but its default."""
    return [each.kind for each in qdiscs.read(made.fabric.route, index) if each.handle]


@pytest.mark.parametrize("wire", [False, True])
def test_each_direction_of_a_link_is_an_egress_of_its_own(wire: bool) -> None:
    def check() -> None:
        link = Link(outbound=Impairment(bandwidth=slow("1mbit")))
        with built(pair(link, wire)) as made:
            nic = made.nics["a.eth0"]
            assert nic.cable is not None
            assert (kinds(made, nic.cable.indexes[0]), kinds(made, nic.port_index)) == (["tbf"], [])
            assert kinds(made, made.nics["b.eth0"].port_index) == []
            assert arrives(made, "a", "10.77.0.2", "b") and arrives(made, "b", "fd77::1", "a")

    sandboxed(check)


def test_the_points_of_a_cable_are_its_two_ends() -> None:
    def check() -> None:
        with built(pair(Link())) as made:
            nic = made.nics["a.eth0"]
            assert nic.cable is not None
            assert made.ports[nic.port_index] == "a.eth0:sw"
            assert made.ports[nic.cable.indexes[1]] == "sw:a.eth0"
            assert nic.cable.indexes[0] not in made.ports
            assert sorted(made.ports.values()) == ["a.eth0:sw", "sw:a.eth0", "sw:b.eth0"]

    sandboxed(check)


def flood(made: Built, count: int = 50) -> list[str]:
    """Send datagrams from a small buffer, as fast as that goes; the errors that the sender is told."""
    errors = []
    with (
        made.hosts["b"].socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        made.hosts["a"].socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind(("10.77.0.2", 4000))
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        sender.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        sender.setblocking(False)
        for _ in range(count):
            try:
                sender.sendto(b"x" * 1000, ("10.77.0.2", 4000))
            except OSError as error:
                errors.append(errno.errorcode[error.errno or 0])
    return errors


@pytest.mark.parametrize("way", ["outbound", "inbound"])
def test_what_waits_in_a_cable_does_not_belong_to_its_sender_any_more(way: str) -> None:
    """Else its socket's buffer, and TCP small queues, would keep the queue short: ip_append_data, tcp_small_queue."""

    def check() -> None:
        link = Link(**{way: Impairment(bandwidth=slow(queue=ByteSize(10**6)))})
        topology = pair(link)
        with built(topology) as made:
            assert arrives(made, "a", "10.77.0.2", "b")
            host = "a" if way == "outbound" else "b"
            target = {"a": "10.77.0.2", "b": "10.77.0.1"}[host]
            with made.hosts[host].socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
                sender.setblocking(False)
                for _ in range(50):
                    sender.sendto(b"x" * 1000, (target, 4000))
            waiting = made.shapers["a.eth0", way].statistics().backlog_packets  # type: ignore[index]
            assert waiting > 40

    sandboxed(check)


def test_what_a_cable_loses_is_not_told_to_its_sender() -> None:
    """On the sender's own qdisc it would be: ENOBUFS, `net_xmit_errno`; TCP takes that for no loss at all."""

    def check() -> None:
        with built(pair(Link(outbound=Impairment(bandwidth=slow(queue=ByteSize(5000)))))) as made:
            assert arrives(made, "a", "10.77.0.2", "b")
            assert flood(made) == []
            assert made.shapers["a.eth0", "outbound"].statistics().dropped > 30

    sandboxed(check)


def test_a_cable_that_cannot_be_asked_is_told_and_the_others_are_read() -> None:
    def check() -> None:
        with built(pair(Link(bandwidth=slow(queue=ByteSize(5000))))) as made:
            assert arrives(made, "a", "10.77.0.2", "b")
            flood(made)
            port = made.nics["a.eth0"]
            handle = next(each.handle for each in qdiscs.read(made.fabric.route, port.port_index) if each.handle)
            made.fabric.route.batch([qdiscs.remove(port.port_index, port.port_ifname, handle)])
            told: list[Event] = []
            ground = Ground(told.append, -1, rootless=True)
            ground.built = made
            ground.observe_cables()
            cable, trouble = sorted(told, key=lambda each: each.kind)
            assert isinstance(cable, Cable) and cable.dropped["queue"] > 30
            assert isinstance(trouble, Trouble) and "somebody else removed our qdisc" in trouble.what

    sandboxed(check)


@pytest.mark.parametrize("wire", [False, True])
def test_a_nic_without_carrier_takes_its_cable_along(wire: bool) -> None:
    def check() -> None:
        with built(pair(Link(), wire)) as made:
            nic, other = made.nics["a.eth0"], made.nics["b.eth0"]
            assert nic.cable is not None
            expected = {nic.cable.indexes[1], other.port_index} if wire else {nic.cable.indexes[1]}
            assert set(nic.far_port_indexes) == expected
            links.set_down(made.fabric, nic.cable.indexes[1])
            assert links.operstate(made.fabric, nic.cable.indexes[0]) != "UP"
            assert not links.flowing(made, nic)
            links.set_up(made.fabric, nic.cable.indexes[1])
            links.wait_up(made.fabric, dict.fromkeys(nic.cable.indexes, ""), deadline=float("inf"))
            assert links.flowing(made, nic) and arrives(made, "b", "10.77.0.1", "a")

    sandboxed(check)


def fits(made: Built, ip: str, size: int) -> bool:
    """Whether an IP packet of so many bytes gets from a to b; it may not be fragmented."""
    six = ":" in ip
    family = socket.AF_INET6 if six else socket.AF_INET
    with (
        made.hosts["b"].socket(family, socket.SOCK_DGRAM) as receiver,
        made.hosts["a"].socket(family, socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind((ip, 4000))
        receiver.settimeout(0.2)
        if six:
            sender.setsockopt(socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, IP_PMTUDISC_PROBE)
            sender.setsockopt(socket.IPPROTO_IPV6, IPV6_DONTFRAG, 1)
        else:
            sender.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)
        sender.sendto(b"x" * (size - (48 if six else 28)), (ip, 4000))
        try:
            return bool(receiver.recv(65536))
        except TimeoutError:
            return False


@pytest.mark.parametrize("cables", [(), ("a.eth0", "b.eth0")])
@pytest.mark.parametrize("nic", ["a.eth0", "b.eth0"])
def test_a_path_takes_just_so_many_bytes(nic: str, cables: tuple[str, ...]) -> None:
    def check() -> None:
        with built(pair(cables=cables)) as made:
            rules = firewall.drop_larger(made.fabric, made.nics[nic].port_ifname, 1300)
            for ip in ("10.77.0.2", "fd77::2"):
                assert arrives(made, "a", ip, "b")
                assert (fits(made, ip, 1300), fits(made, ip, 1301)) == (True, False)
            rules.remove()
            assert fits(made, "10.77.0.2", 1500)

    sandboxed(check)


@pytest.mark.parametrize("first", ["one", "other"])
def test_the_least_mtu_holds_and_what_was_there_comes_back_in_any_order(first: str) -> None:
    def check() -> None:
        with built(pair()) as made:
            nic = made.nics["a.eth0"]
            owner = made.mtus["a.eth0"]

            def both() -> tuple[int, int]:
                return links.read(made.hosts["a"], nic.index).mtu, links.read(made.fabric, nic.port_index).mtu

            owner.ask("one", 1400)
            owner.ask("other", 1300)
            assert both() == (1300, 1300)
            owner.withdraw(first)
            assert both() == ((1300, 1300) if first == "one" else (1400, 1400))
            before = links.snapshot(made.hosts["a"], nic.index)
            links.move(made.hosts["a"], nic.index, made.limbo)
            owner.withdraw("other" if first == "one" else "one")
            links.move(made.limbo, nic.index, made.hosts["a"])
            links.restore(made.hosts["a"], nic.index, before)
            assert both() == (1500, 1500)

    sandboxed(check)


def test_a_path_between_two_cables_is_cut_and_joined() -> None:
    def check() -> None:
        with built(pair(cables=("a.eth0", "b.eth0"))) as made:
            assert arrives(made, "a", "10.77.0.2", "b")
            rules = firewall.drop_on_path(made.fabric, [("10.77.0.1", "10.77.0.2")])
            assert not arrives(made, "a", "10.77.0.2", "b", within_s=0.1)
            assert arrives(made, "b", "10.77.0.1", "a")
            rules.remove()
            assert arrives(made, "a", "10.77.0.2", "b")

    sandboxed(check)


NAMES = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=6, unique=True)


@given(hosts=NAMES, data=st.data())
def test_whatever_the_topology_each_link_has_an_index_and_a_name_of_its_own(hosts: list[str], data: Any) -> None:
    nics = [f"{host}.eth{n}" for host in hosts for n in range(data.draw(st.integers(1, 3)))]
    places = data.draw(st.lists(st.sampled_from(["", "s1", "s2"]), min_size=len(nics), max_size=len(nics)))
    cables = tuple(data.draw(st.lists(st.sampled_from(nics), unique=True)))
    members = {name: tuple(nic for nic, place in zip(nics, places) if place == name) for name in ("s1", "s2")}
    topology = Topology(
        hosts={host: Host(nics={n.split(".")[1]: Nic() for n in nics if n.split(".")[0] == host}) for host in hosts},
        switches={"s1": (*members["s1"], "s2"), "s2": members["s2"]},
        cables=cables,
    )
    made = plan(topology)
    ports = [nic.port_index for nic in made.nics.values()]
    ends = [index for trunk in made.trunks for index in trunk.indexes]
    bridges = [bridge.index for bridge in made.bridges.values()]
    everything = [*ports, *ends, *bridges, *(nic.index for nic in made.nics.values())]
    assert len(set(everything)) == len(everything)
    assert max(bridges) < FIRST_PORT and min(bridges) >= FIRST_SWITCH
    names = [*made.links().values(), *(bridge.ifname for bridge in made.bridges.values())]
    assert len(set(names)) == len(names) and all(len(name) <= 15 for name in names)
    plugged = {nic for nic, place in zip(nics, places) if place}
    assert {name for name, nic in made.nics.items() if nic.cable} == plugged & set(cables)
    assert len(set(made.ports().values())) == len(made.ports())
