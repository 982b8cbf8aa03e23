"""The kernel's part of a timeline: states of sockets as they changed, as they were looked at, and what a router tracks.

Without tracepoints (rootless) the changes are those between one socket table and the next, told when it was read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from netlab.outputs._moment import Moment
from netlab.records import (
    Address,
    Call,
    Fault,
    Lookup,
    RunRecord,
    SocketInfo,
    SocketState,
    SocketTable,
    Step,
    TrackingTable,
)
from netlab.units import human_duration


def states(record: RunRecord) -> Iterator[Moment]:
    traced = record.of(SocketState)
    for change in traced:
        yield Moment(change.time_ns, "state", _change(change.old, change.new), change.host, style="cyan")
    if not traced:
        yield from _tabled_states(record)


def _change(old: str | None, new: str) -> str:
    return new if old in (None, "CLOSE") else f"{old} → {new}"


def _tabled_states(record: RunRecord) -> Iterator[Moment]:
    """State changes as the socket tables of each host show them, one after the other."""
    known: dict[str, dict[tuple[Address, Address], str]] = {}
    for table in record.of(SocketTable):
        before = known.get(table.host, {})
        after = {_pair(row): row.state for row in table.sockets}
        for pair in {**before, **after}:
            old, new = before.get(pair), after.get(pair, "gone")
            if old != new:
                yield Moment(table.end_ns, "state", _change(old, new), table.host, style="cyan")
        known[table.host] = after


def observations(record: RunRecord) -> Iterator[Moment]:
    """What the steps that only look (check, wait, half-open) saw at last in the table of each host that had sockets."""
    acting = {call.step for call in record.of(Call)} | {fault.step for fault in record.of(Fault)}
    last = {(table.step, table.host): table for table in record.of(SocketTable) if table.step not in acting}
    played = {step.index for step in record.of(Step)}
    ends = {table.host for table in record.of(SocketTable) if table.sockets}
    for (step, host), table in last.items():
        if step in played and host in ends:
            rows = [row for row in table.sockets if row.state != "LISTEN"]
            yield Moment(table.end_ns, "state", f"has {_held(rows) or 'no socket'}", host, style="bold cyan")


def _held(rows: list[SocketInfo]) -> str:
    """The states of these sockets; of a single one that only time will end also how long it has left."""
    if len(rows) == 1 and rows[0].timer == "time-wait":
        return f"{rows[0].state} ({human_duration(rows[0].timer_ms * 10**6)})"
    states = Counter(row.state for row in rows)
    return ", ".join(state if count == 1 else f"{count} × {state}" for state, count in states.items())


def lookups(record: RunRecord) -> Iterator[Moment]:
    for lookup in record.of(Lookup):
        found = lookup.found.state if lookup.found else "no socket"
        yield Moment(lookup.time_ns, "state", f"finds {found}", lookup.host, style="bold cyan")


def tracked(record: RunRecord) -> Iterator[Moment]:
    """What a router tracked, whenever that is another state than before."""
    known: dict[str, str] = {}
    for table in record.of(TrackingTable):
        states = ", ".join(entry.state for entry in table.entries if entry.state) or "nothing"
        if states != known.setdefault(table.host, "nothing"):
            known[table.host] = states
            yield Moment(table.end_ns, "tracked", f"{table.host} tracks {states}", style="cyan")


def _pair(row: SocketInfo) -> tuple[Address, Address]:
    return row.local, row.remote
