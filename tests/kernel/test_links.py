"""Links that go and come back: nothing passes once they are down, nothing is missing once they are back."""

from __future__ import annotations

import os
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterator
from itertools import islice

import pytest

from netlab.errors import KernelError, StepError
from netlab.kernel import links, sysctl
from netlab.kernel.namespaces import Namespace
from netlab.kernel.topology import Built, LiveNic
from netlab.spec import Host, Nic, Route, Topology
from tests.kernel.lab import arrives, built, output, two
from tests.sandbox import sandboxed

SO_TIMESTAMPNS = 35
SECOND = 10**9


def furnished() -> Topology:
    """A server that has something of everything a NIC can lose."""
    return two(
        routes=(Route(to="default", via="10.77.0.254"), Route(to="default", via="fd77::fe")),
        neighbours=("client.nic-b",),
        sysctls={"net.ipv4.conf.nic-a.arp_ignore": "1", "net.ipv6.neigh.nic-a.gc_stale_time": "77"},
    )


def remove(made: Built, nic: LiveNic) -> None:
    links.move(made.hosts[nic.host], nic.index, made.limbo)


def put_back(made: Built, nic: LiveNic) -> None:
    links.move(made.limbo, nic.index, made.hosts[nic.host])


def down(made: Built, nic: LiveNic) -> None:
    links.set_down(made.hosts[nic.host], nic.index)


def up(made: Built, nic: LiveNic) -> None:
    links.set_up(made.hosts[nic.host], nic.index)


def cut(made: Built, nic: LiveNic) -> None:
    links.set_down(made.fabric, nic.port_index)


def mend(made: Built, nic: LiveNic) -> None:
    links.set_up(made.fabric, nic.port_index)


Way = Callable[[Built, LiveNic], None]
WAYS = pytest.mark.parametrize(
    ("go", "come"), [(remove, put_back), (down, up), (cut, mend)], ids=["remove", "down", "cable"]
)


def told(host: Namespace) -> dict[str, list[str]]:
    """What ip(8) says of the host: the oracle of "everything is back"."""
    commands = {
        "addresses": ("addr", "show"),
        "IPv4 routes": ("route", "show", "table", "all"),
        "IPv6 routes": ("-6", "route", "show", "table", "all"),
        "neighbours": ("neigh", "show", "nud", "permanent"),
    }
    return {name: sorted(output(host, "ip", *argv).splitlines()) for name, argv in commands.items()}


def wait_flowing(made: Built, nic: LiveNic) -> None:
    deadline = time.monotonic() + 5
    while not links.flowing(made, nic):
        assert time.monotonic() < deadline, "the link does not come up"


@WAYS
def test_replug_restores_mac_addresses_routes_neighbours_and_sysctls(go: Way, come: Way) -> None:
    def check() -> None:
        with built(furnished()) as made:
            nic, host = made.nics["server.nic-a"], made.hosts["server"]
            sysctl.write(host, "net.ipv4.conf.nic-a.rp_filter", "2")
            output(host, "ip", "addr", "add", "10.88.0.1/16", "dev", "nic-a", "label", "nic-a:x")
            output(
                host,
                "ip",
                "route",
                "add",
                "10.99.0.0/16",
                "dev",
                "nic-a",
                "metric",
                "7",
                "table",
                "42",
                "src",
                "10.88.0.1",
            )
            output(
                host,
                "tc",
                "qdisc",
                "add",
                "dev",
                "nic-a",
                "root",
                "handle",
                "7:",
                "tbf",
                "rate",
                "1mbit",
                "burst",
                "9k",
                "latency",
                "50ms",
            )
            before, qdiscs = told(host), output(host, "tc", "qdisc", "show", "dev", "nic-a")
            state = links.snapshot(host, nic.index)
            go(made, nic)
            come(made, nic)
            links.restore(host, nic.index, state)
            wait_flowing(made, nic)
            assert told(host) == before
            assert output(host, "tc", "qdisc", "show", "dev", "nic-a") == qdiscs
            assert sysctl.read(host, "net.ipv4.conf.nic-a.rp_filter") == "2"
            assert links.snapshot(host, nic.index) == state

    sandboxed(check)


@WAYS
@pytest.mark.parametrize("ip", ["10.77.0.1", "fd77::1"])
def test_the_first_packet_after_replug_arrives(go: Way, come: Way, ip: str) -> None:
    def check() -> None:
        with built(two()) as made:
            nic, host = made.nics["server.nic-a"], made.hosts["server"]
            for _ in range(10):
                state = links.snapshot(host, nic.index)
                go(made, nic)
                come(made, nic)
                links.restore(host, nic.index, state)
                wait_flowing(made, nic)
                assert arrives(made, "client", ip, "server")

    sandboxed(check)


def test_two_nics_of_one_name_can_be_in_limbo_at_once() -> None:
    def check() -> None:
        hosts = {name: Host(nics={"eth0": Nic(ip=(f"10.0.0.{n}/24",))}) for n, name in enumerate("ab", 1)}
        with built(Topology(hosts=hosts, switches={"s": ("a.eth0", "b.eth0")})) as made:
            nics = [made.nics["a.eth0"], made.nics["b.eth0"]]
            states = [links.snapshot(made.hosts[nic.host], nic.index) for nic in nics]
            for nic in nics:
                remove(made, nic)
            for nic, state in zip(nics, states):
                put_back(made, nic)
                links.restore(made.hosts[nic.host], nic.index, state)
                wait_flowing(made, nic)
            assert [links.read(made.hosts[nic.host], nic.index).ifname for nic in nics] == ["eth0", "eth0"]
            assert arrives(made, "a", "10.0.0.2", "b")

    sandboxed(check)


def test_a_removed_nic_comes_back_without_offloads() -> None:
    def check() -> None:
        from netlab.kernel import offloads

        with built(two()) as made:
            nic = made.nics["server.nic-a"]
            state = links.snapshot(made.hosts["server"], nic.index)
            remove(made, nic)
            put_back(made, nic)
            links.restore(made.hosts["server"], nic.index, state)
            assert not offloads.enabled(made.hosts["server"], "nic-a")

    sandboxed(check)


def test_restore_names_what_did_not_come_back() -> None:
    def check() -> None:
        with built(furnished()) as made:
            nic, host = made.nics["server.nic-a"], made.hosts["server"]
            state = links.snapshot(host, nic.index)
            down(made, nic)
            sysctl.write(host, "net.ipv6.conf.nic-a.disable_ipv6", "1")
            kept = {name: value for name, value in state.sysctls.items() if "disable_ipv6" not in name}
            with pytest.raises((StepError, KernelError), match=r"fd77::1|IPv6"):
                links.restore(host, nic.index, links.NicState(state.link, state.rows, kept))

    sandboxed(check)


def test_moving_to_a_taken_index_is_an_error() -> None:
    def check() -> None:
        with built(two()) as made:
            nic = made.nics["server.nic-a"]
            output(made.limbo, "ip", "link", "add", "name", "other", "index", str(nic.index), "type", "veth")
            with pytest.raises(KernelError, match="move it to limbo"):
                remove(made, nic)

    sandboxed(check)


def test_a_link_that_is_down_takes_the_carrier_of_its_other_end() -> None:
    def check() -> None:
        with built(two()) as made:
            nic = made.nics["server.nic-a"]
            ends = (made.hosts["server"], nic.index), (made.fabric, nic.port_index)

            def states() -> list[tuple[bool, str]]:
                return [(found.up, found.operstate) for found in (links.read(*end) for end in ends)]

            assert states() == [(True, "UP"), (True, "UP")]
            down(made, nic)
            assert states() == [(False, "DOWN"), (True, "DOWN")]
            up(made, nic)
            wait_flowing(made, nic)
            cut(made, nic)
            assert states() == [(True, "DOWN"), (False, "DOWN")]

    sandboxed(check)


@WAYS
@pytest.mark.parametrize("sender", ["server", "client"])
def test_no_packet_is_seen_after_the_link_is_gone(go: Way, come: Way, sender: str) -> None:
    """At the NIC and at its port, while one of the two hosts floods the other."""

    def check() -> None:
        with built(two()) as made:
            nic = made.nics["server.nic-a"]
            taps = [tap(made.hosts["server"]), tap(made.fabric)]
            for _ in range(5):
                flooder = flood(made, sender, "10.77.0.1" if sender == "client" else "10.77.0.2")
                try:
                    wait_for_traffic(taps[1])
                    state = links.snapshot(made.hosts["server"], nic.index)
                    go(made, nic)
                    gone = time.time_ns()
                    time.sleep(0.02)  # time is the subject: what comes in it comes too late
                finally:
                    os.kill(flooder, signal.SIGKILL)
                    os.waitpid(flooder, 0)
                late = [
                    (name, at - gone)
                    for one in taps
                    for name, at in sightings(one)
                    if name in ("nic-a", nic.port_ifname) and at > gone
                ]
                assert not late
                come(made, nic)
                links.restore(made.hosts["server"], nic.index, state)
                wait_flowing(made, nic)

    sandboxed(check)


def tap(namespace: Namespace) -> socket.socket:
    made = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 20)
    made.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    made.setblocking(False)
    return made


def sightings(one: socket.socket) -> Iterator[tuple[str, int]]:
    """Interface and time (CLOCK_REALTIME, ns) of each packet that waits."""
    while True:
        try:
            _, ancillary, _, place = one.recvmsg(64, 64)
        except BlockingIOError:
            return
        seconds, nanoseconds = struct.unpack("qq", ancillary[0][2])
        yield place[0], seconds * SECOND + nanoseconds


def wait_for_traffic(one: socket.socket) -> None:
    deadline = time.monotonic() + 5
    while len(list(islice(sightings(one), 100))) < 100:  # all of them would be too many: more come than can be read
        assert time.monotonic() < deadline, "the flood does not come"
        time.sleep(0.005)


def flood(made: Built, sender: str, ip: str) -> int:
    """A process that sends datagrams as fast as it can."""
    pid = os.fork()
    if pid:
        return pid
    signal.alarm(10)
    with made.hosts[sender].socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        while True:
            try:
                sock.sendto(bytes(50), (ip, 9))
            except OSError:
                time.sleep(0.0001)


def test_a_mac_changed_by_a_program_comes_back_as_it_was() -> None:
    def check() -> None:
        with built(two()) as made:
            nic, host = made.nics["server.nic-a"], made.hosts["server"]
            output(host, "ip", "link", "set", "dev", "nic-a", "address", "02:00:00:00:00:99")
            state = links.snapshot(host, nic.index)
            down(made, nic)
            output(host, "ip", "link", "set", "dev", "nic-a", "address", "02:00:00:00:00:77")
            links.restore(host, nic.index, state)
            assert links.read(host, nic.index).mac == "02:00:00:00:00:99"

    sandboxed(check)
