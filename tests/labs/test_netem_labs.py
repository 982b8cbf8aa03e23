"""The labs that need netem pass in the microVM, whose kernel has it: each once, over the family it comes with.

Where this machine's kernel has it, the catalogue plays them here, too.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netlab.api import OpenTarget
from netlab.lab import Lab
from netlab.records import Cable, RunRecord, Segment, Verdict, entry
from tests.labs.played import labs

LABS = [lab for lab in labs(long=False) if "netem" in lab.needs]


def rows(record: RunRecord, output: str) -> list[dict[str, Any]]:
    """What an output of the lab says."""
    return [row for table in record.tables if table.output == output for row in table.rows]


def one_round_trip(record: RunRecord) -> None:
    """On each way connect() took about one, and the sky is the farthest."""
    told = {row["connection"]: row for row in rows(record, "connect-times")}
    assert told["near"]["took_ns"] < told["far"]["took_ns"] < told["sky"]["took_ns"]
    assert all(row["round_trip_ns"] <= row["took_ns"] for row in told.values())


def late_and_twice(record: RunRecord) -> None:
    """Nothing was lost, and what was overtaken was sent again in vain."""
    (row,) = rows(record, "time-sequence")
    assert row["lost"] == 0 and row["overtaken"] and row["in_vain"] and row["dsacks"]


def late_and_once(record: RunRecord) -> None:
    """What was overtaken was not sent again."""
    (row,) = rows(record, "time-sequence")
    assert row["lost"] == row["again"] == 0 and row["overtaken"]


def seconds_for_the_luckless(record: RunRecord) -> None:
    """Who lost its first SYN, or the answer, waited for a second."""
    told = rows(record, "handshakes")
    assert len(told) == 20
    assert all(row["took_ns"] >= 900_000_000 for row in told if row["syns_lost"] and row["took_ns"])
    for cable in record.of(Cable):  # the kernel says of the dice what the wire says
        assert set(cable.dropped) <= {"loss"} and kept(cable) >= missing(record, cable)


def kept(cable: Cable) -> int:
    """How many packets this direction of a cable did not let through until it was asked."""
    return sum(cable.dropped.values()) + cable.waiting


def missing(record: RunRecord, cable: Cable) -> int:
    """How many segments the wire saw go into it until then, and not come out; other frames may have, besides."""
    sent = [segment for segment in record.of(Segment) if segment.time_ns < cable.time_ns]
    last = [segment.lost_after or "" for segment in sent if segment.arrived_ns is None]
    if cable.way == "outbound":
        return sum(point.startswith(f"{cable.nic}:") for point in last)
    return sum(point.endswith(f":{cable.nic}") for point in last)


def lost_on_the_way(record: RunRecord) -> None:
    """The RST is the answer to a "world" that arrived."""
    worlds = [segment for segment in record.of(Segment) if segment.payload == b"world"]
    resets = [segment for segment in record.of(Segment) if "R" in segment.flags]
    assert sum(segment.arrived_ns is not None for segment in worlds) == len(resets)
    assert sum(segment.arrived_ns is not None for segment in resets) >= 1


def too_much_for_the_queue(record: RunRecord) -> None:
    """What was lost found netem's queue full: there is no other reason."""
    (cable,) = (cable for cable in record.of(Cable) if cable.dropped)
    assert (cable.nic, cable.way, set(cable.dropped)) == ("home.uplink", "outbound", {"queue"})
    assert kept(cable) >= missing(record, cable) > 0


def waiting_in_the_queue(record: RunRecord) -> None:
    """The pings take much longer beside the upload."""
    before, during = rows(record, "round-trips")
    assert during["most_ns"] > 5 * before["median_ns"]


BESIDES: dict[tuple[str, str | None], Callable[[RunRecord], None]] = {
    ("slow-handshake", None): one_round_trip,
    ("reordering", None): late_and_twice,
    ("reordering", "slightly"): late_and_once,
    ("lossy-handshake", "dice"): seconds_for_the_luckless,
    ("half-open-over-lossy-link", None): lost_on_the_way,
    ("bufferbloat", "netem"): waiting_in_the_queue,
    ("bufferbloat", "netem-short"): too_much_for_the_queue,
}
"""What a lab's record shows besides what the lab expects of it."""


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: entry(lab.name, lab.variant))
def test_a_lab_that_needs_netem_passes_in_the_microvm(lab: Lab, microvm: OpenTarget, tmp_path: Path) -> None:
    record = microvm.run(lab, out=tmp_path / "run")
    assert [check for check in record.checks if check.verdict is not Verdict.PASS] == []
    assert record.verdict is Verdict.PASS, record.sentence
    look = BESIDES.get((lab.name, lab.variant))
    if look is not None:
        look(record)


def test_what_is_looked_at_besides_is_played() -> None:
    assert set(BESIDES) <= {(lab.name, lab.variant) for lab in LABS}
