"""netem's options: from an Impairment to what the kernel takes, and back from what it tells.

Rules: pure. Every option goes with every message, as the kernel keeps what a change does not mention
(`netem_change`). Only a distribution's table cannot be taken away, so each jitter comes with its own, uniform too. What
was asked and what the kernel tells are equal to the last bit but for the table, which it does not tell, and for the
seed, which it chooses where none was asked: 64-bit nanoseconds, shares of 2^32 - 1, whole bytes a second.

Source: include/uapi/linux/pkt_sched.h; net/sched/sch_netem.c; tc-netem(8) for the defaults of the loss models.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

from pyroute2.netlink import nla

from netlab.impairment import Corruption, Duplication, GilbertElliott, Impairment, Loss, LossState, Reordering, Slot
from netlab.kernel import distributions
from netlab.kernel.qdiscs import TICK_NS, QdiscMessage

WHOLE = 2**32 - 1
"""A share of 1: all packets."""

WAITING = 1000
"""Packets that may wait for a rate where no limit is asked for, as behind any NIC (txqueuelen)."""
FASTEST = 1_000_000
"""Packets a second: several times what a veth carries here, so that nothing but a rate makes packets wait, and a limit
that holds them for the delay is never met."""
SMALLEST = 60
"""Bytes of the smallest Ethernet frame, without its checksum."""
MOST_DEVIATIONS = 4
"""What distributions.py cuts off at."""


@dataclass(frozen=True, kw_only=True)
class Netem:
    """A netem qdisc's options in the kernel's own units; shares are of WHOLE."""

    limit: int
    latency_ns: int = 0
    jitter_ns: int = 0
    delay_correlation: int = 0
    distribution: str | None = field(default=None, compare=False)
    loss: int = 0
    loss_correlation: int = 0
    gilbert_elliott: tuple[int, int, int, int] | None = None
    """p, r, h, 1-k: h is the share that survives while bad, 1-k the one lost while good."""
    state: tuple[int, int, int, int, int] | None = None
    """p13, p31, p32, p14, p23."""
    duplicate: int = 0
    duplicate_correlation: int = 0
    reorder: int = 0
    reorder_correlation: int = 0
    gap: int = 0
    corrupt: int = 0
    corrupt_correlation: int = 0
    rate: int = 0
    """Bytes a second; 0 for no limit."""
    slot: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Shortest and longest time between slots in ns, most packets, most bytes."""
    seed: int | None = None


def netem(wanted: Impairment, waiting: int = 0) -> Netem:
    """The options for what is asked; `bandwidth` is not netem's. `waiting`: packets that may wait in its child."""
    loss, delay = wanted.loss, wanted.delay
    duplicate, reorder, corrupt = map(_chance, (wanted.duplicate, wanted.reorder, wanted.corrupt))
    return Netem(
        limit=wanted.limit or _limit(wanted) + waiting,
        latency_ns=delay.time if delay else 0,
        jitter_ns=(delay.jitter or 0) if delay else 0,
        delay_correlation=_share(delay.correlation if delay else None),
        distribution=(delay.distribution or "uniform") if delay and delay.jitter else None,
        loss=_share(loss.random if loss else None),
        loss_correlation=_share(loss.correlation if loss else None),
        **_model(loss),
        duplicate=duplicate[0],
        duplicate_correlation=duplicate[1],
        reorder=reorder[0],
        reorder_correlation=reorder[1],
        gap=(wanted.reorder.gap or 1) if wanted.reorder else 0,
        corrupt=corrupt[0],
        corrupt_correlation=corrupt[1],
        rate=(wanted.rate or 0) // 8,
        slot=_slot(wanted.slot),
        seed=wanted.seed,
    )


def _share(ratio: float | None) -> int:
    return round((ratio or 0) * WHOLE)


def _chance(asked: Duplication | Reordering | Corruption | None) -> tuple[int, int]:
    """Its share and its correlation."""
    return (_share(asked.share), _share(asked.correlation)) if asked else (0, 0)


def _limit(wanted: Impairment) -> int:
    """All the packets that can be under way at once, and those that wait for the rate."""
    under_way_ns = 0
    if wanted.delay is not None:
        under_way_ns += wanted.delay.time + MOST_DEVIATIONS * (wanted.delay.jitter or 0)
    if wanted.slot is not None:
        under_way_ns += wanted.slot.max or wanted.slot.min
    fastest = FASTEST if wanted.rate is None else min(FASTEST, wanted.rate // 8 // SMALLEST + 1)
    return min(WAITING + under_way_ns * fastest // 10**9, WHOLE)


def _model(loss: Loss | None) -> dict[str, Any]:
    if loss is None:
        return {}
    return {"gilbert_elliott": _gilbert_elliott(loss.gilbert_elliott), "state": _state(loss.state)}


def _gilbert_elliott(model: GilbertElliott | None) -> tuple[int, int, int, int] | None:
    if model is None:
        return None
    surviving = 0 if model.bad_loss is None else WHOLE - _share(model.bad_loss)
    return _share(model.p), _share(model.r), surviving, _share(model.good_loss)


def _state(model: LossState | None) -> tuple[int, int, int, int, int] | None:
    """The two chances that lead out of a state are added by the kernel, in 32 bits: they must not exceed WHOLE."""
    if model is None:
        return None
    p14, p32 = _share(model.p14), _share(model.p32)
    p13, p31 = min(_share(model.p13), WHOLE - p14), min(_share(model.p31), WHOLE - p32)
    return p13, p31, p32, p14, WHOLE if model.p23 is None else _share(model.p23)


def _slot(slot: Slot | None) -> tuple[int, int, int, int]:
    if slot is None:
        return 0, 0, 0, 0
    return slot.min, slot.min if slot.max is None else slot.max, slot.packets or 0, slot.bytes or 0


# --- as messages ---


class NetemMessage(QdiscMessage):
    """A qdisc message whose options are netem's. The order of each nla_map is that of the kernel's enum."""

    class options(nla):  # type: ignore[misc]
        fields = (("latency", "I"), ("limit", "I"), ("loss", "I"), ("gap", "I"), ("duplicate", "I"), ("jitter", "I"))
        nla_map = (
            ("TCA_NETEM_UNSPEC", "none"),
            ("TCA_NETEM_CORR", "correlations"),
            ("TCA_NETEM_DELAY_DIST", "cdata"),
            ("TCA_NETEM_REORDER", "chance"),
            ("TCA_NETEM_CORRUPT", "chance"),
            ("TCA_NETEM_LOSS", "model"),
            ("TCA_NETEM_RATE", "rate"),
            ("TCA_NETEM_ECN", "uint32"),
            ("TCA_NETEM_RATE64", "uint64"),
            ("TCA_NETEM_PAD", "none"),
            ("TCA_NETEM_LATENCY64", "int64"),
            ("TCA_NETEM_JITTER64", "int64"),
            ("TCA_NETEM_SLOT", "slot"),
            ("TCA_NETEM_SLOT_DIST", "cdata"),
            ("TCA_NETEM_PRNG_SEED", "uint64"),
        )

        class correlations(nla):  # type: ignore[misc]
            fields = (("delay", "I"), ("loss", "I"), ("duplicate", "I"))

        class chance(nla):  # type: ignore[misc]
            fields = (("share", "I"), ("correlation", "I"))

        class rate(nla):  # type: ignore[misc]
            fields = (("rate", "I"), ("packet_overhead", "i"), ("cell_size", "I"), ("cell_overhead", "i"))

        class slot(nla):  # type: ignore[misc]
            fields = (
                ("min", "q"),
                ("max", "q"),
                ("packets", "i"),
                ("bytes", "i"),
                ("delay", "q"),
                ("jitter", "q"),
            )

        class model(nla):  # type: ignore[misc]
            nla_map = (("NETEM_LOSS_UNSPEC", "none"), ("NETEM_LOSS_GI", "state"), ("NETEM_LOSS_GE", "gilbert_elliott"))

            class state(nla):  # type: ignore[misc]
                fields = (("p13", "I"), ("p31", "I"), ("p32", "I"), ("p14", "I"), ("p23", "I"))

            class gilbert_elliott(nla):  # type: ignore[misc]
                fields = (("p", "I"), ("r", "I"), ("h", "I"), ("k1", "I"))


_SLOT_PADDING = {"delay": 0, "jitter": 0}


def options(wanted: Netem) -> dict[str, Any]:
    """What TCA_OPTIONS carries."""
    model = NetemMessage.options.model
    attrs: list[tuple[str, Any]] = [
        (
            "TCA_NETEM_CORR",
            {
                "delay": wanted.delay_correlation,
                "loss": wanted.loss_correlation,
                "duplicate": wanted.duplicate_correlation,
            },
        ),
        ("TCA_NETEM_REORDER", {"share": wanted.reorder, "correlation": wanted.reorder_correlation}),
        ("TCA_NETEM_CORRUPT", {"share": wanted.corrupt, "correlation": wanted.corrupt_correlation}),
        (
            "TCA_NETEM_RATE",
            {"rate": min(wanted.rate, WHOLE), "packet_overhead": 0, "cell_size": 0, "cell_overhead": 0},
        ),
        ("TCA_NETEM_LATENCY64", wanted.latency_ns),
        ("TCA_NETEM_JITTER64", wanted.jitter_ns),
        ("TCA_NETEM_SLOT", dict(zip(("min", "max", "packets", "bytes"), wanted.slot)) | _SLOT_PADDING),
    ]
    if wanted.rate > WHOLE:
        attrs.append(("TCA_NETEM_RATE64", wanted.rate))
    for name, key in (("state", "NETEM_LOSS_GI"), ("gilbert_elliott", "NETEM_LOSS_GE")):
        chances = getattr(wanted, name)
        if chances is not None:
            names = (field for field, _ in getattr(model, name).fields)
            attrs.append(("TCA_NETEM_LOSS", {"attrs": [(key, dict(zip(names, chances)))]}))
    if wanted.distribution is not None:
        attrs.append(("TCA_NETEM_DELAY_DIST", distributions.table(wanted.distribution)))
    if wanted.seed is not None:
        attrs.append(("TCA_NETEM_PRNG_SEED", wanted.seed))
    return {
        "latency": min(wanted.latency_ns // TICK_NS, WHOLE),
        "limit": wanted.limit,
        "loss": wanted.loss,
        "gap": wanted.gap,
        "duplicate": wanted.duplicate,
        "jitter": wanted.jitter_ns // TICK_NS,
        "attrs": attrs,
    }


def decode(data: bytes) -> Netem:
    """The options that a qdisc message of kind netem tells."""
    message = NetemMessage(data)
    message.decode()
    found = message.get_attr("TCA_OPTIONS")
    correlations, loss = found.get_attr("TCA_NETEM_CORR"), found.get_attr("TCA_NETEM_LOSS")
    reorder, corrupt = found.get_attr("TCA_NETEM_REORDER"), found.get_attr("TCA_NETEM_CORRUPT")
    return Netem(
        limit=found["limit"],
        latency_ns=found.get_attr("TCA_NETEM_LATENCY64"),
        jitter_ns=found.get_attr("TCA_NETEM_JITTER64"),
        delay_correlation=correlations["delay"],
        loss=found["loss"],
        loss_correlation=correlations["loss"],
        gilbert_elliott=_values(loss and loss.get_attr("NETEM_LOSS_GE")),
        state=_values(loss and loss.get_attr("NETEM_LOSS_GI")),
        duplicate=found["duplicate"],
        duplicate_correlation=correlations["duplicate"],
        reorder=reorder["share"],
        reorder_correlation=reorder["correlation"],
        gap=found["gap"],
        corrupt=corrupt["share"],
        corrupt_correlation=corrupt["correlation"],
        rate=found.get_attr("TCA_NETEM_RATE64") or found.get_attr("TCA_NETEM_RATE")["rate"],
        slot=(_values(found.get_attr("TCA_NETEM_SLOT")) or (0, 0, 0, 0))[:4],
        seed=found.get_attr("TCA_NETEM_PRNG_SEED"),
    )


def _values(struct: Any) -> Any:
    """The fields of a struct, in order; None where there is none."""
    return None if struct is None else tuple(struct[name] for name, _ in struct.fields)


def differences(asked: Netem, found: Netem) -> Iterator[str]:
    """What the kernel tells otherwise than it was asked, in words."""
    for each in fields(Netem):
        wanted, told = getattr(asked, each.name), getattr(found, each.name)
        if each.compare and wanted != told and not (each.name == "seed" and wanted is None):
            yield f"{each.name} is {told}, and was to be {wanted}"


__all__ = ["Netem", "NetemMessage", "decode", "differences", "netem", "options"]
