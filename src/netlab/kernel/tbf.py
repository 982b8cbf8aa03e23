"""tbf's options, a token bucket: from a Bandwidth to what the kernel takes, and back from what it tells.

    queue (bfifo, `limit` bytes) ──▶ [bucket of `burst` bytes, filled at `rate`] ──▶

Rules: pure. A packet leaves when the bucket holds as many tokens as it has bytes, its Ethernet header included. One
that is larger than the bucket would never leave, and is lost at once; so a bucket holds two full frames at least. The
kernel keeps the bucket as time, and tells it in ticks of 64 ns.

Source: include/uapi/linux/pkt_sched.h; net/sched/sch_tbf.c; tc-tbf(8).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from pyroute2.netlink import nla

from netlab.impairment import Bandwidth
from netlab.kernel.qdiscs import TICK_NS, QdiscMessage

ETHERNET_HEADER = 14
TC_LINKLAYER_ETHERNET = 1
"""Said with the rate, the kernel needs no rate table (TCA_TBF_RTAB) to guess it from."""
MOST = 2**32 - 1
ROUNDED_TICKS = 3
"""The kernel's multiplier for a rate has 31 bits, and a burst at most 32 bits of ticks: two lost there, one where ticks
are whole. Source: psched_ratecfg_precompute() in net/sched/sch_generic.c."""
LEAST_FRAMES = 10
"""That a queue holds, however slow the link is."""


@dataclass(frozen=True, kw_only=True)
class Tbf:
    """A tbf qdisc's options, in bytes."""

    rate: int
    """A second."""
    burst: int
    limit: int

    @property
    def ticks(self) -> int:
        """How long the rate takes to fill the bucket."""
        return self.burst * 10**9 // self.rate // TICK_NS


OPEN = Tbf(rate=10**12, burst=2**31 - 1, limit=2**31 - 1)
"""No limit to speak of: a terabyte a second."""


def tbf(wanted: Bandwidth, mtu: int) -> Tbf:
    """The options for what is asked, on a device of this MTU."""
    rate, frame = wanted.rate // 8, mtu + ETHERNET_HEADER
    return Tbf(
        rate=rate,
        burst=wanted.burst or max(rate // 100, 2 * frame),
        limit=wanted.queue or max(rate // 10, LEAST_FRAMES * frame),
    )


class TbfMessage(QdiscMessage):
    """A qdisc message whose options are tbf's. The order of nla_map is that of the kernel's enum."""

    class options(nla):  # type: ignore[misc]
        nla_map = (
            ("TCA_TBF_UNSPEC", "none"),
            ("TCA_TBF_PARMS", "parameters"),
            ("TCA_TBF_RTAB", "cdata"),
            ("TCA_TBF_PTAB", "cdata"),
            ("TCA_TBF_RATE64", "uint64"),
            ("TCA_TBF_PRATE64", "uint64"),
            ("TCA_TBF_BURST", "uint32"),
            ("TCA_TBF_PBURST", "uint32"),
            ("TCA_TBF_PAD", "none"),
        )

        class parameters(nla):  # type: ignore[misc]
            """struct tc_tbf_qopt: two struct tc_ratespec (the second, of a peak rate, is not used), limit, buckets."""

            fields = (
                ("cell_log", "B"),
                ("linklayer", "B"),
                ("overhead", "H"),
                ("cell_align", "h"),
                ("mpu", "H"),
                ("rate", "I"),
                ("peak", "12s"),
                ("limit", "I"),
                ("buffer", "I"),
                ("mtu", "I"),
            )


def options(wanted: Tbf) -> dict[str, Any]:
    """What TCA_OPTIONS carries."""
    parameters = {
        "cell_log": 0,
        "linklayer": TC_LINKLAYER_ETHERNET,
        "overhead": 0,
        "cell_align": 0,
        "mpu": 0,
        "rate": min(wanted.rate, MOST),
        "peak": bytes(12),
        "limit": wanted.limit,
        "buffer": wanted.ticks,
        "mtu": 0,
    }
    attrs: list[tuple[str, Any]] = [("TCA_TBF_PARMS", parameters), ("TCA_TBF_BURST", wanted.burst)]
    if wanted.rate > MOST:
        attrs.append(("TCA_TBF_RATE64", wanted.rate))
    return {"attrs": attrs}


class Told(NamedTuple):
    """What the kernel tells of a tbf qdisc."""

    rate: int
    limit: int
    ticks: int


def decode(data: bytes) -> Told:
    """The options that a qdisc message of kind tbf tells."""
    message = TbfMessage(data)
    message.decode()
    found = message.get_attr("TCA_OPTIONS")
    parameters = found.get_attr("TCA_TBF_PARMS")
    rate = found.get_attr("TCA_TBF_RATE64") or parameters["rate"]
    return Told(rate, parameters["limit"], parameters["buffer"])


def differences(asked: Tbf, found: Told) -> Iterator[str]:
    """What the kernel tells otherwise than it was asked, in words."""
    if found.rate != asked.rate:
        yield f"rate is {found.rate} bytes a second, and was to be {asked.rate}"
    if found.limit != asked.limit:
        yield f"limit is {found.limit} bytes, and was to be {asked.limit}"
    if abs(found.ticks - asked.ticks) > ROUNDED_TICKS:
        yield f"burst takes {found.ticks * TICK_NS} ns, and was to take {asked.ticks * TICK_NS}"


__all__ = ["OPEN", "Tbf", "TbfMessage", "Told", "decode", "differences", "options", "tbf"]
