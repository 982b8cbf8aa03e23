"""Quantities as people write them."""

from __future__ import annotations

import re

import pytest

from netlab.units import _SUM, Duration, ordinal

MS = 10**6


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("5s", 5000 * MS),
        ("1.5ms", 1.5 * MS),
        ("1s + 1s*3", 4000 * MS),
        ("2s*1.125+200ms", 2450 * MS),
        ("1s - 200ms", 800 * MS),
        ("1s*2*3", 6000 * MS),
    ],
)
def test_a_duration_may_be_a_sum_of_multiples(text: str, ns: float) -> None:
    assert Duration.parse(text) == ns
    assert re.search(_SUM, text), "the JSON Schema's pattern takes it, too"


@pytest.mark.parametrize("text", ["5", "", "1s+", "s*3", "1s*2s", "-5s", "1e3s", "1s 2s", "1s\n+"])
def test_what_is_no_duration_is_refused_with_what_would_be_one(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration; write it like 50ms or 5s"):
        Duration.parse(text)


def test_a_sum_below_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="'1min - 2min' is less than nothing"):
        Duration.parse("1min - 2min")


def test_a_place_in_a_row_has_its_ending() -> None:
    assert [ordinal(number) for number in (1, 2, 3, 4, 11, 12, 13, 21, 102, 111)] == (
        ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th"]
    )
