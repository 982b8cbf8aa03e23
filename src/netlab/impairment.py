"""What a path does to packets on their way: the language of tc-netem(8), for one direction of one link.

Rules: plain dataclasses like those of `netlab.spec`. What is None is not asked for. Pure: nothing here touches the
kernel (`netlab.kernel.shaping` does).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from netlab.fields import STRICT, doc
from netlab.units import ByteSize, Duration, Rate, Ratio

__all__ = ["Bandwidth", "Corruption", "Delay", "Duplication", "Impairment", "Link", "Loss", "Reordering", "Slot"]


@dataclass(frozen=True, kw_only=True)
class Delay:
    """How long packets are under way. A bare value is its `time`."""

    time: Duration = doc("How long each packet is delayed.")
    jitter: Duration | None = doc("How far the delay spreads around that.", default=None)
    correlation: Ratio | None = doc("How much each packet's jitter resembles the last one's.", default=None)
    distribution: Literal["uniform", "normal", "pareto", "paretonormal"] | None = doc(
        "How the jitter is distributed. Default: uniform.", default=None
    )
    shorthand: ClassVar[str] = "time"
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT


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
    p32: Ratio | None = doc("Chance of going from lost to good within a burst.", default=None)
    p23: Ratio | None = doc("Chance of going back to lost within a burst.", default=None)
    p14: Ratio | None = doc("Chance of one loss alone.", default=None)
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT


@dataclass(frozen=True, kw_only=True)
class Loss:
    """Which packets are lost: exactly one of random, gilbert_elliott and state. A bare value is `random`."""

    random: Ratio | None = doc("Share of packets lost.", default=None)
    correlation: Ratio | None = doc("With `random`: how much each one's fate resembles the last one's.", default=None)
    gilbert_elliott: GilbertElliott | None = doc("Two states, good and bad.", default=None)
    state: LossState | None = doc("Four states.", default=None)
    shorthand: ClassVar[str] = "random"
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT


@dataclass(frozen=True, kw_only=True)
class Duplication:
    """Packets that arrive twice. A bare value is its `share`."""

    share: Ratio = doc("Share of packets duplicated.")
    correlation: Ratio | None = doc("How much each one's fate resembles the last one's.", default=None)
    shorthand: ClassVar[str] = "share"
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT


@dataclass(frozen=True, kw_only=True)
class Reordering:
    """Packets that overtake those which are delayed; needs a delay. A bare value is its `share`."""

    share: Ratio = doc("Share of packets sent at once.")
    correlation: Ratio | None = doc("How much each one's fate resembles the last one's.", default=None)
    gap: int | None = doc("Only each gap-th packet overtakes.", default=None)
    shorthand: ClassVar[str] = "share"
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT


@dataclass(frozen=True, kw_only=True)
class Corruption:
    """Packets in which one bit is turned. A bare value is its `share`."""

    share: Ratio = doc("Share of packets corrupted.")
    correlation: Ratio | None = doc("How much each one's fate resembles the last one's.", default=None)
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


@dataclass(frozen=True, kw_only=True)
class Bandwidth:
    """A token bucket (tbf), which every kernel has. A bare value is its `rate`."""

    rate: Rate = doc("Bits a second, counted with Ethernet headers.")
    burst: ByteSize | None = doc(
        "Bytes that may pass at once. Default: what 10 ms carry, two full frames at least.", None
    )
    queue: ByteSize | None = doc("Bytes that may wait; what comes then is lost. Default: what 100 ms carry.", None)
    shorthand: ClassVar[str] = "rate"
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT


@dataclass(frozen=True, kw_only=True)
class Impairment:
    """What happens to the packets of one direction."""

    delay: Delay | None = doc("How long packets are under way, 50ms; or with jitter.", default=None)
    loss: Loss | None = doc("Which packets are lost, 1%; or by a model.", default=None)
    duplicate: Duplication | None = doc("Which arrive twice, 1%.", default=None)
    reorder: Reordering | None = doc("Which overtake others, 25%.", default=None)
    corrupt: Corruption | None = doc("In which a bit is turned, 0.1%.", default=None)
    rate: Rate | None = doc("Bits a second, by netem: each packet takes its time.", default=None)
    limit: int | None = doc("How many packets may be under way or wait; what comes then is lost.", default=None)
    slot: Slot | None = doc("Delivered in bunches.", default=None)
    seed: int | None = doc("Where netem's dice start (Linux 6.6), so that runs repeat.", default=None)
    bandwidth: Bandwidth | None = doc("Bits a second, by a token bucket: for kernels without netem.", default=None)
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT

    @property
    def needs_netem(self) -> bool:
        """Anything but `bandwidth` is asked for."""
        return any(getattr(self, name) is not None for name in self.__dataclass_fields__ if name != "bandwidth")


@dataclass(frozen=True, kw_only=True)
class Link(Impairment):
    """A NIC's link: what holds for both directions, and what for one. A bare word is its `preset`."""

    preset: str | None = doc("Settings by name; what else is given stands instead of the preset's.", default=None)
    outbound: Impairment | None = doc("What is different from the host to the switch.", default=None)
    inbound: Impairment | None = doc("What is different from the switch to the host.", default=None)
    shorthand: ClassVar[str] = "preset"
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT
