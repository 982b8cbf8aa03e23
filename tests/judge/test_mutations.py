"""Verdicts flip when a record is changed: each mutation of a passing run is noticed.

The records are the builder's and every `tests/data/half-open*.record.json`: what real runs left behind, as root and as
an ordinary user (whose reasons follow from the counters).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from netlab.judge import verdict
from netlab.judge.sequence import flag_letters
from netlab.records import Event, RunRecord, Segment, SocketTable, Trouble, Verdict, record_from_json
from tests.judge.builder import HALF_OPEN_LAB, half_open

DATA = sorted((Path(__file__).parents[1] / "data").glob("half-open*.record.json"))
FAIL, UNKNOWN = {Verdict.FAIL}, {Verdict.UNKNOWN}


@dataclass(frozen=True)
class Case:
    """A run that passed, and how its verdict is made."""

    record: RunRecord
    judge: Callable[[RunRecord], RunRecord]


def cases() -> list[object]:
    """Every record there is, each by its name."""
    built = Case(half_open().record(), lambda record: verdict.judge(HALF_OPEN_LAB, record))
    return [pytest.param(built, id="built"), *(pytest.param(real(path), id=path.stem) for path in DATA)]


def real(path: Path) -> Case:
    """A run as it was saved, judged by the lab that it embeds."""
    from netlab.lab import from_definition

    record = record_from_json(json.loads(path.read_text()))
    lab = from_definition(record.definition)
    return Case(record, lambda changed: verdict.judge(lab, changed))


def rst_of(record: RunRecord) -> Segment:
    """The RST that answers the survivor's data."""
    return next(event for event in record.of(Segment) if "R" in flag_letters(event))


def changed(record: RunRecord, old: Event, *new: Event) -> RunRecord:
    """The record with one event replaced, in order of time."""
    events = [other for event in record.events for other in (new if event is old else (event,))]
    return replace(record, events=tuple(sorted(events, key=lambda event: event.time_ns)))


def told(record: RunRecord, **fields: object) -> RunRecord:
    """The record whose `resets` tell the RST differently."""
    packet = rst_of(record).packet
    resets = tuple(replace(r, **fields) if r.packet == packet else r for r in record.resets)  # type: ignore[arg-type]
    return replace(record, resets=resets)


def drop_the_rst(record: RunRecord) -> RunRecord:
    rst = rst_of(record)
    resets = tuple(reset for reset in record.resets if reset.packet != rst.packet)
    return replace(changed(record, rst), resets=resets)


def drop_the_rst_from_the_wire_only(record: RunRecord) -> RunRecord:
    return changed(record, rst_of(record))


def drop_the_rst_from_resets_only(record: RunRecord) -> RunRecord:
    return replace(record, resets=())


def change_its_reason(record: RunRecord) -> RunRecord:
    return told(record, reason="TCP_ABORT_ON_DATA")


def lose_its_reason(record: RunRecord) -> RunRecord:
    return told(record, reason=None, reason_by=None, why_unknown="nobody told")


def change_its_flags(record: RunRecord) -> RunRecord:
    rst = rst_of(record)
    return told(changed(record, rst, replace(rst, flags="R.")), flags="R.")


def change_its_flags_in_resets_only(record: RunRecord) -> RunRecord:
    return told(record, flags="R.")


def change_its_seq(record: RunRecord) -> RunRecord:
    rst = rst_of(record)
    seq = (rst.seq + 1) % 2**32
    return told(changed(record, rst, replace(rst, seq=seq)), seq=seq)


def change_its_seq_in_resets_only(record: RunRecord) -> RunRecord:
    return told(record, seq=(rst_of(record).seq + 1) % 2**32)


def let_it_come_before_the_data(record: RunRecord) -> RunRecord:
    rst = rst_of(record)
    before = max(s.time_ns for s in record.of(Segment) if s.time_ns < rst.time_ns) - 1000
    return told(
        changed(record, rst, replace(rst, time_ns=before, sent_ns=before, arrived_ns=before + 1)), time_ns=before
    )


def send_it_late(record: RunRecord) -> RunRecord:
    rst = rst_of(record)
    late = rst.time_ns + 60_000_000
    return told(changed(record, rst, replace(rst, time_ns=late, sent_ns=late, arrived_ns=late + 1)), time_ns=late)


def send_it_from_the_other_host(record: RunRecord) -> RunRecord:
    rst = rst_of(record)
    other = replace(rst, from_=rst.to, to=rst.from_, source=rst.target, target=rst.source)
    return told(changed(record, rst, other), from_=rst.to, to=rst.from_)


def add_a_fin(record: RunRecord) -> RunRecord:
    rst = rst_of(record)
    before = max(s.time_ns for s in record.of(Segment) if s.time_ns < rst.time_ns) - 1000
    fin = replace(rst, flags="F.", time_ns=before, sent_ns=before, arrived_ns=before + 1, packet=record.packets + 1000)
    return changed(record, rst, fin, rst)


def repeat_the_data(record: RunRecord) -> RunRecord:
    rst = rst_of(record)
    data = [s for s in record.of(Segment) if s.length and s.time_ns < rst.time_ns][-1]
    again = replace(data, time_ns=data.time_ns + 1, sent_ns=data.time_ns + 1, packet=record.packets + 1000)
    return changed(record, data, data, again)


def lose_the_socket_observation(record: RunRecord) -> RunRecord:
    return replace(record, events=tuple(event for event in record.events if not isinstance(event, SocketTable)))


def lose_the_peers_table(record: RunRecord) -> RunRecord:
    peer = rst_of(record).from_
    events = (event for event in record.events if not (isinstance(event, SocketTable) and event.host == peer))
    return replace(record, events=tuple(events))


def let_the_peer_hold_the_orphan(record: RunRecord) -> RunRecord:
    rst = rst_of(record)
    survivor = next(
        row
        for table in record.of(SocketTable)
        for row in table.sockets
        if row.local.port == rst.target.port and row.state == "ESTABLISHED"
    )
    orphan = replace(survivor, local=survivor.remote, remote=survivor.local, state="FIN-WAIT-1", inode=0, cookie=999)
    events = tuple(
        replace(event, sockets=(orphan,)) if isinstance(event, SocketTable) and event.host == rst.from_ else event
        for event in record.events
    )
    return replace(record, events=events)


def drop_packets(record: RunRecord) -> RunRecord:
    return replace(record, events=(Trouble(0, "wire", "client: the capture dropped 1 packet"), *record.events))


def step_the_clock(record: RunRecord) -> RunRecord:
    return replace(record, events=(Trouble(0, "clock", "the wall clock was set during the run"), *record.events))


def lose_every_segment(record: RunRecord) -> RunRecord:
    return replace(record, events=tuple(event for event in record.events if not isinstance(event, Segment)))


def interrupt_the_run(record: RunRecord) -> RunRecord:
    return replace(record, interrupted="Ctrl-C")


MUTATIONS: list[tuple[Callable[[RunRecord], RunRecord], set[Verdict]]] = [
    (drop_the_rst, FAIL),
    (drop_the_rst_from_the_wire_only, FAIL),
    (drop_the_rst_from_resets_only, FAIL),
    (change_its_reason, FAIL),
    (lose_its_reason, UNKNOWN),
    (change_its_flags, FAIL),
    (change_its_flags_in_resets_only, UNKNOWN),
    (change_its_seq, FAIL),
    (change_its_seq_in_resets_only, UNKNOWN),
    (let_it_come_before_the_data, FAIL),
    (send_it_late, FAIL),
    (send_it_from_the_other_host, FAIL),
    (add_a_fin, FAIL),
    (repeat_the_data, FAIL),
    (lose_the_socket_observation, UNKNOWN),
    (lose_the_peers_table, UNKNOWN),
    (let_the_peer_hold_the_orphan, FAIL),
    (drop_packets, UNKNOWN),
    (step_the_clock, UNKNOWN),
    (lose_every_segment, FAIL),
    (interrupt_the_run, UNKNOWN),
]


@pytest.mark.parametrize("case", cases())
def test_the_record_passes_as_it_is(case: Case) -> None:
    record = case.judge(case.record)
    assert record.verdict is Verdict.PASS, record.sentence


@pytest.mark.parametrize("case", cases())
@pytest.mark.parametrize(("mutate", "wanted"), MUTATIONS, ids=[mutate.__name__ for mutate, _ in MUTATIONS])
def test_a_mutation_flips_the_verdict(
    case: Case, mutate: Callable[[RunRecord], RunRecord], wanted: set[Verdict]
) -> None:
    record = case.judge(mutate(case.record))
    assert record.verdict in wanted, record.sentence
    assert record.sentence.startswith(f"{record.verdict.value}: ")
    guilty = next(check for check in record.checks if check.verdict is record.verdict)
    assert guilty.explanation or guilty.seen
