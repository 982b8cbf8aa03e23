"""Built topologies, against what ip(8) and the first packets say."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
import time
from pathlib import Path

import pytest

from netlab.errors import KernelError, UsageError
from netlab.kernel import links, topology
from netlab.kernel.namespaces import Namespace
from netlab.spec import Host, Nic, Route, Topology
from tests.kernel.lab import arrives, built, count, output, two
from tests.sandbox import sandboxed
from tests.wire.tshark import needs_tshark


def shown(namespace: Namespace, *argv: str) -> list[dict[str, object]]:
    return json.loads(output(namespace, "ip", "-j", *argv))


def test_a_nic_has_its_name_mac_mtu_and_addresses() -> None:
    def check() -> None:
        wanted = Topology(
            hosts={
                "server": Host(nics={"nic-a": Nic(ip=("10.0.0.1/24", "fd00::1/64"), mac="02:00:00:00:00:0A", mtu=1400)})
            }
        )
        with built(wanted) as made:
            [nic] = shown(made.hosts["server"], "addr", "show", "dev", "nic-a")
            assert (nic["address"], nic["mtu"], nic["operstate"]) == ("02:00:00:00:00:0a", 1400, "UP")
            found = {f"{a['local']}/{a['prefixlen']}" for a in nic["addr_info"]}  # type: ignore[attr-defined]
            assert found == {"10.0.0.1/24", "fd00::1/64", "fe80::ff:fe00:a/64"}
            live = made.nics["server.nic-a"]
            assert (live.index, live.mac, live.ifname) == (nic["ifindex"], "02:00:00:00:00:0a", "nic-a")

    sandboxed(check)


def test_default_macs_follow_from_the_place_and_avoid_given_ones() -> None:
    def check() -> None:
        hosts = {
            "a": Host(nics={"x": Nic(), "y": Nic()}),
            "b": Host(nics={"x": Nic(mac="02:00:00:00:01:01"), "y": Nic()}),
        }
        with built(Topology(hosts=hosts)) as made:
            assert [nic.mac for nic in made.nics.values()] == [
                "02:00:01:00:01:01",
                "02:00:00:00:01:02",
                "02:00:00:00:01:01",
                "02:00:00:00:02:02",
            ]
            for nic in made.nics.values():
                assert links.read(made.hosts[nic.host], nic.index).mac == nic.mac

    sandboxed(check)


@pytest.mark.parametrize("ip", ["10.77.0.1", "fd77::1"])
def test_the_first_packet_after_building_arrives(ip: str) -> None:
    def check() -> None:
        for _ in range(20):
            with built(two()) as made:
                assert arrives(made, "client", ip, "server")

    sandboxed(check)


def test_ports_are_named_after_switch_and_nic() -> None:
    def check() -> None:
        wanted = Topology(
            hosts={name: Host(nics={"eth0": Nic(ip=(f"10.0.0.{n}/24",))}) for n, name in enumerate("abcde", 1)},
            switches={"left": ("a.eth0", "right"), "right": ("b.eth0", "left")},
            wires={"cross": ("c.eth0", "d.eth0")},
        )
        with built(wanted) as made:
            assert sorted(made.ports.values()) == [
                "cross:c.eth0",
                "cross:d.eth0",
                "left:a.eth0",
                "left:right",
                "right:b.eth0",
                "right:left",
                "unplugged:e.eth0",
            ]
            for index, name in made.ports.items():
                assert links.operstate(made.fabric, index) == "UP", name
            c, d = made.nics["c.eth0"], made.nics["d.eth0"]
            assert (c.far_port_indexes, d.far_port_indexes) == ((d.port_index,), (c.port_index,))
            assert made.nics["a.eth0"].far_port_indexes == ()
            assert arrives(made, "a", "10.0.0.2", "b"), "over the trunk"
            assert arrives(made, "c", "10.0.0.4", "d"), "over the wire"
            assert not arrives(made, "a", "10.0.0.3", "c", within_s=0.1), "from a switch to a wire"

    sandboxed(check)


def test_a_router_forwards_both_families() -> None:
    def check() -> None:
        wanted = Topology(
            hosts={
                "a": Host(
                    nics={"eth0": Nic(ip=("10.1.0.2/24", "fd01::2/64"))},
                    routes=(Route(to="default", via="10.1.0.1"), Route(to="fd02::/64", via="fd01::1")),
                ),
                "r": Host(
                    nics={
                        "left": Nic(ip=("10.1.0.1/24", "fd01::1/64")),
                        "right": Nic(ip=("10.2.0.1/24", "fd02::1/64")),
                    },
                    forward=True,
                ),
                "b": Host(
                    nics={"eth0": Nic(ip=("10.2.0.2/24", "fd02::2/64"))},
                    routes=(Route(to="10.1.0.0/24", via="10.2.0.1"), Route(to="default", via="fd02::1")),
                ),
            },
            wires={"one": ("a.eth0", "r.left"), "two": ("r.right", "b.eth0")},
        )
        with built(wanted) as made:
            assert arrives(made, "a", "10.2.0.2", "b")
            assert arrives(made, "b", "10.1.0.2", "a")
            assert arrives(made, "a", "fd02::2", "b")
            assert arrives(made, "b", "fd01::2", "a")

    sandboxed(check)


def test_bound_neighbours_are_permanent_in_both_families_and_nobody_asks() -> None:
    def check() -> None:
        wanted = two(neighbours=("client.nic-b",))
        with built(wanted) as made:
            mac = made.nics["client.nic-b"].mac
            rows = shown(made.hosts["server"], "neigh", "show")
            assert {(row["dst"], row["lladdr"], *row["state"]) for row in rows} == {  # type: ignore[misc]
                ("10.77.0.2", mac, "PERMANENT"),
                ("fd77::2", mac, "PERMANENT"),
            }

    sandboxed(check)


def test_sysctls_of_the_lab_are_set_also_those_of_a_nic() -> None:
    def check() -> None:
        values = {
            "net.ipv4.tcp_orphan_retries": "1",
            "net.ipv4.conf.nic-a.arp_ignore": "1",
            "net.ipv4.neigh.nic-a.base_reachable_time_ms": "5000",
            "net.ipv4.tcp_congestion_control": "reno",
        }
        with built(two(sysctls=values)) as made:
            for name, value in values.items():
                assert output(made.hosts["server"], "cat", f"/proc/sys/{name.replace('.', '/')}").strip() == value

    sandboxed(check)


def test_a_refused_sysctl_names_its_host_and_leaves_nothing() -> None:
    def check() -> None:
        before = count("/proc/self/fd")
        with pytest.raises(KernelError, match=r"set sysctl net.ipv4.nonsense to '1' in server: ENOENT"):
            topology.build(two(sysctls={"net.ipv4.nonsense": "1"}))
        assert count("/proc/self/fd") == before

    sandboxed(check)


@pytest.mark.parametrize(
    ("host", "said"),
    [
        (Host(nics={"eth0": Nic(ip=("10.0.0.1/24",))}, routes=(Route(to="default", via="10.9.0.1"),)), "next hop"),
        (Host(nics={"eth0": Nic(ip=("10.0.0.1/24",))}, neighbours=("b.eth0",)), "share no network"),
    ],
)
def test_what_cannot_be_built_is_the_users_mistake(host: Host, said: str) -> None:
    def check() -> None:
        other = Host(nics={"eth0": Nic(ip=("10.5.0.1/24",))})
        with pytest.raises(UsageError, match=said):
            topology.build(Topology(hosts={"a": host, "b": other}))

    sandboxed(check)


def test_a_wire_hands_over_frames_that_a_switch_keeps() -> None:
    """LLDP (01:80:c2:00:00:0e): a bridge keeps it to itself, a cable does not. Source: IEEE 802.1Q table 8-1."""

    def check() -> None:
        hosts = {name: Host(nics={"eth0": Nic(ip=(f"10.0.0.{n}/24",))}) for n, name in enumerate("abcd", 1)}
        wanted = Topology(hosts=hosts, switches={"switch": ("a.eth0", "b.eth0")}, wires={"wire": ("c.eth0", "d.eth0")})
        with built(wanted) as made:
            assert frame_arrives(made.hosts["c"], made.hosts["d"], "0180c200000e")
            assert not frame_arrives(made.hosts["a"], made.hosts["b"], "0180c200000e", within_s=0.1)
            assert frame_arrives(made.hosts["a"], made.hosts["b"], "ffffffffffff")

    sandboxed(check)


def frame_arrives(source: Namespace, target: Namespace, to: str, within_s: float = 1.0) -> bool:
    ethertype = 0x88B5  # IEEE 802.1 local experimental
    with (
        target.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ethertype)) as receiver,
        source.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender,
    ):
        receiver.settimeout(within_s)
        sender.bind(("eth0", 0))
        sender.send(bytes.fromhex(to + "020000000001") + ethertype.to_bytes(2) + bytes(50))
        try:
            return len(receiver.recv(100)) > 0
        except TimeoutError:
            return False


@needs_tshark
def test_a_long_send_is_captured_in_frames_with_true_checksums(tmp_path: Path) -> None:
    """tshark, which nobody here wrote, finds no frame beyond the MTU and no bad checksum."""

    def check() -> None:
        for offloads in (False, True):
            file = tmp_path / f"{offloads}.pcap"
            longest, bad = sent_at_length(two(offloads=offloads), file)
            assert (longest <= 1514 and bad == 0) is (not offloads), (offloads, longest, bad)

    sandboxed(check)


def sent_at_length(wanted: Topology, file: Path) -> tuple[int, int]:
    """The longest frame and the number of bad checksums on the server's NIC while it sends 200 kB."""
    with built(wanted) as made, contextlib.ExitStack() as stack:
        tap = stack.enter_context(made.hosts["server"].socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)))
        listener = stack.enter_context(made.hosts["client"].socket(socket.AF_INET, socket.SOCK_STREAM))
        sender = stack.enter_context(made.hosts["server"].socket(socket.AF_INET, socket.SOCK_STREAM))
        listener.bind(("10.77.0.2", 4000))
        listener.listen(1)
        sender.connect(("10.77.0.2", 4000))
        receiver = stack.enter_context(listener.accept()[0])
        frames = send_and_watch(sender, receiver, tap)
    write_pcap(file, frames)
    checks = ("-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-Y", "tcp.checksum.status == 0")
    report = output(made_here(), "tshark", "-r", str(file), *checks, "-T", "fields", "-e", "frame.number")
    own = bytes.fromhex("02000000000a")
    return max(len(frame) for frame in frames if frame[6:12] == own), len(report.split())


def send_and_watch(sender: socket.socket, receiver: socket.socket, tap: socket.socket) -> list[bytes]:
    sender.setblocking(False)
    tap.setblocking(False)
    frames: list[bytes] = []
    left, got = 200_000, 0
    while got < 200_000:
        with contextlib.suppress(BlockingIOError):
            left -= sender.send(bytes(left)) if left else 0
        got += len(receiver.recv(1 << 16))
        with contextlib.suppress(BlockingIOError):
            while True:
                frames.append(tap.recv(1 << 17))
    return frames


def write_pcap(file: Path, frames: list[bytes]) -> None:
    with file.open("wb") as pcap:
        pcap.write(struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 17, 1))
        for frame in frames:
            pcap.write(struct.pack("=IIII", 0, 0, len(frame), len(frame)) + frame)


def made_here() -> Namespace:
    from netlab.kernel import namespaces

    return namespaces.current("here")


def test_ipv4_only_hosts_say_nothing_by_themselves() -> None:
    """No neighbour discovery, no MLD, no router solicitation in the two seconds after building."""

    def check() -> list[bytes]:
        hosts = {name: Host(nics={"eth0": Nic(ip=(f"10.0.0.{n}/24",))}) for n, name in enumerate("ab", 1)}
        with (
            built(Topology(hosts=hosts, switches={"s": ("a.eth0", "b.eth0")})) as made,
            made.fabric.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as tap,
        ):
            tap.settimeout(2)
            try:
                return [tap.recv(200)]
            except TimeoutError:
                return []

    assert sandboxed(check) == []


def test_ipv6_hosts_are_silent_once_built() -> None:
    """The MLD reports of the addresses given come out within milliseconds, and only once more."""

    def check() -> list[str]:
        late: list[str] = []
        with (
            built(two()) as made,
            made.fabric.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as tap,
        ):
            began = time.monotonic()
            tap.settimeout(2)
            while True:
                try:
                    frame = tap.recv(200)
                except TimeoutError:
                    return late
                if time.monotonic() - began > 0.2:
                    late.append(frame.hex())

    assert sandboxed(check) == []


def test_building_twice_gives_equal_links() -> None:
    def check() -> list[str]:
        seen = []
        for _ in range(2):
            with built(two()) as made:
                text = output(made.hosts["server"], "ip", "-d", "link", "show", "dev", "nic-a")
                seen.append(re.sub(r"link-netnsid \d+", "", text))
        return seen

    one, two_ = sandboxed(check)
    assert one == two_


def test_the_hosts_own_namespace_is_left_alone() -> None:
    def check() -> None:
        here = made_here()
        before = output(here, "ip", "-d", "addr"), output(here, "cat", "/proc/sys/net/ipv4/tcp_congestion_control")
        with built(two()):
            pass
        assert before == (
            output(here, "ip", "-d", "addr"),
            output(here, "cat", "/proc/sys/net/ipv4/tcp_congestion_control"),
        )

    sandboxed(check)
