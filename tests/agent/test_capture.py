"""The wire's witness against the real kernel: every NIC and port, from the first frame to the last."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import time
from pathlib import Path

import pytest

from netlab.agent.capture import Sighting
from netlab.kernel import links
from netlab.spec import Host, Nic, Route, Topology
from netlab.wire.segments import Observed, observe
from netlab.wire.spool import CaptureEnd, Packet, Spool
from tests.agent.watched import SERVER, Watched, ended, saved, watch
from tests.wire.tshark import fields, needs_tshark

POINTS = {"client.nic-b", "router:client.nic-b", "router:server.nic-a", "server.nic-a"}


def read(watched: Watched) -> list[Packet]:
    with Spool(watched.spool) as spool:
        return list(spool.packets())


def seen(watched: Watched) -> Observed:
    with Spool(watched.spool) as spool:
        return observe(spool.packets(), watched.owners, spool.offset_ns)


def datagrams(watched: Watched, count: int, size: int = 100, host: str = "client", to: str = SERVER) -> None:
    with watched.built.hosts[host].socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(count):
            sender.sendto(bytes(size), (to, 9))


def udp_at(packets: list[Packet], point: str) -> int:
    return sum(
        packet.point == point and packet.data[12:14] == b"\x08\x00" and packet.data[23] == 17 for packet in packets
    )


def test_a_conversation_is_seen_whole_at_every_nic_and_port() -> None:
    async def story(watched: Watched) -> tuple[Observed, CaptureEnd, int, int]:
        before = time.monotonic_ns()
        watched.talk()
        after = time.monotonic_ns()
        end = await ended(watched)
        return seen(watched), end, before, after

    observed, end, before, after = watch(story)
    assert [segment.flags for segment in observed.segments[:5]] == ["S", "S.", ".", "P.", "."]
    assert observed.segments[3].payload == b"hello"
    assert sorted(segment.flags for segment in observed.segments if "F" in segment.flags) == ["F.", "F."]
    for segment in observed.segments:
        assert set(segment.packets) == POINTS
        assert segment.sent_ns is not None and segment.arrived_ns is not None and segment.lost_after is None
        assert before <= segment.sent_ns < segment.arrived_ns <= after
        assert {segment.from_, segment.to} == {"client", "server"}
    assert end.failed is None and end.troubles(0) == []
    assert {one.namespace for one in end.counted} == {"server", "client", "fabric"}
    assert all(one.frames == one.packets and one.drops == 0 for one in end.counted)


def test_ipv6_and_neighbour_discovery_are_seen() -> None:
    async def story(watched: Watched) -> Observed:
        watched.talk("fd00:77::1")
        await ended(watched)
        return seen(watched)

    observed = watch(story)
    assert [segment.flags for segment in observed.segments[:4]] == ["S", "S.", ".", "P."]
    assert all(set(segment.packets) == POINTS for segment in observed.segments)
    texts = [frame.text for frame in observed.frames]
    assert "neighbor solicitation, who has fd00:77::1" in texts and "neighbor advertisement, tgt is fd00:77::1" in texts


def test_a_host_that_talks_to_itself_is_seen_on_lo() -> None:
    async def story(watched: Watched) -> Observed:
        watched.talk(host="server")
        await ended(watched)
        return seen(watched)

    observed = watch(story)
    assert [segment.flags for segment in observed.segments[:4]] == ["S", "S.", ".", "P."]
    for segment in observed.segments:
        assert list(segment.packets) == ["server.lo"] and (segment.from_, segment.to) == ("server", "server")


def test_a_router_is_one_more_place_on_the_way() -> None:
    topology = Topology(
        hosts={
            "server": Host(nics={"nic": Nic(ip=("10.1.0.1/24",))}, routes=(Route(to="10.2.0.0/24", via="10.1.0.9"),)),
            "middle": Host(nics={"left": Nic(ip=("10.1.0.9/24",)), "right": Nic(ip=("10.2.0.9/24",))}, forward=True),
            "client": Host(nics={"nic": Nic(ip=("10.2.0.1/24",))}, routes=(Route(to="10.1.0.0/24", via="10.2.0.9"),)),
        },
        wires={"one": ("server.nic", "middle.left"), "two": ("middle.right", "client.nic")},
    )

    async def story(watched: Watched) -> Observed:
        watched.talk("10.1.0.1")
        await ended(watched)
        return seen(watched)

    first = watch(story, topology).segments[0]
    assert list(first.packets) == [
        *("client.nic", "two:client.nic", "two:middle.right", "middle.right"),
        *("middle.left", "one:middle.left", "one:server.nic", "server.nic"),
    ]
    assert (first.from_, first.to, first.lost_after) == ("client", "server", None)


def test_what_was_sent_just_before_the_end_is_in_the_spool() -> None:
    async def story(watched: Watched) -> tuple[list[Packet], CaptureEnd]:
        datagrams(watched, 1)  # the neighbour is known from here on
        datagrams(watched, 500)
        end = await watched.capture.stop()
        return read(watched), end

    packets, end = watch(story)
    assert udp_at(packets, "client.nic-b") == 501
    assert end.failed is None


def test_nothing_is_seen_after_the_end() -> None:
    async def story(watched: Watched) -> tuple[int, int]:
        await watched.capture.stop()
        before = os.fstat(watched.spool).st_size
        datagrams(watched, 10)
        await watched.capture.gone()
        return before, os.fstat(watched.spool).st_size

    before, after = watch(story)
    assert before == after


def test_a_nic_that_left_and_came_back_is_still_seen() -> None:
    async def story(watched: Watched) -> list[Packet]:
        nic, server = watched.built.nics["server.nic-a"], watched.built.hosts["server"]
        links.move(server, nic.index, watched.built.limbo)
        links.move(watched.built.limbo, nic.index, server)
        links.set_up(server, nic.index)
        await asyncio.to_thread(links.wait_up, server, {nic.index: nic.name}, time.monotonic() + 5)
        before = time.time_ns()
        datagrams(watched, 5)  # the server lost its address: what reaches it is the question who has it
        await ended(watched)
        return [packet for packet in read(watched) if packet.time_ns >= before]

    assert "server.nic-a" in {packet.point for packet in watch(story)}


def test_an_interface_that_is_named_late_is_seen_from_its_first_frame() -> None:
    async def story(watched: Watched) -> tuple[list[Packet], list[str]]:
        watched.talk()
        watched.capture.map("client", 4242, "client.later")
        watched.capture.map("client", watched.built.nics["client.nic-b"].index, "client.other-name")
        names = watched.capture.names()
        await ended(watched)
        return read(watched), names

    packets, names = watch(story)
    assert {"client.later", "client.other-name"} <= set(names)
    points = {packet.point for packet in packets}
    assert "client.other-name" in points and "client.nic-b" not in points


def test_a_frame_is_kept_up_to_the_snap_length() -> None:
    async def story(watched: Watched) -> list[Packet]:
        datagrams(watched, 3, size=1000)
        await ended(watched)
        return read(watched)

    long = [packet for packet in watch(story, snap=60) if packet.length == 1042]
    assert len(long) == 12 and {len(packet.data) for packet in long} == {60}


def test_a_frame_of_a_full_ring_is_counted_as_dropped() -> None:
    async def story(watched: Watched) -> tuple[CaptureEnd, list[Packet]]:
        datagrams(watched, 1)
        os.kill(watched.capture.pid, signal.SIGSTOP)
        datagrams(watched, 2000, size=1000)
        os.kill(watched.capture.pid, signal.SIGCONT)
        end = await ended(watched)
        return end, read(watched)

    end, packets = watch(story, ring=64 * 1024)
    client = next(one for one in end.counted if one.namespace == "client")
    assert client.drops > 1000 and client.frames == client.packets - client.drops
    assert sum(packet.point.startswith("client.") for packet in packets) == client.frames
    assert any(trouble.witness == "wire" and "client: dropped" in trouble.what for trouble in end.troubles(0))


def test_a_capture_process_that_is_killed_is_trouble_but_does_not_end_the_run() -> None:
    async def story(watched: Watched) -> tuple[CaptureEnd, str | None, Observed]:
        found: list[Sighting] = []
        watched.capture.follow(found.append)
        watched.talk()
        while not any("F" in sighting.segment.flags for sighting in found):
            await asyncio.sleep(0.001)
        os.kill(watched.capture.pid, signal.SIGKILL)
        await watched.capture.gone()
        watched.talk()
        watched.capture.unfollow(found.append)
        return await watched.capture.stop(), watched.capture.died, seen(watched)

    end, died, observed = watch(story)
    assert died == "the capture process was killed by SIGKILL: what came later was not seen"
    assert [trouble.what for trouble in end.troubles(0)] == [died]
    assert [segment.flags for segment in observed.segments[:4]] == ["S", "S.", ".", "P."]


def test_a_spool_that_cannot_grow_is_trouble() -> None:
    async def story(watched: Watched) -> CaptureEnd:
        resource.prlimit(watched.capture.pid, resource.RLIMIT_FSIZE, (100_000, 100_000))
        datagrams(watched, 500, size=1000)
        return await ended(watched)

    end = watch(story)
    assert end.failed is not None and end.failed.startswith("write the capture: ")
    assert all(one.frames == one.packets for one in end.counted)


def test_rings_that_the_machine_cannot_hold_are_refused_before_they_are_made() -> None:
    async def story(watched: Watched) -> None:
        raise AssertionError("it must not come to live")

    with pytest.raises(AssertionError, match=r"make 3 rings of 3145728 MiB together: ENOMEM; `capture: \{ring: …\}`"):
        watch(story, ring=2**40)


def test_the_capture_process_holds_nothing_but_what_it_needs() -> None:
    async def story(watched: Watched) -> tuple[str, set[str]]:
        folder = Path(f"/proc/{watched.capture.pid}")
        kinds = {str(link.readlink()).split(":")[0] for link in (folder / "fd").iterdir() if int(link.name) > 2}
        return (folder / "comm").read_text().strip(), {kind if "/" not in kind else "spool" for kind in kinds}

    name, kinds = watch(story)
    assert name == "netlab-capture"
    assert kinds <= {"socket", "anon_inode", "spool"}


def test_the_capture_process_dies_with_its_parent() -> None:
    async def story(watched: Watched) -> int:
        return watched.capture.pid

    pid = watch(story)  # its parent, the sandbox's child, ended without stopping it
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}").exists() and "Z" not in state(pid):
        assert time.monotonic() < deadline, f"process {pid} outlived its parent"


def state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"


# --- following ---


async def until(found: list[Sighting], flags: str) -> Sighting:
    async with asyncio.timeout(5):
        while True:
            for sighting in found:
                if sighting.segment.flags == flags:
                    return sighting
            await asyncio.sleep(0.0005)


def test_a_follower_learns_of_a_segment_within_milliseconds() -> None:
    async def story(watched: Watched) -> tuple[Sighting, int]:
        found: list[Sighting] = []
        watched.capture.follow(found.append)
        with watched.listen(), watched.connect():
            sighting = await until(found, "S.")
            return sighting, time.monotonic_ns() - sighting.time_ns

    sighting, late_ns = watch(story)
    assert (sighting.point in POINTS, sighting.segment.source.ip) == (True, SERVER)
    assert late_ns < 500_000_000  # 2 to 4 ms on an idle machine


def test_a_follower_may_ask_for_what_was_before_it_came() -> None:
    async def story(watched: Watched) -> tuple[set[str], set[str]]:
        watched.talk()
        between = time.monotonic_ns()
        with watched.listen(port=9001), watched.connect(port=9001):
            both: list[Sighting] = []
            second: list[Sighting] = []
            watched.capture.follow(both.append, since_ns=0)
            watched.capture.follow(second.append, since_ns=between)
            await until(both, "P.")
            await until(second, "S.")
        return (
            {str(s.segment.target.port) for s in both if s.segment.flags == "S"},
            {str(s.segment.target.port) for s in second if s.segment.flags == "S"},
        )

    both, second = watch(story)
    assert both == {"9000", "9001"} and second == {"9001"}


def test_who_no_longer_follows_hears_nothing_more() -> None:
    async def story(watched: Watched) -> tuple[int, int]:
        first: list[Sighting] = []
        other: list[Sighting] = []
        listen = first.append
        watched.capture.follow(listen)
        watched.talk()
        await until(first, "P.")
        watched.capture.unfollow(listen)
        before = len(first)
        watched.capture.follow(other.append)
        with watched.listen(port=9001), watched.connect(port=9001):
            await until(other, "S.")
        return before, len(first)

    before, after = watch(story)
    assert before == after


# --- the oracle ---


@needs_tshark
def test_tshark_agrees_on_every_packet_and_segment(tmp_path: Path) -> None:
    async def story(watched: Watched) -> tuple[list[Packet], Observed]:
        watched.talk()
        watched.talk("fd00:77::1")
        with watched.built.hosts["client"].socket(socket.AF_INET, socket.SOCK_STREAM) as nobody:
            assert nobody.connect_ex((SERVER, 4444)) != 0  # answered by RST
        await ended(watched)
        saved(watched, tmp_path)
        return read(watched), seen(watched)

    packets, observed = watch(story)
    names = ("frame.number", "frame.interface_name", "frame.time_epoch", "frame.packet_flags_direction")
    rows = fields(tmp_path / "capture.pcapng", *names)
    assert [(p.number, p.point, p.time_ns, p.direction) for p in packets] == [
        (int(number), point, int(when.replace(".", "")), "out" if int(way, 0) == 2 else "in")
        for number, point, when, way in rows
    ]
    names = ("frame.number", "tcp.flags", "tcp.seq_raw", "tcp.ack_raw", "tcp.len", "tcp.srcport")
    told = {row[0]: row[1:] for row in fields(tmp_path / "capture.pcapng", *names, only="tcp")}
    ours = {str(number): segment for segment in observed.segments for number in segment.packets.values()}
    assert ours.keys() == told.keys()
    assert any(segment.flags == "R." for segment in observed.segments)
    for number, segment in ours.items():
        flags, *numbers = told[number]
        assert [int(value) for value in numbers] == [segment.seq, segment.ack, segment.length, segment.source.port]
        assert int(flags, 0) == sum({"F": 1, "S": 2, "R": 4, "P": 8, ".": 16}[letter] for letter in segment.flags)
