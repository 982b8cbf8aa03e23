"""The vocabulary: a moment of the run's clock stays one, and records of older schemas are still read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from netlab import codec
from netlab.records import Cable, Counters, Event, event_from_json, rebase, record_from_json

DATA = sorted((Path(__file__).parent / "data").glob("*.record.json"))
READING = Counters(2_000, 3, "server", {"TcpOutRsts": 1}, begin_ns=1_500)


def test_rebase_moves_every_moment_of_an_event() -> None:
    assert rebase(READING, 1_000) == replace(READING, time_ns=1_000, begin_ns=500)


def test_rebase_leaves_out_what_is_not_known() -> None:
    assert rebase(replace(READING, begin_ns=None), 1_000).begin_ns is None


@pytest.mark.parametrize("event", [READING, Cable(2_000, 3, "a.b", "inbound", 5, {"loss or queue": 2}, waiting=1)])
def test_a_reading_goes_to_json_and_back(event: Event) -> None:
    assert event_from_json(codec.encode(event)) == event


@pytest.mark.parametrize("path", DATA, ids=lambda path: path.name)
def test_a_record_of_the_first_schema_is_read(path: Path) -> None:
    record = record_from_json(json.loads(path.read_text(encoding="utf-8")))
    readings = record.of(Counters)
    assert record.schema_version == 1 and readings
    assert all(reading.begin_ns is None and reading.began_ns == reading.time_ns for reading in readings)
