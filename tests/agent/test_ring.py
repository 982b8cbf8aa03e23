"""How large rings are."""

from __future__ import annotations

import pytest

from netlab.agent.ring import LEAST_BYTES, MOST_BYTES, TOTAL_BYTES, RingSize, retire_ms, sizes


def test_a_small_lab_has_the_largest_rings() -> None:
    assert sizes([2, 2, 2], None) == [RingSize(64 * 1024, MOST_BYTES // (64 * 1024))] * 3


def test_the_fabric_of_a_large_lab_has_more_than_each_host() -> None:
    *hosts, fabric = sizes([2] * 500 + [500], None)
    assert {size.bytes for size in hosts} == {LEAST_BYTES} and fabric.bytes == MOST_BYTES
    assert sum(size.bytes for size in (*hosts, fabric)) <= TOTAL_BYTES + MOST_BYTES


def test_a_wish_is_met_in_whole_blocks() -> None:
    assert {size.bytes for size in sizes([2, 40], 8 * 2**20)} == {8 * 2**20}
    assert RingSize.of(1) == RingSize(16 * 1024, 4)


@pytest.mark.parametrize("rings", [1, 3, 20, 100, 5000])
def test_the_timers_of_many_rings_do_not_keep_the_machine_busy(rings: int) -> None:
    assert 2 <= retire_ms(rings) <= 50
    assert retire_ms(rings) == 50 or rings / retire_ms(rings) <= 2
