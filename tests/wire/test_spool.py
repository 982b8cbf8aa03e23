"""The spool, read back: order, names, tags, and files that end too early."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from netlab import codec
from netlab.wire import spool
from netlab.wire.clock import ClockSample
from netlab.wire.spool import CaptureEnd, Counted, Spool
from tests.wire import frames
from tests.wire.frames import SYN, first_note, ring_entry, segment

NAMES = [(0, 5, "a.nic"), (1, 6, "s:a.nic")]
FRAME = segment(SYN)


@contextmanager
def reading(*entries: bytes) -> Iterator[Spool]:
    fd = frames.file_of(b"".join(entries))
    try:
        with Spool(fd) as found:
            yield found
    finally:
        os.close(fd)


def test_frames_of_all_namespaces_come_by_time_and_are_numbered_from_one() -> None:
    first = ring_entry(0, [(10, 5, True, FRAME), (30, 5, True, FRAME)])
    second = ring_entry(1, [(20, 6, False, FRAME), (40, 6, False, FRAME)])
    with reading(first_note(NAMES), first, second) as found:
        assert found.points == ["a.nic", "s:a.nic"]
        assert found.offset_ns == 600
        seen = [(packet.number, packet.time_ns, packet.point, packet.direction) for packet in found.packets()]
    assert seen == [
        (1, 10, "a.nic", "out"),
        (2, 20, "s:a.nic", "in"),
        (3, 30, "a.nic", "out"),
        (4, 40, "s:a.nic", "in"),
    ]


def test_at_one_stamp_the_sender_comes_before_its_receiver() -> None:
    names = [(0, 5, "b.nic"), (1, 6, "s:a.nic"), (1, 7, "s:b.nic"), (2, 5, "a.nic")]
    entries = [
        ring_entry(0, [(10, 5, False, FRAME)]),
        ring_entry(1, [(10, 7, True, FRAME), (10, 6, False, FRAME)]),
        ring_entry(2, [(10, 5, True, FRAME)]),
    ]
    with reading(first_note(names), *entries) as found:
        assert [packet.point for packet in found.packets()] == ["a.nic", "s:a.nic", "s:b.nic", "b.nic"]


def test_the_order_holds_across_many_blocks_without_holding_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "BATCH", 4)
    monkeypatch.setattr(spool, "SLACK_NS", 15)
    blocks = [
        ring_entry(place, [(time + place, 5 + place, True, FRAME) for time in range(begin, begin + 100, 10)])
        for begin in range(0, 1000, 100)
        for place in (0, 1)
    ]
    with reading(first_note(NAMES), *blocks) as found:
        times = [packet.time_ns for packet in found.packets()]
    assert len(times) == 200 and times == sorted(times)


def test_two_cpus_that_stamped_out_of_order_are_put_in_order() -> None:
    with reading(first_note(NAMES), ring_entry(0, [(20, 5, True, FRAME), (10, 5, True, FRAME)])) as found:
        assert [packet.time_ns for packet in found.packets()] == [10, 20]


def test_an_interface_without_a_name_is_passed_over() -> None:
    with reading(first_note(NAMES), ring_entry(0, [(10, 99, True, FRAME), (20, 5, True, FRAME)])) as found:
        assert [(packet.number, packet.time_ns) for packet in found.packets()] == [(1, 20)]


def test_a_name_given_late_holds_for_earlier_frames_too() -> None:
    late = spool.note({"names": [[0, 9, "a.new"]]})
    with reading(first_note(NAMES), ring_entry(0, [(10, 9, True, FRAME)]), late) as found:
        assert [packet.point for packet in found.packets()] == ["a.new"]
        assert found.points == ["a.nic", "s:a.nic", "a.new"]


def test_a_tag_that_the_kernel_took_out_is_put_back() -> None:
    with reading(first_note(NAMES), ring_entry(0, [(10, 5, True, FRAME)], tag=7)) as found:
        [packet] = found.packets()
    assert packet.data == FRAME[:12] + bytes.fromhex("81000007") + FRAME[12:]
    assert packet.length == len(FRAME) + 4


def test_a_spool_that_ends_in_the_middle_of_an_entry_is_good_up_to_there() -> None:
    whole = first_note(NAMES) + ring_entry(0, [(10, 5, True, FRAME)])
    cut = ring_entry(0, [(20, 5, True, FRAME)])
    for length in (1, spool.HEADER.size, len(cut) - 1):
        with reading(whole, cut[:length]) as found:
            assert [packet.time_ns for packet in found.packets()] == [10]
            assert found.end is None


def test_an_empty_spool_has_no_packets() -> None:
    with reading(b"") as found:
        assert (list(found.packets()), found.points, found.end, found.offset_ns) == ([], [], None, 0)


def test_the_end_is_read_back_as_it_was_written() -> None:
    end = CaptureEnd((Counted("server", 5, 1, 4),), (ClockSample(9, 5, 1), ClockSample(19, 15, 1)), "no space")
    with reading(first_note(NAMES), spool.note({"end": codec.encode(end)})) as found:
        assert found.end == end
