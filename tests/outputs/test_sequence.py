"""Relative sequence numbers, as tcpdump counts them."""

from __future__ import annotations

from dataclasses import replace

from netlab.outputs._sequence import Connections
from netlab.records import Address, Segment
from tests.outputs.samples import CLIENT, SERVER, segment


def described(*segments: Segment) -> list[str]:
    connections = Connections()
    texts = []
    for one in segments:
        connections.learn(one)
        texts.append(connections.describe(one, 60))
    return texts


def test_handshake_and_data_count_from_zero_though_the_numbers_wrap() -> None:
    assert described(
        segment(1, CLIENT, "S", 0),
        segment(2, SERVER, "S.", 0, 1),
        segment(3, CLIENT, ".", 1, 1),
        segment(4, CLIENT, "P.", 1, 1, payload=b"hello"),
        segment(5, SERVER, ".", 1, 6),
        segment(6, SERVER, "F.", 1, 6),
    ) == ["S seq 0", "S. seq 0 ack 1", ". ack 1", 'P. seq 1:6 ack 1 "hello"', ". ack 6", "F. seq 1 ack 6"]


def test_reset_without_ack_flag_shows_no_ack() -> None:
    assert described(segment(1, CLIENT, "S", 0), segment(2, SERVER, "S.", 0, 1), segment(3, SERVER, "R", 1))[-1] == (
        "R seq 1"
    )


def test_refused_syn_is_answered_from_zero() -> None:
    refusal = segment(2, SERVER, "R.", -7000, 1)
    assert described(segment(1, CLIENT, "S", 0), refusal)[-1] == "R. seq 0 ack 1"


def test_connection_whose_syn_was_not_seen_starts_at_one() -> None:
    assert described(segment(1, CLIENT, "P.", 500, 900, payload=b"x"), segment(2, SERVER, ".", 900, 501)) == [
        'P. seq 1:2 ack 1 "x"',
        ". ack 2",
    ]


def test_second_syn_on_the_same_four_tuple_starts_anew_and_the_survivor_keeps_the_old_numbers() -> None:
    texts = described(
        segment(1, CLIENT, "S", 0),
        segment(2, SERVER, "S.", 0, 1),
        segment(3, CLIENT, "S", 1_000_000),
        segment(4, SERVER, ".", 1, 6),
        segment(5, CLIENT, "R", 6),
        segment(6, CLIENT, "S", 1_000_000),
    )
    assert texts[2:] == ["S seq 0", ". ack 6", "R seq 6", "S seq 0"]


def test_a_forged_syn_in_the_middle_starts_nothing() -> None:
    texts = described(
        segment(1, CLIENT, "S", 0),
        segment(2, SERVER, "S.", 0, 1),
        segment(3, CLIENT, "S", 6, injected=True),
        segment(4, SERVER, ".", 1, 6),
    )
    assert texts[2:] == ["S seq 6", ". ack 6"]


def test_a_forged_syn_that_comes_first_is_a_start_like_any_other() -> None:
    assert described(segment(1, CLIENT, "S", 1000, injected=True)) == ["S seq 0"]


def test_two_connections_are_numbered_in_order() -> None:
    connections = Connections()
    answer = segment(2, SERVER, "S.", 0, 1)
    other = replace(answer, source=Address("10.77.0.1", 9001))
    connections.learn(segment(1, CLIENT, "S", 0))
    connections.learn(answer)
    assert (connections.number(answer), connections.number(other), len(connections)) == (1, None, 1)
    connections.learn(other)
    assert (connections.number(answer), connections.number(other), len(connections)) == (1, 2, 2)
