"""Puts a run's record together: what the supervisor streamed, and what the capture spool holds.

Rules: pure but for reading the spool and writing the capture file. Everything gets the run's own clock here: streamed
times are CLOCK_MONOTONIC, packet stamps CLOCK_REALTIME, both become nanoseconds since the run began. One pass over the
spool feeds both the segments and the capture file.
"""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

from netlab.judge import resets
from netlab.records import (
    Call,
    Counters,
    Environment,
    Fault,
    ResetReceived,
    ResetSent,
    RunRecord,
    Segment,
    SocketTable,
    Step,
    Trouble,
    rebase,
)
from netlab.wire import pcapng
from netlab.wire.segments import Observed, Observer
from netlab.wire.spool import Spool


def assemble(record: RunRecord, spool_fd: int, owners: dict[str, str], capture: Path) -> RunRecord:
    """The whole record of a run that has ended, and its capture file.

    `owners` maps each address of the lab to its host.
    """
    origin_ns = record.environment.origin_ns
    with Spool(spool_fd) as spool:
        observed, packets = read_wire(spool, record, owners, capture)
        troubles = wire_troubles(spool, origin_ns)
    wire = [rebase(seen, origin_ns) for seen in (*observed.segments, *observed.frames)]
    events = sorted([*record.events, *mark_injected(record, wire), *troubles], key=lambda each: each.time_ns)
    record = dataclasses.replace(record, events=tuple(events), packets=packets)
    found = resets.derive(
        record.of(Segment),
        record.of(ResetSent),
        record.of(ResetReceived),
        record.of(Counters),
        record.of(SocketTable),
        record.environment.witnesses.get("kernel", "full"),
    )
    return dataclasses.replace(record, resets=found, environment=with_troubles(record))


def read_wire(spool: Spool, record: RunRecord, owners: dict[str, str], capture: Path) -> tuple[Observed, int]:
    """What the wire showed, and how many packets went into the capture file."""
    observer = Observer(owners, spool.offset_ns)
    shift_ns = record.environment.origin_ns + spool.offset_ns
    with capture.open("wb") as file:
        writer = pcapng.Writer(spool.points, markers(record, shift_ns), file.write, record.environment.kernel)
        for packet in spool.packets():
            observer.see(packet)
            writer.see(packet)
        writer.finish()
    return observer.finish(), writer.packets


def markers(record: RunRecord, shift_ns: int) -> list[pcapng.Marker]:
    """Each step and each fault, at its moment on the wall clock."""
    steps = [(step.time_ns + shift_ns, f"{step.name}: {step.text}") for step in record.of(Step)]
    faults = [
        (fault.time_ns + shift_ns, f"{fault.action} {fault.fault} {fault.target} ({words(fault)})".replace(" ()", ""))
        for fault in record.of(Fault)
    ]
    return steps + faults


def words(fault: Fault) -> str:
    """A fault's details in words: "how remove"."""
    return ", ".join(f"{name} {value}" for name, value in fault.details.items())


def mark_injected(record: RunRecord, wire: list[Any]) -> list[Any]:
    """The wire's records, with those segments marked that a `segment` step put there."""
    for call in record.of(Call):
        if call.call == "segment" and call.error is None:
            place = next((at for at, seen in enumerate(wire) if is_injection(seen, call)), None)
            if place is not None:
                wire[place] = dataclasses.replace(wire[place], injected=True)
    return wire


def is_injection(seen: Any, call: Call) -> bool:
    """Whether this is the segment that the call put on the wire."""
    return (
        isinstance(seen, Segment)
        and not seen.injected
        and seen.time_ns >= call.time_ns
        and (seen.as_sent.source, seen.as_sent.target) == (call.local, call.remote)
        and all(call.result.get(name) == getattr(seen, name) for name in ("seq", "ack", "flags"))
    )


def wire_troubles(spool: Spool, origin_ns: int) -> list[Trouble]:
    """What the wire's witness may have missed."""
    now_ns = time.monotonic_ns() - origin_ns
    if spool.end is None:
        return [Trouble(now_ns, "wire", "the capture process ended before its time; what came later was not seen")]
    return spool.end.troubles(now_ns)


def with_troubles(record: RunRecord) -> Environment:
    """The environment, saying which witness was incomplete."""
    witnesses = {**record.environment.witnesses}
    for trouble in record.of(Trouble):
        if trouble.witness in witnesses:
            witnesses[trouble.witness] = f"incomplete: {trouble.what}"
    return dataclasses.replace(record.environment, witnesses=witnesses)
