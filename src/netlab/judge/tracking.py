"""Connection tracking tables as witnesses: which entries a question is about, and whether they are as it asks.

Rules: pure. Only entries of TCP count: others have no state. An entry is known by a port at either end of either of its
sides, so that the port a NAT lends will do as well as the one it stands for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from netlab.fields import STRICT, doc
from netlab.records import RunRecord, Tracked, TrackingTable
from netlab.spec import Ref
from netlab.units import Duration, human_duration

__all__ = ["AskedEntry", "entry_text", "read_at"]

SECOND = 10**9

TrackedState = Literal[
    "SYN-SENT",
    "SYN-RECV",
    "ESTABLISHED",
    "FIN-WAIT",
    "CLOSE-WAIT",
    "LAST-ACK",
    "TIME-WAIT",
    "CLOSE",
    "none",
]
"""The states of connection tracking, which are not RFC 9293's. Source: net/netfilter/nf_conntrack_proto_tcp.c."""


@dataclass(frozen=True, kw_only=True)
class AskedEntry:
    """What a host's connection tracking table must hold."""

    host: Annotated[str, Ref("host")] = doc("Whose table.")
    state: TrackedState = doc("An entry is in this state; none: there is no entry.")
    port: int | None = doc("Only entries with this port at either end.", default=None)
    least: Duration | None = doc("It is kept for at least this long, if no packet comes.", default=None)
    most: Duration | None = doc("It is kept for at most this long.", default=None)
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT

    def __post_init__(self) -> None:
        if self.state == "none" and not (self.least is None and self.most is None):
            raise ValueError("least and most belong to an entry; with `none` there is none")

    def __str__(self) -> str:
        bounds = [f"at least {human_duration(self.least)} left"] if self.least is not None else []
        bounds += [f"at most {human_duration(self.most)} left"] if self.most is not None else []
        return ", ".join([self.state, *bounds])

    def selected(self, entries: Sequence[Tracked]) -> list[Tracked]:
        """The entries that this question is about."""
        return [entry for entry in entries if entry.protocol == "tcp" and self.port in (None, *_ports(entry))]

    def holds(self, entries: Sequence[Tracked]) -> bool:
        """Whether some of the selected entries is as asked."""
        chosen = self.selected(entries)
        if self.state == "none":
            return not chosen
        return any(
            entry.state == self.state
            and (self.least is None or entry.left_s * SECOND >= self.least)
            and (self.most is None or entry.left_s * SECOND <= self.most)
            for entry in chosen
        )

    def shown(self, entries: Sequence[Tracked]) -> str:
        """The selected entries in words."""
        return ", ".join(map(entry_text, self.selected(entries))) or "no entry"


def _ports(entry: Tracked) -> list[int]:
    ends = (entry.source, entry.target, entry.answer_source, entry.answer_target)
    return [end.port for end in ends]


def entry_text(entry: Tracked) -> str:
    """An entry in one line: "ESTABLISHED 10.78.0.2:40000 > 10.77.0.1:9000 as 10.77.0.254:40000, 2 s left"."""
    lent = "" if entry.answer_target == entry.source else f" as {entry.answer_target}"
    return f"{entry.state or entry.protocol} {entry.source} > {entry.target}{lent}, {entry.left_s} s left"


def read_at(record: RunRecord, host: str, step: int) -> TrackingTable | None:
    """The first table of this host that was read at a step."""
    return next((t for t in record.of(TrackingTable) if t.host == host and t.step == step), None)
