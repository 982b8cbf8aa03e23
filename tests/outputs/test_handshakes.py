"""Handshakes: what each connection's SYNs and answers tell, of a call's and of a program's; both outputs of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from netlab.outputs.connect_times import ConnectTimes
from netlab.outputs.handshakes import Handshakes
from netlab.records import Address, RunRecord, Segment
from tests.outputs.samples import CLIENT, MS, SERVER, call, record, segment

DIAL = call(9, 0, "client", "connect", 1062, local=CLIENT, remote=SERVER)
LOST: tuple[Segment, ...] = (
    segment(10, CLIENT, "S", 0, arrived_ns=None),
    segment(1010, CLIENT, "S", 0, arrived_ns=1035 * MS),
    segment(1036, SERVER, "S.", 0, 1, arrived_ns=1060 * MS),
    segment(1061, CLIENT, ".", 1, 1),
)
NEAR: tuple[Segment, ...] = (
    segment(10, CLIENT, "S", 0, arrived_ns=35 * MS),
    segment(36, SERVER, "S.", 0, 1, arrived_ns=60 * MS),
    segment(61, CLIENT, ".", 1, 1),
)


def test_a_lost_syn_is_counted_and_tells_no_round_trip() -> None:
    made = record((DIAL, *LOST))
    assert Handshakes().rows(made) == [
        {
            "connection": "client",
            "took_ns": 1053 * MS,
            "error": None,
            "syns": 2,
            "syns_lost": 1,
            "answers": 1,
            "answers_lost": 0,
            "syns_after_ns": [1 * MS, 1001 * MS],
        }
    ]
    (row,) = ConnectTimes().rows(made)
    assert (row["round_trip_ns"], row["syns"]) == (None, 2)


def test_a_programs_connection_has_the_times_of_the_wire() -> None:
    (row,) = Handshakes().rows(record(NEAR))
    assert (row["connection"], row["took_ns"]) == ("client:40001", 50 * MS)
    (unanswered,) = Handshakes().rows(record(NEAR[:1]))
    assert unanswered["took_ns"] is None and unanswered["answers"] == 0


def test_an_endpoint_that_connects_twice_has_its_sockets_named() -> None:
    other = Address(CLIENT.ip, 40002)
    second = [replace(one, source=other) for one in NEAR if one.from_ == "client"]
    calls = (
        replace(DIAL, socket="one", end_ns=62 * MS),
        replace(DIAL, socket="two", local=other, end_ns=63 * MS),
    )
    assert [row["connection"] for row in Handshakes().rows(record((*calls, *NEAR, *second)))] == [
        "client.one",
        "client.two",
    ]


def test_connect_times_compares_with_the_round_trip() -> None:
    made = record((replace(DIAL, end_ns=61 * MS), *NEAR))
    (row,) = ConnectTimes().rows(made)
    assert (row["round_trip_ns"], row["took_ns"]) == (50 * MS, 52 * MS)
    written: list[str] = []
    ConnectTimes(title="What it costs").write(made, written.append)
    assert "".join(written).splitlines()[2].split() == ["client", "50.0", "ms", "52.0", "ms", "1.04", "1"]


def test_the_tables_are_there_without_a_syn_too() -> None:
    for output in (Handshakes(), ConnectTimes()):
        written: list[str] = []
        output.write(record(()), written.append)
        assert "nobody sent a SYN" in "".join(written)


MADE = [
    (Handshakes(title="Lost & found"), record((DIAL, *LOST)), ("Lost &amp; found", "1.05 s", "client")),
    (Handshakes(), record(NEAR[:1]), ("no answer", "client:40001")),
    (ConnectTimes(), record((replace(DIAL, end_ns=61 * MS), *NEAR)), ("one round trip", "client")),
]


@pytest.mark.parametrize(("output", "made", "shown"), MADE)
def test_the_plot(output: Handshakes | ConnectTimes, made: RunRecord, shown: tuple[str, ...], tmp_path: Path) -> None:
    (note,) = output.save(made, tmp_path)
    assert note == f"{output.file}.png and {output.file}.svg hold the plot of {output.file}"
    assert (tmp_path / f"{output.file}.png").read_bytes().startswith(b"\x89PNG")
    svg = (tmp_path / f"{output.file}.svg").read_text(encoding="utf-8")
    assert [text for text in shown if text not in svg] == []


def test_connections_whose_round_trip_nobody_knows_have_no_plot(tmp_path: Path) -> None:
    assert ConnectTimes().save(record((DIAL, *LOST)), tmp_path) == []
