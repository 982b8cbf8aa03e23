"""Round trips: which segments tell one, which acknowledgment is theirs, and what a lab may ask of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from netlab.expectations.round_trip import RoundTripTime
from netlab.judge.roundtrips import round_trips
from netlab.records import RunRecord, Trouble, Verdict
from netlab.units import Duration
from tests.outputs.samples import CLIENT, MS, SERVER, record, segment, step

SHAKEN = (
    segment(1, CLIENT, "S", 0, packet=1),
    segment(11, SERVER, "S.", 0, 1, packet=2, arrived_ns=11 * MS),
    segment(12, CLIENT, ".", 1, 1, packet=3),
)


def spans(made: RunRecord) -> list[float]:
    """How long each took, in ms."""
    return [trip.span_ns / MS for trip in round_trips(made, "client", "server")]


def test_a_segment_and_the_first_acknowledgment_of_its_end() -> None:
    made = record(
        (
            *SHAKEN,
            segment(20, CLIENT, ".", 1, 1, payload=b"12345"),
            segment(21, CLIENT, "P.", 6, 1, payload=b"67890"),
            segment(25, SERVER, ".", 1, 6, arrived_ns=25 * MS),
            segment(50, SERVER, ".", 1, 11, arrived_ns=50 * MS),
        )
    )
    assert spans(made) == [10, 5, 29]


def test_one_acknowledgment_may_answer_several_and_one_that_was_lost_answers_none() -> None:
    made = record(
        (
            *SHAKEN,
            segment(20, CLIENT, ".", 1, 1, payload=b"12345"),
            segment(21, CLIENT, "P.", 6, 1, payload=b"67890"),
            segment(25, SERVER, ".", 1, 11, arrived_ns=None),
            segment(40, SERVER, ".", 1, 11, arrived_ns=40 * MS),
        )
    )
    assert spans(made) == [10, 20, 19]


def test_what_was_sent_twice_tells_nothing() -> None:
    made = record(
        (
            *SHAKEN,
            segment(20, CLIENT, ".", 1, 1, payload=b"12345"),
            segment(21, CLIENT, "P.", 6, 1, payload=b"67890"),
            segment(30, CLIENT, ".", 4, 1, payload=b"45"),  # again, and cut otherwise
            segment(31, SERVER, ".", 1, 11, arrived_ns=31 * MS),
        )
    )
    assert spans(made) == [10, 10]  # the SYN's and that of "67890"


def test_bare_acknowledgments_and_probes_are_not_answered() -> None:
    made = record((*SHAKEN, segment(20, CLIENT, ".", 0, 1), segment(21, SERVER, ".", 1, 1, arrived_ns=21 * MS)))
    assert spans(made) == [10]


def test_only_connections_with_the_port_count() -> None:
    assert len(round_trips(record(SHAKEN), "client", "server", 9000)) == 1
    assert round_trips(record(SHAKEN), "client", "server", 9001) == []


ASKED = [
    ({"most": "10ms"}, Verdict.PASS, "2: 5.00 ms to 10.00 ms, median 10.00 ms"),
    ({"least": "5ms"}, Verdict.PASS, ""),
    ({"most": "9ms"}, Verdict.FAIL, "packet 1 at 0.001000 s was acknowledged after 10.00 ms, by packet 2"),
    ({"least": "6ms"}, Verdict.FAIL, "packet 4 at 0.020000 s was acknowledged after 5.00 ms, by packet 5"),
    ({"least": "6ms", "of": "median"}, Verdict.PASS, ""),
    ({"most": "9ms", "of": "median"}, Verdict.FAIL, "after 10.00 ms, the median, by packet 2"),
    ({"least": "10ms", "of": "longest"}, Verdict.PASS, ""),
    ({"least": "11ms", "of": "longest"}, Verdict.FAIL, "after 10.00 ms, the longest, by packet 2"),
    ({"most": "9ms", "after": "later"}, Verdict.PASS, "1: "),
    ({"most": "9ms", "before": "later"}, Verdict.FAIL, "packet 1"),
    ({"most": "9ms", "port": 1}, Verdict.FAIL, "nothing that was sent then was acknowledged"),
    ({"most": "9ms", "after": "never"}, Verdict.UNKNOWN, "never was not played"),
]


def run() -> RunRecord:
    return record(
        (
            *SHAKEN,
            step(15, 16, 0, "client: send", name="later"),
            segment(20, CLIENT, "P.", 1, 1, payload=b"12345", packet=4),
            segment(25, SERVER, ".", 1, 6, packet=5, arrived_ns=25 * MS),
        )
    )


def asked(**fields: Any) -> RoundTripTime:
    for word in {"least", "most"} & set(fields):
        fields[word] = Duration.parse(fields[word])
    return RoundTripTime(from_="client", to="server", **fields)


@pytest.mark.parametrize(("fields", "verdict", "told"), ASKED)
def test_what_a_lab_may_ask(fields: dict[str, Any], verdict: Verdict, told: str) -> None:
    (check,) = asked(**fields.copy()).judge(run())
    assert check.verdict is verdict, check
    assert told in f"{check.seen} {check.explanation}"


def test_a_wire_that_missed_something_cannot_tell() -> None:
    made = run()
    doubtful = replace(made, events=(*made.events, Trouble(0, "wire", "3 packets were dropped")))
    (check,) = asked(most="1s").judge(doubtful)
    assert check.verdict is Verdict.UNKNOWN and "3 packets were dropped" in check.explanation


def test_a_question_without_a_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="least, most, or both"):
        asked()
