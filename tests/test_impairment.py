"""The language of a link's one direction: what is refused, and how several askers become one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.impairment import (
    Bandwidth,
    Corruption,
    Delay,
    Duplication,
    GilbertElliott,
    Impairment,
    Loss,
    LossState,
    Reordering,
    Slot,
    check,
    merge,
)
from netlab.units import ByteSize, Duration, Rate, Ratio

MS = 10**6


def ms(number: float) -> Duration:
    return Duration(round(number * MS))


shares = st.floats(0, 1).map(Ratio)
delays = st.builds(
    lambda time, jitter, distribution: Delay(
        time=Duration(time),
        jitter=Duration(min(jitter, time)) if jitter else None,
        distribution=distribution if jitter else None,
    ),
    st.integers(0, 10**10),
    st.integers(0, 2**31 - 1),
    st.sampled_from(["uniform", "normal", "pareto", "paretonormal"]),
)
losses = st.one_of(
    st.builds(Loss, random=shares),
    st.builds(Loss, gilbert_elliott=st.builds(GilbertElliott, p=shares, r=shares)),
    st.builds(Loss, state=st.builds(LossState, p13=shares, p31=shares)),
)
impairments = st.builds(
    Impairment,
    delay=st.none() | delays,
    loss=st.none() | losses,
    duplicate=st.none() | st.builds(Duplication, share=shares),
    reorder=st.none() | st.builds(Reordering, share=shares),
    corrupt=st.none() | st.builds(Corruption, share=shares),
    rate=st.none() | st.integers(8, 10**11).map(Rate),
    limit=st.none() | st.integers(1, 10**6),
    bandwidth=st.none() | st.integers(8, 10**11).map(lambda rate: Bandwidth(rate=Rate(rate))),
)


@given(impairments)
def test_one_asker_gets_what_it_asks(one: Impairment) -> None:
    assert merge([one]) == one
    assert merge([one, Impairment()]) == merge([Impairment(), one]) == one


@given(st.lists(impairments, max_size=4))
def test_whatever_is_asked_together_is_valid_and_not_less_than_any(asked: list[Impairment]) -> None:
    whole = merge(asked)
    for one in asked:
        assert one.delay is None or (whole.delay is not None and whole.delay.time >= one.delay.time)
        assert one.rate is None or (whole.rate is not None and whole.rate <= one.rate)
        assert (one.loss is not None) <= (whole.loss is not None)
    assert whole.needs_netem == any(one.needs_netem for one in asked)


def test_delays_add_and_jitters_as_independent_spreads_do() -> None:
    one = Impairment(delay=Delay(time=ms(10), jitter=ms(3), distribution="normal", correlation=Ratio(0.1)))
    other = Impairment(delay=Delay(time=ms(20), jitter=ms(4)))
    assert merge([one, other]).delay == Delay(time=ms(30), jitter=ms(5), distribution="normal", correlation=Ratio(0.1))


def test_losses_are_independent() -> None:
    asked = [Impairment(loss=Loss(random=Ratio(share))) for share in (0.1, 0.2, 0.5)]
    found = merge(asked).loss
    assert found is not None and found.random == pytest.approx(1 - 0.9 * 0.8 * 0.5)
    asked = [Impairment(duplicate=Duplication(share=Ratio(0.5), correlation=Ratio(0.2)))] * 2
    assert merge(asked).duplicate == Duplication(share=Ratio(0.75), correlation=Ratio(0.2))


def test_random_loss_joins_both_states_of_gilbert_elliott() -> None:
    model = Impairment(loss=Loss(gilbert_elliott=GilbertElliott(p=Ratio(0.1), r=Ratio(0.4), bad_loss=Ratio(0.5))))
    plain = Impairment(loss=Loss(random=Ratio(0.2)))
    for asked in ([model, plain], [plain, model]):
        found = merge(asked).loss
        assert found is not None and found.gilbert_elliott is not None
        assert found.gilbert_elliott.bad_loss == pytest.approx(0.6)
        assert found.gilbert_elliott.good_loss == pytest.approx(0.2)


def test_a_model_of_states_stands_over_random_loss_unless_that_is_all() -> None:
    model = Impairment(loss=Loss(state=LossState(p13=Ratio(0.1), p31=Ratio(0.4))))
    some, everything = (Impairment(loss=Loss(random=Ratio(share))) for share in (0.2, 1))
    assert merge([model, some]).loss == model.loss
    assert merge([model, everything]).loss == everything.loss
    later = Impairment(loss=Loss(gilbert_elliott=GilbertElliott(p=Ratio(0.1), r=Ratio(0.4))))
    assert merge([model, later]).loss == later.loss


def test_the_narrowest_counts_and_the_latest_of_what_cannot_be_joined() -> None:
    narrow = Bandwidth(rate=Rate(10**6), queue=ByteSize(5000))
    one = Impairment(rate=Rate(10**6), limit=50, seed=1, slot=Slot(min=ms(1)), bandwidth=narrow)
    other = Impairment(rate=Rate(10**7), limit=20, seed=2, slot=Slot(min=ms(2)), bandwidth=Bandwidth(rate=Rate(10**7)))
    found = merge([one, other])
    assert (found.rate, found.limit, found.bandwidth) == (10**6, 20, narrow)
    assert (found.seed, found.slot) == (2, other.slot)
    gaps = [Impairment(reorder=Reordering(share=Ratio(0.5), gap=gap)) for gap in (3, None)]
    assert merge(gaps).reorder == Reordering(share=Ratio(0.75), gap=3)


def test_only_bandwidth_needs_no_netem() -> None:
    assert not Impairment(bandwidth=Bandwidth(rate=Rate(10**6))).needs_netem
    assert not Impairment().needs_netem
    assert Impairment(limit=5).needs_netem


def test_reordering_needs_something_to_overtake() -> None:
    reorder = Reordering(share=Ratio(0.5))
    with pytest.raises(ValueError, match="reorder without a delay"):
        check(Impairment(reorder=reorder))
    check(Impairment(reorder=reorder, delay=Delay(time=ms(10))))
    check(Impairment(reorder=reorder, rate=Rate(10**6)))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Loss(), "none given; give exactly one"),
        (lambda: Loss(random=Ratio(0.1), state=LossState(p13=Ratio(0.1), p31=Ratio(1))), "random and state given"),
        (
            lambda: Loss(gilbert_elliott=GilbertElliott(p=Ratio(0), r=Ratio(1)), correlation=Ratio(0.1)),
            "without random",
        ),
        (lambda: LossState(p13=Ratio(0.6), p31=Ratio(1), p14=Ratio(0.5)), "p13 and p14 are more than the whole"),
        (lambda: LossState(p13=Ratio(0.6), p31=Ratio(1), p32=Ratio(0.5)), "p31 and p32 are more than the whole"),
        (lambda: Delay(time=ms(10), jitter=ms(11)), "jitter is more than time"),
        (lambda: Delay(time=ms(9000), jitter=ms(3000)), "more than 2147ms"),
        (lambda: Delay(time=ms(10), distribution="normal"), "distribution without jitter"),
        (lambda: Delay(time=ms(10), correlation=Ratio(0.5)), "correlation without jitter"),
        (lambda: Reordering(share=Ratio(0.1), gap=0), "gap is 0"),
        (lambda: Slot(min=ms(0)), "no time between slots"),
        (lambda: Slot(min=ms(2), max=ms(1)), "max is less than min"),
        (lambda: Slot(min=ms(2), packets=0), "packets is 0"),
        (lambda: Bandwidth(rate=Rate(7)), "give 8bit at least"),
        (lambda: Bandwidth(rate=Rate(8000), burst=ByteSize(10**6)), "burst is more than the rate carries in 274 s"),
        (lambda: Bandwidth(rate=Rate(8000), queue=ByteSize(0)), "queue is 0"),
        (lambda: Impairment(rate=Rate(7)), "give 8bit at least"),
        (lambda: Impairment(limit=0), "limit is 0"),
        (lambda: Impairment(seed=-1), "seed is -1"),
        (lambda: Impairment(seed=2**64), "from 0 to"),
    ],
)
def test_what_is_wrong_by_itself_is_refused_at_once(make: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()  # type: ignore[operator]


def test_shares_that_are_the_whole_only_by_rounding_are_taken() -> None:
    LossState(p13=Ratio(0.3), p14=Ratio(0.7), p31=Ratio(0.9), p32=Ratio(0.1))
