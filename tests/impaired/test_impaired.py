"""Impaired links measured on a kernel with netem: what the far end of a link saw is what was asked of it.

Shares must lie within four standard deviations of what was asked, where chance alone leaves them once in 16,000 times.
Source: the expectations of the loss models are those of their Markov chains, as net/sched/sch_netem.c:loss_gilb_ell()
and loss_4state() walk them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from statistics import fmean, linear_regression, pstdev

import pytest

from netlab.errors import NeedError
from tests.impaired.reports import Report, Sending

Played = Callable[[str], Report]


def expected(found: int, total: int, share: float, clustered: float = 1.0) -> None:
    """`found` of `total` is about this share; of a Markov chain the variance is `clustered` times the binomial one."""
    deviation = math.sqrt(total * share * (1 - share) * clustered)
    assert abs(found - total * share) <= 4 * deviation, f"{found} of {total}, and not {share:.1%}"


def clustered(eigenvalue: float) -> float:
    """How much more the share varies that a chain of two states with this second eigenvalue spends in one of them."""
    return (1 + eigenvalue) / (1 - eigenvalue)


def lost(sending: Sending, total: int) -> list[int]:
    return sorted(set(range(total)) - set(sending.numbers))


def after_another(losses: list[int]) -> float:
    """The share of losses that follow a loss."""
    return sum(number - 1 in set(losses) for number in losses) / len(losses)


# --- delays ---


@pytest.mark.parametrize(("name", "more_ms"), [("2ms", 1), ("11ms", 10), ("101ms", 100)])
def test_round_trips_take_as_much_longer_as_asked_within_ten_percent(played: Played, name: str, more_ms: int) -> None:
    """Beyond those that are asked to take 1 ms: the timers of an emulated machine are late by 0.3 ms each, which is in
    both. By how much varies there, so that the least of 400 differ by up to 0.1 ms from one time to the next."""
    report = played("delays")
    least, delayed = (min(report[each].round_trips_ns) for each in ("1ms", name))
    assert delayed - least == pytest.approx(more_ms * 10**6, rel=0.1, abs=150_000)


def test_a_normal_distribution_has_its_mean_and_deviation(played: Played) -> None:
    under_way = played("delays")["normal"].under_way_us
    assert len(under_way) == 800
    assert fmean(under_way) == pytest.approx(100_000, rel=0.03)
    assert pstdev(under_way) == pytest.approx(10_000, rel=0.15)
    expected(sum(abs(each - fmean(under_way)) < pstdev(under_way) for each in under_way), 800, 0.683)


def test_a_uniform_distribution_stays_within_its_jitter(played: Played) -> None:
    under_way = played("delays")["uniform"].under_way_us
    assert len(under_way) == 500
    assert min(under_way) >= 80_000
    assert pstdev(under_way) == pytest.approx(20_000 / math.sqrt(3), rel=0.15)


def test_some_packets_overtake_those_that_are_delayed(played: Played) -> None:
    sending = played("delays")["overtake"]
    assert sorted(sending.numbers) == list(range(800)) != sending.numbers
    expected(sum(each < 25_000 for each in sending.under_way_us), 800, 0.25)


def test_slots_deliver_packets_in_bunches(played: Played) -> None:
    sending = played("delays")["slots"]
    assert sending.numbers == list(range(60))
    bunches = [[sending.at_us[0]]]
    for at in sending.at_us[1:]:
        if at - bunches[-1][-1] > 25_000:
            bunches.append([])
        bunches[-1].append(at)
    assert max(map(len, bunches)) <= 10
    assert all(later[0] - earlier[0] >= 45_000 for earlier, later in pairwise(bunches))


# --- losses ---


@pytest.mark.parametrize(("name", "total", "share"), [("loss-1", 3000, 0.01), ("loss-10", 2000, 0.1)])
def test_as_many_packets_are_lost_as_asked(played: Played, name: str, total: int, share: float) -> None:
    expected(len(lost(played("losses")[name], total)), total, share)


def test_gilbert_elliott_loses_what_its_states_say_and_in_bursts(played: Played) -> None:
    losses = lost(played("losses")["elliott"], 2000)
    bad = 0.05 / (0.05 + 0.5)
    expected(len(losses), 2000, bad * 0.9 + (1 - bad) * 0.01, clustered(1 - 0.05 - 0.5))
    assert after_another(losses) > 0.25, "0.4 are expected; a tenth if each were on its own"


def test_four_states_lose_what_they_say_and_in_bursts(played: Played) -> None:
    losses = lost(played("losses")["states"], 2000)
    good = 1 / (1 + 0.05 / 0.5 + 0.02)
    expected(len(losses), 2000, 1 - good, clustered(1 - 0.05 - 0.5))
    assert after_another(losses) > 0.25, "0.4 are expected; a tenth if each were on its own"


def test_as_many_packets_arrive_twice_as_asked(played: Played) -> None:
    numbers = played("losses")["double"].numbers
    assert set(numbers) == set(range(1000))
    expected(len(numbers) - 1000, 1000, 0.1)


def test_as_many_packets_are_corrupted_as_asked(played: Played) -> None:
    """One bit of a frame's 480 makes its source a group address: such a frame a bridge drops (br_handle_frame() in
    net/bridge/br_input.c)."""
    report = played("losses")
    dropped = 1000 - len(report["corrupt"].numbers) - report.corrupted
    assert 0 <= dropped <= 4
    expected(report.corrupted + dropped, 1000, 0.1)


def test_the_same_seed_loses_the_same_packets(played: Played) -> None:
    try:
        report = played("seed")
    except NeedError as lacking:
        pytest.skip(f"needs Linux 6.6 for a seed: {lacking}")
    first, again, other = (lost(report[name], 300) for name in ("first", "again", "other"))
    assert first == again != other
    expected(len(first), 300, 0.2)


# --- rates ---


@pytest.mark.parametrize("name", ["netem", "bucket", "both"])
def test_a_rate_is_kept_within_five_percent(played: Played, name: str) -> None:
    """By the line that fits best through the arrivals, after a bucket's first burst. The rate is one that an emulated
    machine can send much faster than."""
    sending = played("rates")[name]
    assert sending.numbers == list(range(60))
    steady = slice(15, None)
    frames = linear_regression([at / 10**6 for at in sending.at_us[steady]], sending.numbers[steady]).slope
    assert frames * 1000 * 8 == pytest.approx(400_000, rel=0.05)


def test_a_delay_before_the_bucket_delays_the_first_packet(played: Played) -> None:
    assert 50_000 <= played("rates")["both"].under_way_us[0] < 75_000
