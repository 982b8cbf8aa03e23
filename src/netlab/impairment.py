"""What a path does to packets on their way: the language of tc-netem(8), for one direction of one link.

Rules: plain dataclasses like those of `netlab.spec`. What is None is not asked for. Pure: nothing here touches the
kernel (`netlab.kernel.shaping` does). What is wrong by itself is a ValueError at once; what only the whole of a
direction can show (reordering needs something to overtake) is told by `check`, once it has been merged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import ClassVar, Literal, TypeVar

from netlab.fields import STRICT, doc
from netlab.units import ByteSize, Duration, Rate, Ratio

__all__ = [
    "Bandwidth",
    "Corruption",
    "Delay",
    "Duplication",
    "GilbertElliott",
    "Impairment",
    "Link",
    "Loss",
    "LossState",
    "Reordering",
    "Slot",
    "check",
    "merge",
]

RESEMBLES = (
    "How much each one's fate resembles the last one's. netem's share then shrinks, as that of correlated loss does."
)
"""netem mixes each random number with the last: the mixture is seldom small. Source: sch_netem.c:get_crandom()."""
MOST_JITTER_NS = 2**31 - 1
"""More is cut by the kernel. Source: net/sched/sch_netem.c:netem_change()."""
ROUNDING = 1e-9
"""Of shares that were added: 0.7 and 0.3 are the whole."""
LEAST_RATE = 8
"""The kernel counts whole bytes a second; none at all would be no limit."""
MOST_BURST_S = 274
"""What the kernel can tell of a burst: 32 bits of ticks of 64 ns. Source: net/sched/sch_tbf.c:tbf_dump()."""


@dataclass(frozen=True, kw_only=True)
class Delay:
    """How long packets are under way. A bare value is its `time`."""

    time: Duration = doc("How long each packet is delayed.")
    jitter: Duration | None = doc(
        "How far the delay spreads around that: at most that far if uniform, else its standard deviation. Packets "
        "overtake each other by it, unless there is a `rate`.",
        default=None,
    )
    correlation: Ratio | None = doc(
        "How much each packet's jitter resembles the last one's. Little of it is left: netem draws by a remainder, "
        "which resembles nothing.",
        default=None,
    )
    distribution: Literal["uniform", "normal", "pareto", "paretonormal"] | None = doc(
        "How the jitter is distributed. Default: uniform.", default=None
    )
    shorthand: ClassVar[str] = "time"
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT

    def __post_init__(self) -> None:
        for name in ("correlation", "distribution"):
            if self.jitter is None and getattr(self, name) is not None:
                raise ValueError(f"{name} without jitter; give a jitter, or leave the {name} out")
        if self.jitter is not None and self.jitter > self.time:
            raise ValueError("jitter is more than time; no packet arrives before it was sent")
        if self.jitter is not None and self.jitter > MOST_JITTER_NS:
            raise ValueError("jitter is more than 2147ms, the most that netem takes")


@dataclass(frozen=True, kw_only=True)
class GilbertElliott:
    """A path that is good or bad for a while."""

    p: Ratio = doc("Chance of going from good to bad, at each packet.")
    r: Ratio = doc("Chance of going from bad to good.")
    bad_loss: Ratio | None = doc("Share of packets lost while bad (1-h). Default: all.", default=None)
    good_loss: Ratio | None = doc("Share of packets lost while good (1-k). Default: none.", default=None)
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT


@dataclass(frozen=True, kw_only=True)
class LossState:
    """The four-state Markov chain of netem: 1 good, 3 a burst of losses, 2 good within a burst, 4 one loss alone."""

    p13: Ratio = doc("Chance of a burst's begin.")
    p31: Ratio = doc("Chance of a burst's end.")
    p32: Ratio | None = doc("Chance of going from lost to good within a burst. Default: 0%.", default=None)
    p23: Ratio | None = doc("Chance of going back to lost within a burst. Default: 100%.", default=None)
    p14: Ratio | None = doc("Chance of one loss alone. Default: 0%.", default=None)
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT

    def __post_init__(self) -> None:
        for first, second, state in (("p13", "p14", 1), ("p31", "p32", 3)):
            if (getattr(self, first) or 0) + (getattr(self, second) or 0) > 1 + ROUNDING:
                raise ValueError(f"{first} and {second} are more than the whole; both lead out of state {state}")


@dataclass(frozen=True, kw_only=True)
class Loss:
    """Which packets are lost: exactly one of random, gilbert_elliott and state. A bare value is `random`."""

    random: Ratio | None = doc("Share of packets lost.", default=None)
    correlation: Ratio | None = doc(
        "With `random`: how much each one's fate resembles the last one's. netem then loses far less than `random`: "
        "with 25%, 1.8% of the packets where 10% is asked, and none where 1% is. For losses in bursts take a model.",
        default=None,
    )
    gilbert_elliott: GilbertElliott | None = doc("Two states, good and bad.", default=None)
    state: LossState | None = doc("Four states.", default=None)
    shorthand: ClassVar[str] = "random"
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT

    def __post_init__(self) -> None:
        given = [name for name in ("random", "gilbert_elliott", "state") if getattr(self, name) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise ValueError(f"{found} given; give exactly one of random, gilbert_elliott and state")
        if self.correlation is not None and self.random is None:
            raise ValueError("correlation without random; a model says by itself how losses follow each other")


@dataclass(frozen=True, kw_only=True)
class Duplication:
    """Packets that arrive twice. A bare value is its `share`."""

    share: Ratio = doc("Share of packets duplicated.")
    correlation: Ratio | None = doc(RESEMBLES, default=None)
    shorthand: ClassVar[str] = "share"
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT


@dataclass(frozen=True, kw_only=True)
class Reordering:
    """Packets that overtake those which are delayed; needs a delay. A bare value is its `share`."""

    share: Ratio = doc("Share of packets sent at once.")
    correlation: Ratio | None = doc(RESEMBLES, default=None)
    gap: int | None = doc("Only each gap-th packet overtakes.", default=None)
    shorthand: ClassVar[str] = "share"
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT

    def __post_init__(self) -> None:
        _positive(self, "gap", 2**32 - 1)


@dataclass(frozen=True, kw_only=True)
class Corruption:
    """Packets in which one bit is turned. A bare value is its `share`."""

    share: Ratio = doc("Share of packets corrupted.")
    correlation: Ratio | None = doc(RESEMBLES, default=None)
    shorthand: ClassVar[str] = "share"
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT


@dataclass(frozen=True, kw_only=True)
class Slot:
    """Packets that are delivered in bunches, as a radio with time slots does."""

    min: Duration = doc("The shortest time between slots.")
    max: Duration | None = doc("The longest one. Default: `min`.", default=None)
    packets: int | None = doc("Most packets in a slot.", default=None)
    bytes: ByteSize | None = doc("Most bytes in a slot.", default=None)
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT

    def __post_init__(self) -> None:
        if not (self.min if self.max is None else self.max):
            raise ValueError("no time between slots; give a min, or a max, of more than nothing")
        if self.max is not None and self.max < self.min:
            raise ValueError("max is less than min; give both in their order")
        _positive(self, "packets", 2**31 - 1)
        _positive(self, "bytes", 2**31 - 1)


@dataclass(frozen=True, kw_only=True)
class Bandwidth:
    """A token bucket (tbf), which every kernel has. A bare value is its `rate`."""

    rate: Rate = doc("Bits a second, counted with Ethernet headers.")
    burst: ByteSize | None = doc(
        "Bytes that may pass at once. Default: what 10 ms carry, two full frames at least.", None
    )
    queue: ByteSize | None = doc(
        "Bytes that may wait; what comes then is lost. Default: what 100 ms carry, ten full frames at least.", None
    )
    shorthand: ClassVar[str] = "rate"
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT

    def __post_init__(self) -> None:
        _least_rate(self.rate)
        _positive(self, "burst", 2**31 - 1)
        _positive(self, "queue", 2**31 - 1)
        if self.burst is not None and self.burst * 8 > MOST_BURST_S * self.rate:
            raise ValueError(f"burst is more than the rate carries in {MOST_BURST_S} s, the most that tbf can tell")


@dataclass(frozen=True, kw_only=True)
class Impairment:
    """What happens to the packets of one direction."""

    delay: Delay | None = doc("How long packets are under way, 50ms; or with jitter.", default=None)
    loss: Loss | None = doc("Which packets are lost, 1%; or by a model.", default=None)
    duplicate: Duplication | None = doc("Which arrive twice, 1%.", default=None)
    reorder: Reordering | None = doc("Which overtake others, 25%.", default=None)
    corrupt: Corruption | None = doc("In which a bit is turned, 0.1%.", default=None)
    rate: Rate | None = doc("Bits a second, by netem: each packet takes its time.", default=None)
    limit: int | None = doc(
        "How many packets may be under way or wait; what comes then is lost. Default: all that the delay may hold, "
        "and 1000 that wait.",
        default=None,
    )
    slot: Slot | None = doc("Delivered in bunches.", default=None)
    seed: int | None = doc(
        "Where netem's dice start (Linux 6.6), so that the same packets meet the same fate. It decides neither about "
        "slots, nor which bit is turned, nor where a correlation begins.",
        default=None,
    )
    bandwidth: Bandwidth | None = doc("Bits a second, by a token bucket: for kernels without netem.", default=None)
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT

    def __post_init__(self) -> None:
        _least_rate(self.rate)
        _positive(self, "limit", 2**32 - 1)
        if self.seed is not None and not 0 <= self.seed < 2**64:
            raise ValueError(f"seed is {self.seed}; give a number from 0 to 2^64 - 1")

    @property
    def needs_netem(self) -> bool:
        """Anything but `bandwidth` is asked for."""
        names = {each.name for each in fields(Impairment)} - {"bandwidth"}
        return any(getattr(self, name) is not None for name in names)


@dataclass(frozen=True, kw_only=True)
class Link(Impairment):
    """A NIC's link: what holds for both directions, and what for one. A bare word is its `preset`."""

    preset: str | None = doc("Settings by name; what else is given stands instead of the preset's.", default=None)
    outbound: Impairment | None = doc("What is different from the host to the switch.", default=None)
    inbound: Impairment | None = doc("What is different from the switch to the host.", default=None)
    shorthand: ClassVar[str] = "preset"
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT


# --- several askers, one direction ---


def merge(asked: Sequence[Impairment]) -> Impairment:
    """What several askers want of one direction, as one: as if the path led through each of them in turn.

    delay       times add; jitters as independent spreads do (root of the sum of squares); the last correlation
                and distribution
    loss        independent: random 1 - (1-a)(1-b), with the last correlation; a model stands over random, the
                last over earlier ones. Random joins Gilbert-Elliott in both its states, and is lost beside
                `state`, which has no place for it, unless it is all
    duplicate   independent, as losses; the last correlation
    reorder     likewise, and the last gap
    corrupt     likewise
    rate        the least
    limit       the least
    slot        the last
    seed        the last
    bandwidth   the one with the least rate, with its burst and queue; of equal ones the last
    """
    return Impairment(
        delay=_over(_delays, (one.delay for one in asked)),
        loss=_over(_losses, (one.loss for one in asked)),
        duplicate=_over(_shares, (one.duplicate for one in asked)),
        reorder=_over(_reorderings, (one.reorder for one in asked)),
        corrupt=_over(_shares, (one.corrupt for one in asked)),
        rate=_over(min, (one.rate for one in asked)),
        limit=_over(min, (one.limit for one in asked)),
        slot=_over(_last, (one.slot for one in asked)),
        seed=_over(_last, (one.seed for one in asked)),
        bandwidth=_over(_narrowest, (one.bandwidth for one in asked)),
    )


def check(whole: Impairment) -> None:
    """Whether all that holds for a direction makes sense together. Raises: ValueError."""
    if whole.reorder is not None and whole.delay is None and whole.rate is None:
        raise ValueError("reorder without a delay; packets overtake only what is under way: give a delay, or a rate")


T = TypeVar("T")
Shared = TypeVar("Shared", Duplication, Corruption, Reordering)


def _over(join: Callable[[T, T], T], values: Iterable[T | None]) -> T | None:
    """All that are given, joined from the first to the last."""
    result: T | None = None
    for value in values:
        if value is not None:
            result = value if result is None else join(result, value)
    return result


def _last(one: T, other: T) -> T:
    return other


def _either(one: float, other: float) -> Ratio:
    """That at least one of two independent things happens."""
    return Ratio(1 - (1 - one) * (1 - other))


def _delays(one: Delay, other: Delay) -> Delay:
    spreads = [delay.jitter for delay in (one, other) if delay.jitter is not None]
    return Delay(
        time=Duration(one.time + other.time),
        jitter=Duration(min(math.isqrt(sum(jitter**2 for jitter in spreads)), MOST_JITTER_NS)) if spreads else None,
        correlation=_over(_last, (one.correlation, other.correlation)),
        distribution=_over(_last, (one.distribution, other.distribution)),
    )


def _losses(one: Loss, other: Loss) -> Loss:
    if one.random is not None and other.random is not None:
        correlation = _over(_last, (one.correlation, other.correlation))
        return Loss(random=_either(one.random, other.random), correlation=correlation)
    if one.random is None and other.random is None:
        return other
    model, plain = (other, one) if one.random is not None else (one, other)
    assert plain.random is not None
    if plain.random >= 1:
        return plain
    if model.gilbert_elliott is None:
        return model
    states = model.gilbert_elliott
    bad = _either(1 if states.bad_loss is None else states.bad_loss, plain.random)
    good = _either(states.good_loss or 0, plain.random)
    return Loss(gilbert_elliott=replace(states, bad_loss=bad, good_loss=good))


def _shares(one: Shared, other: Shared) -> Shared:
    correlation = _over(_last, (one.correlation, other.correlation))
    return replace(other, share=_either(one.share, other.share), correlation=correlation)


def _reorderings(one: Reordering, other: Reordering) -> Reordering:
    return replace(_shares(one, other), gap=_over(_last, (one.gap, other.gap)))


def _narrowest(one: Bandwidth, other: Bandwidth) -> Bandwidth:
    return one if one.rate < other.rate else other


def _positive(value: object, name: str, most: int) -> None:
    number = getattr(value, name)
    if number is not None and not 0 < number <= most:
        raise ValueError(f"{name} is {number}; give a number from 1 to {most}")


def _least_rate(rate: Rate | None) -> None:
    if rate is not None and rate < LEAST_RATE:
        raise ValueError(f"a rate of {rate} bit; give {LEAST_RATE}bit at least, a byte a second")
