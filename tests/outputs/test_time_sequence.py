"""Sequence numbers over time: what counts as sent again, in vain, lost, overtaken; duplicate ACKs, SACK and D-SACK."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from netlab.outputs.time_sequence import TimeSequence
from netlab.records import Event, Segment
from tests.outputs.samples import CLIENT, CLIENT_START, MS, SERVER, record, segment

OUTPUT = TimeSequence(from_="client", to="server")
TEN = b"0123456789"


def data(at_ms: float, seq: int, arrives_ms: float | None, **more: Any) -> Segment:
    """Ten bytes of the client's, and when they arrive."""
    return segment(at_ms, CLIENT, ".", seq, 1, payload=TEN, arrived_ns=arrives_ms and int(arrives_ms * MS), **more)


def ack(at_ms: float, number: int, *blocks: tuple[int, int]) -> Segment:
    """An acknowledgment of the server's with SACK blocks."""
    edges = "".join(f"{{{(CLIENT_START + left) % 2**32}:{(CLIENT_START + right) % 2**32}}}" for left, right in blocks)
    options = (f"sack {len(blocks)} {edges}",) if blocks else ()
    return segment(at_ms, SERVER, ".", 1, number, options=options)


OPENED: tuple[Event, ...] = (segment(1, CLIENT, "S", 0), segment(2, SERVER, "S.", 0, 1), segment(3, CLIENT, ".", 1, 1))


def row(*events: Event) -> dict[str, Any]:
    (only,) = OUTPUT.rows(record(OPENED + events))
    return only


def test_what_arrives_in_order_is_counted_and_nothing_else() -> None:
    assert row(data(10, 1, 11), data(10.1, 11, 11.1), ack(12, 21)) == {
        "connection": "client:40001 > 9000",
        "segments": 2,
        "again": 0,
        "in_vain": 0,
        "lost": 0,
        "overtaken": 0,
        "duplicate_acks": 0,
        "sacks": 0,
        "dsacks": 0,
    }


def test_a_late_segment_was_overtaken_and_sending_it_again_was_in_vain() -> None:
    late = row(
        data(10, 1, 50),
        data(11, 11, 12),
        ack(13, 1, (11, 21)),
        data(20, 1, 22),
        ack(23, 21),
        ack(51, 21, (1, 11)),
    )
    assert (late["again"], late["in_vain"], late["lost"], late["overtaken"]) == (1, 1, 0, 1)
    assert (late["duplicate_acks"], late["sacks"], late["dsacks"]) == (1, 2, 1)


def test_a_lost_segment_was_not_overtaken_and_sending_it_again_was_not_in_vain() -> None:
    lost = row(data(10, 1, None), data(11, 11, 12), ack(13, 1, (11, 21)), data(20, 1, 22), ack(23, 21))
    assert (lost["again"], lost["in_vain"], lost["lost"], lost["overtaken"]) == (1, 0, 1, 0)


def test_a_d_sack_within_the_second_block_is_one() -> None:
    assert row(data(10, 11, 12), ack(13, 1, (11, 21)), ack(14, 1, (11, 21), (11, 31)))["dsacks"] == 1


def test_the_table_and_the_plot(tmp_path: Path) -> None:
    made = record((*OPENED, data(10, 1, 50), data(11, 11, None), data(20, 11, 22), ack(51, 21)))
    written: list[str] = []
    OUTPUT.write(made, written.append)
    title, header, only = "".join(written).splitlines()
    assert title == "What client sent to server" and header.split()[:2] == ["segments", "sent"]
    assert only.split() == ["client:40001", ">", "9000", "3", "1", "0", "1", "1", "0", "0", "0"]
    assert OUTPUT.save(made, tmp_path) == ["time-sequence.png and time-sequence.svg hold the plot of time-sequence"]
    svg = (tmp_path / "time-sequence.svg").read_text(encoding="utf-8")
    for text in ("What client sent to server", "sent again", "lost", "acknowledged", "arrived"):
        assert text in svg


def test_a_host_that_sent_no_data_has_no_rows_and_no_plot(tmp_path: Path) -> None:
    written: list[str] = []
    OUTPUT.write(record(OPENED), written.append)
    assert OUTPUT.rows(record(OPENED)) == [] and OUTPUT.save(record(OPENED), tmp_path) == []
    assert "client sent no data to server" in "".join(written)
