"""netem's and tbf's options as bytes, and the tables of its distributions. Pure: no kernel is asked."""

from __future__ import annotations

import struct
from itertools import pairwise
from statistics import NormalDist, fmean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.impairment import Bandwidth, Delay, GilbertElliott, Impairment, Loss, LossState, Reordering, Slot
from netlab.kernel import distributions, netem, qdiscs, tbf
from netlab.kernel.messages import attributes
from netlab.kernel.netem import WHOLE, Netem, NetemMessage
from netlab.kernel.qdiscs import QdiscMessage
from netlab.kernel.tbf import Tbf, TbfMessage
from netlab.units import ByteSize, Duration, Rate, Ratio

MS = 10**6
TCA_OPTIONS = 2

u32 = st.integers(0, WHOLE)
chances = st.tuples(u32, u32, u32, u32)


def message(wanted: Netem) -> bytes:
    return qdiscs.put(NetemMessage(), "netem", netem.options(wanted), 7, "p7", 0x10000).data


def carried(data: bytes) -> bytes:
    """What TCA_OPTIONS holds."""
    return dict(attributes(data, qdiscs.BODY))[TCA_OPTIONS]


models = st.one_of(
    st.just({}),
    st.builds(lambda model: {"gilbert_elliott": model}, chances),
    st.builds(lambda model: {"state": model}, st.tuples(u32, u32, u32, u32, u32)),
)
slots = st.one_of(
    st.just((0, 0, 0, 0)),
    st.tuples(st.integers(1, 10**12), st.integers(1, 10**12), st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1)),
)


@given(
    st.builds(
        Netem,
        limit=u32,
        latency_ns=st.integers(0, 2**62),
        jitter_ns=st.integers(0, 2**31 - 1),
        delay_correlation=u32,
        loss=u32,
        loss_correlation=u32,
        duplicate=u32,
        duplicate_correlation=u32,
        reorder=u32,
        reorder_correlation=u32,
        gap=u32,
        corrupt=u32,
        corrupt_correlation=u32,
        rate=st.integers(0, 2**40),
        slot=slots,
        seed=st.none() | st.integers(0, 2**64 - 1),
    ),
    models,
)
def test_what_is_decoded_is_what_was_encoded(plain: Netem, model: dict[str, object]) -> None:
    wanted = Netem(**(vars(plain) | model))
    assert netem.decode(message(wanted)) == wanted
    assert not list(netem.differences(wanted, netem.decode(message(wanted))))


@given(st.integers(1, 2**40), st.integers(1, 2**31 - 1), st.integers(1, 2**31 - 1))
def test_what_tbf_decodes_is_what_was_encoded(rate: int, burst: int, limit: int) -> None:
    wanted = Tbf(rate=rate, burst=min(burst, rate * 274), limit=limit)
    data = qdiscs.put(TbfMessage(), "tbf", tbf.options(wanted), 7, "p7", 0x10000).data
    found = tbf.decode(data)
    assert found == (rate, limit, wanted.ticks)
    assert not list(tbf.differences(wanted, found))


def test_a_kind_that_is_first_used_after_a_removal_is_encoded_as_before_one() -> None:
    """pyroute2 keeps what it compiles in the class of the message: a base that is used spoils it for subclasses."""

    class Late(QdiscMessage):
        options = TbfMessage.options

    qdiscs.remove(7, "p7", 0x10000)
    options = tbf.options(tbf.OPEN)
    late, early = (qdiscs.put(message, "tbf", options, 7, "p7", 1).data for message in (Late(), TbfMessage()))
    assert late == early and len(late) > 36


def test_the_options_lie_as_the_kernel_declares_them() -> None:
    """By hand, from include/uapi/linux/pkt_sched.h: struct tc_netem_qopt, then attributes by their numbers in the enum;
    struct tc_netem_gemodel and tc_netem_slot."""
    wanted = Impairment(
        delay=Delay(time=Duration(50 * MS), jitter=Duration(10 * MS), correlation=Ratio(0.5), distribution="normal"),
        loss=Loss(gilbert_elliott=GilbertElliott(p=Ratio(0.25), r=Ratio(1), bad_loss=Ratio(0.75), good_loss=Ratio(0))),
        reorder=Reordering(share=Ratio(1), gap=5),
        rate=Rate(80 * 10**9),
        limit=77,
        slot=Slot(min=Duration(MS), packets=3, bytes=ByteSize(4000)),
        seed=2**63 + 1,
    )
    data = carried(message(netem.netem(wanted)))
    half, quarter = round(WHOLE / 2), round(WHOLE / 4)
    assert struct.unpack_from("=6I", data) == (50 * MS // 64, 77, 0, 5, 0, 10 * MS // 64)
    found = dict(attributes(data, 24))
    assert struct.unpack("=3I", found[1]) == (half, 0, 0)  # TCA_NETEM_CORR
    assert len(found[2]) == 2 * 4096  # TCA_NETEM_DELAY_DIST
    assert struct.unpack("=2I", found[3]) == (WHOLE, 0)  # TCA_NETEM_REORDER
    assert struct.unpack("=2I", found[4]) == (0, 0)  # TCA_NETEM_CORRUPT
    assert dict(attributes(found[5], 0)) == {2: struct.pack("=4I", quarter, WHOLE, quarter, 0)}  # NETEM_LOSS_GE
    assert struct.unpack("=IiIi", found[6]) == (WHOLE, 0, 0, 0)  # TCA_NETEM_RATE
    assert struct.unpack("=Q", found[8]) == (10 * 10**9,)  # TCA_NETEM_RATE64
    assert struct.unpack("=q", found[10]) == (50 * MS,)  # TCA_NETEM_LATENCY64
    assert struct.unpack("=q", found[11]) == (10 * MS,)  # TCA_NETEM_JITTER64
    assert struct.unpack("=qqiiqq", found[12]) == (MS, MS, 3, 4000, 0, 0)  # TCA_NETEM_SLOT
    assert struct.unpack("=Q", found[14]) == (2**63 + 1,)  # TCA_NETEM_PRNG_SEED
    assert set(found) == {1, 2, 3, 4, 5, 6, 8, 10, 11, 12, 14}


def test_the_four_states_lie_as_the_kernel_declares_them() -> None:
    """struct tc_netem_gimodel: p13, p31, p32, p14, p23. What is added in the kernel never wraps (loss_4state())."""
    model = LossState(p13=Ratio(0.3), p31=Ratio(0.6), p32=Ratio(0.4), p14=Ratio(0.7))
    data = carried(message(netem.netem(Impairment(loss=Loss(state=model)))))
    found = struct.unpack("=5I", dict(attributes(dict(attributes(data, 24))[5], 0))[1])
    p13, p31, p32, p14, p23 = found
    assert p13 / WHOLE == pytest.approx(0.3) and p31 / WHOLE == pytest.approx(0.6)
    assert p32 / WHOLE == pytest.approx(0.4) and p14 / WHOLE == pytest.approx(0.7) and p23 == WHOLE
    assert p13 + p14 <= WHOLE and p31 + p32 <= WHOLE


def test_a_token_bucket_lies_as_the_kernel_declares_it() -> None:
    """struct tc_tbf_qopt: tc_ratespec of 12 bytes twice, limit, buffer (ticks), mtu; then TCA_TBF_BURST."""
    wanted = tbf.tbf(Bandwidth(rate=Rate(8 * 10**6), burst=ByteSize(3200), queue=ByteSize(10**5)), 1500)
    found = dict(attributes(carried(qdiscs.put(TbfMessage(), "tbf", tbf.options(wanted), 7, "p7", 1).data), 0))
    assert struct.unpack("=BBHhHI12sIII", found[1]) == (0, 1, 0, 0, 0, 10**6, bytes(12), 10**5, 3_200_000 // 64, 0)
    assert struct.unpack("=I", found[6]) == (3200,)
    assert set(found) == {1, 6}


@pytest.mark.parametrize(
    ("rate", "mtu", "burst", "queue"),
    [("64kbit", 1500, 2 * 1514, 10 * 1514), ("100mbit", 1500, 125_000, 1_250_000), ("1mbit", 9000, 2 * 9014, 90_140)],
)
def test_a_bucket_and_its_queue_hold_full_frames_however_slow(rate: str, mtu: int, burst: int, queue: int) -> None:
    found = tbf.tbf(Bandwidth(rate=Rate.parse(rate)), mtu)
    assert (found.burst, found.limit) == (burst, queue)


def test_what_differs_is_told_but_not_a_seed_that_nobody_asked_for() -> None:
    asked, told = Netem(limit=1000, loss=5), Netem(limit=1000, loss=4, seed=99)
    assert list(netem.differences(asked, told)) == ["loss is 4, and was to be 5"]
    assert list(netem.differences(Netem(limit=1, seed=9), Netem(limit=1))) == ["seed is None, and was to be 9"]


@pytest.mark.parametrize(
    ("wanted", "limit"),
    [
        (Impairment(loss=Loss(random=Ratio(0.1))), 1000),
        (Impairment(delay=Delay(time=Duration(50 * MS))), 51_000),
        (Impairment(delay=Delay(time=Duration(50 * MS), jitter=Duration(10 * MS))), 91_000),
        (Impairment(rate=Rate(480_000)), 1000),
        (Impairment(rate=Rate(480_000), delay=Delay(time=Duration(10**9))), 2001),
        (Impairment(limit=5, delay=Delay(time=Duration(10**9))), 5),
    ],
)
def test_the_limit_holds_all_that_may_be_under_way(wanted: Impairment, limit: int) -> None:
    assert netem.netem(wanted).limit == limit


@pytest.mark.parametrize("name", ["normal", "pareto", "paretonormal"])
def test_a_table_has_mean_zero_and_deviation_one(name: str) -> None:
    values = struct.unpack(f"={distributions.SIZE}h", distributions.table(name))
    assert list(values) == sorted(values)
    assert fmean(values) / 8192 == pytest.approx(0, abs=0.001)
    assert pstdev(values) / 8192 == pytest.approx(1, rel=0.001)


def test_the_normal_table_is_the_normal_distribution() -> None:
    values = struct.unpack(f"={distributions.SIZE}h", distributions.table("normal"))
    for share in (0.025, 0.16, 0.5, 0.84, 0.975):
        found = values[int(share * distributions.SIZE)] / 8192
        assert found == pytest.approx(NormalDist().inv_cdf(share), abs=0.01)


def test_the_uniform_table_reaches_from_minus_to_plus_the_jitter() -> None:
    values = struct.unpack(f"={distributions.SIZE}h", distributions.table("uniform"))
    steps = {b - a for a, b in pairwise(values)}
    assert (values[0], values[-1]) == (-8190, 8190) and steps == {4}
