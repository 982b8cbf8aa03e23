"""Many sightings, one segment."""

from __future__ import annotations

import random

from netlab.records import Frame, Segment
from netlab.wire.segments import FRAMES_KEPT, Observed, observe
from tests.wire import frames
from tests.wire.frames import ACK, PSH, RST, SYN, packets, path, segment

OWNERS = {frames.A: "a", frames.B: "b"}
S = 10**9


def segments(*sightings: tuple[int, str, object, bytes]) -> list[Segment]:
    ordered = sorted(sightings, key=lambda sighting: sighting[0])
    return observe(packets(*ordered), OWNERS).segments  # type: ignore[arg-type]


def test_four_sightings_of_one_segment_are_one_segment() -> None:
    [seen] = segments(*path(100, segment(SYN)))
    assert (seen.from_, seen.to, seen.flags) == ("a", "b", "S")
    assert (seen.time_ns, seen.sent_ns, seen.arrived_ns, seen.lost_after) == (100, 100, 130, None)
    assert seen.packets == {"a.nic": 1, "s:a.nic": 2, "s:b.nic": 3, "b.nic": 4}
    assert seen.packet == 1


def test_times_are_put_on_the_monotonic_clock() -> None:
    [seen] = observe(packets(*path(1000, segment(SYN))), OWNERS, offset_ns=900).segments
    assert (seen.time_ns, seen.sent_ns, seen.arrived_ns) == (100, 100, 130)


def test_a_segment_that_never_arrived_says_where_it_was_seen_last() -> None:
    [seen] = segments(*path(100, segment(SYN))[:2])
    assert (seen.sent_ns, seen.arrived_ns, seen.lost_after) == (100, None, "s:a.nic")


def test_a_retransmission_is_a_segment_of_its_own() -> None:
    first, second = path(100, segment(PSH, ident=1)), path(S, segment(PSH, ident=2))
    assert [seen.time_ns for seen in segments(*first, *second)] == [100, S]


def test_a_router_on_the_way_changes_ttl_and_macs_but_not_the_segment() -> None:
    near, far = segment(SYN), segment(SYN, ttl=63)
    far = b"\x02\x00\x00\x00\x00\x11\x02\x00\x00\x00\x00\x12" + far[12:]
    [seen] = segments(
        (1, "a.nic", "out", near), (2, "r.left", "in", near), (3, "r.right", "out", far), (4, "b.nic", "in", far)
    )
    assert (seen.sent_ns, seen.arrived_ns, list(seen.packets)) == (1, 4, ["a.nic", "r.left", "r.right", "b.nic"])


def test_equal_segments_in_a_burst_are_matched_first_in_first_out() -> None:
    rst = segment(RST, ident=0)
    seen = segments(*path(0, rst, step=100), *path(10, rst, step=100), *path(20, rst, step=100))
    assert [(one.sent_ns, one.arrived_ns) for one in seen] == [(0, 300), (10, 310), (20, 320)]
    assert sum(len(one.packets) for one in seen) == 12


def test_of_two_equal_segments_the_lost_one_is_lost() -> None:
    rst = segment(RST, ident=0)
    lost, second = segments(*path(0, rst)[:2], *path(S, rst))
    assert (lost.arrived_ns, lost.lost_after) == (None, "s:a.nic")
    assert (second.sent_ns, second.arrived_ns) == (S, S + 30)


def test_of_three_equal_segments_the_one_in_the_middle_is_lost() -> None:
    rst = segment(RST, ident=0)
    seen = segments(*path(0, rst), *path(S, rst)[:1], *path(2 * S, rst))
    assert [(one.sent_ns, one.arrived_ns) for one in seen] == [(0, 30), (S, None), (2 * S, 2 * S + 30)]


def test_equal_segments_under_a_delay_longer_than_their_distance_keep_their_order() -> None:
    rst = segment(RST, ident=0)
    seen = segments(*path(0, rst, step=S), *path(S // 2, rst, step=S))
    assert [(one.sent_ns, one.arrived_ns) for one in seen] == [(0, 3 * S), (S // 2, 3 * S + S // 2)]


def test_a_copy_that_the_way_made_is_a_segment_that_nobody_sent() -> None:
    data = segment(PSH | ACK, payload=b"x")
    sent, copy = segments(*path(0, data), (21, "s:b.nic", "out", data), (31, "b.nic", "in", data))
    assert (sent.sent_ns, sent.arrived_ns) == (0, 30)
    assert (copy.sent_ns, copy.arrived_ns, copy.time_ns) == (None, 31, 21)


def test_a_frame_that_a_switch_floods_is_still_one_segment() -> None:
    data = segment(SYN)
    flooded = [(22, "s:c.nic", "out", data), (32, "c.nic", "in", data)]
    [seen] = segments(*path(0, data), *flooded)
    assert (seen.arrived_ns, seen.lost_after) == (30, None)


def test_a_segment_with_a_forged_source_was_sent_where_it_was_seen_first() -> None:
    data = segment(RST, source=frames.B, target=frames.A)
    [seen] = segments(
        (1, "c.nic", "out", data), (2, "s:c.nic", "in", data), (3, "s:a.nic", "out", data), (4, "a.nic", "in", data)
    )
    assert (seen.from_, seen.to, seen.sent_ns, seen.arrived_ns, seen.packet) == ("b", "a", 1, 4, 1)


def test_a_host_that_talks_to_itself_sends_and_receives_over_lo() -> None:
    data = segment(SYN, source="127.0.0.1", target="127.0.0.1")
    [seen] = segments((1, "a.lo", "out", data), (2, "a.lo", "in", data))
    assert (seen.from_, seen.to, seen.sent_ns, seen.arrived_ns, seen.packets) == ("a", "a", 1, 2, {"a.lo": 1})


def test_addresses_that_nobody_owns_have_no_host() -> None:
    [seen] = segments((1, "s:a.nic", "in", segment(SYN, source="192.0.2.1", target="192.0.2.2")))
    assert (seen.from_, seen.to, seen.sent_ns, seen.time_ns) == (None, None, None, 1)


def test_a_long_payload_is_kept_in_part_and_its_length_in_full() -> None:
    [seen] = segments(*path(0, segment(PSH | ACK, payload=b"x" * 1400)))
    assert (len(seen.payload), seen.length) == (1024, 1400)


def test_segments_that_differ_late_in_a_long_payload_are_two() -> None:
    one, other = (segment(PSH | ACK, payload=b"x" * 1000 + end) for end in (b"y", b"z"))
    assert len(segments(*path(0, one), *path(5, other))) == 2


def observed_frames(*sightings: tuple[int, str, object, bytes]) -> Observed:
    return observe(packets(*sightings), OWNERS)  # type: ignore[arg-type]


def test_a_broadcast_is_one_frame_however_many_ports_it_leaves() -> None:
    ask = frames.ethernet(bytes.fromhex("0001080006040001 02000000000a 0a4d0001 000000000000 0a4d0002"), 0x0806)
    found = observed_frames(*path(1, ask), (50, "s:c.nic", "out", ask), (60, "c.nic", "in", ask)).frames
    assert found == [Frame(1, "a", "b", "arp", "who-has 10.77.0.2 tell 10.77.0.1", 1, "a.nic")]


def test_a_flood_of_udp_becomes_some_records_and_a_count() -> None:
    datagrams = [
        (n, "a.nic", "out", frames.ethernet(frames.ipv4(n.to_bytes(8, "big"), protocol=17, ident=n % 65536)))
        for n in range(FRAMES_KEPT + 50)
    ]
    found = observed_frames(*datagrams, *path(9999, segment(SYN)))
    assert (len(found.frames), found.unrecorded, len(found.segments)) == (FRAMES_KEPT, 50, 1)


def test_whatever_is_lost_no_sighting_is_counted_twice_and_none_is_forgotten() -> None:
    chance = random.Random(7)
    rst = segment(RST, ident=0)
    sightings = []
    for n in range(200):
        sightings += path(n * 50, rst, step=chance.randint(1, 120))[: chance.randint(1, 4)]
    numbers = [number for seen in segments(*sightings) for number in seen.packets.values()]
    assert sorted(numbers) == list(range(1, len(sightings) + 1))


def through_a_cable(time: int, data: bytes, out: bytes | None = None) -> list[tuple[int, str, str, bytes]]:
    """A frame on its way from host a, whose cable is its own, over switch s to b; `out` is what comes out of it."""
    near = [(time, "a.nic", "out", data), (time + 10, "a.nic:s", "in", data)]
    far = [(time + 20, "s:a.nic", "in"), (time + 30, "s:b.nic", "out"), (time + 40, "b.nic", "in")]
    return near + [(*place, out or data) for place in far]


def test_a_copy_that_a_cable_made_is_told_with_its_segment() -> None:
    data = segment(PSH)
    copy = [(time + 5, *rest) for time, *rest in through_a_cable(100, data)[2:]]
    [seen] = segments(*through_a_cable(100, data), *copy)
    assert (seen.sent_ns, seen.arrived_ns, seen.copies) == (100, 140, (145,))


def test_of_two_equal_segments_each_has_its_own_copies() -> None:
    data = segment(RST, ident=0)
    copy = [(time + 5, *rest) for time, *rest in through_a_cable(1000, data)[2:]]
    one, other = segments(*through_a_cable(100, data), *through_a_cable(1000, data), *copy)
    assert (one.arrived_ns, other.arrived_ns) == (140, 1040)
    assert sorted((*one.copies, *other.copies)) == [1045]


def test_a_copy_that_comes_into_a_cable_at_the_switch_comes_out_at_the_nic() -> None:
    data = segment(PSH)
    way = [(100, "a.nic", "out"), (110, "s:a.nic", "in"), (120, "s:b.nic", "out")]
    ends = [(time, point, way_) for time in (130, 135) for point, way_ in (("b.nic:s", "out"),)]
    arrivals = [(time, "b.nic", "in") for time in (140, 145)]
    [seen] = segments(*((*place, data) for place in (*way, *ends, *arrivals)))
    assert (seen.arrived_ns, seen.copies) == (140, (145,))


def test_what_comes_out_of_a_cable_with_a_turned_bit_is_no_segment() -> None:
    data, turned = segment(PSH, payload=b"hello"), segment(PSH, payload=b"hemlo")
    seen = observe(packets(*sorted(through_a_cable(100, data, turned))), OWNERS)  # type: ignore[arg-type]
    [lost], [frame] = seen.segments, seen.frames
    assert (lost.payload, lost.arrived_ns, lost.lost_after) == (b"hello", None, "a.nic:s")
    assert (frame.time_ns, frame.protocol, frame.interface) == (120, "tcp", "s:a.nic")
    assert "corrupted" in frame.text


def test_without_a_cable_of_its_own_an_equal_segment_is_one_that_was_sent() -> None:
    rst = segment(RST, ident=0)
    assert len(segments(*path(0, rst), *path(5, rst)[1:])) == 2
