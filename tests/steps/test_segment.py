"""segment: raw segments that real kernels take for real."""

from __future__ import annotations

import pytest

from netlab.records import Call
from netlab.steps._segments import SegmentSeen
from netlab.steps.segment import Segment
from tests.steps.lab import Lab, play, two_hosts


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_an_rst_with_the_next_sequence_number_ends_the_connection(family: str) -> None:
    async def story(lab: Lab) -> None:
        await lab.connected()
        await lab.play("send", "client", text="hello")
        await lab.play("receive", "server", bytes="hello")
        hello = SegmentSeen(from_="client", to="server", payload="hello")
        await lab.play("segment", from_="client", like=hello, flags="R", seq="next")
        assert lab.call(await lab.play("receive", "server")).error == "ECONNRESET"
        call = next(call for call in lab.of(Call) if call.call == "segment")
        assert call.result["flags"] == "R" and call.local is not None and call.remote is not None
        assert call.remote.port == 9000
        await lab.play("wait", segment=SegmentSeen(from_="client", to="server", flags="R", arrived=True))

    play(story, two_hosts(family), wire=True)


def test_a_syn_in_a_connection_draws_a_challenge_ack() -> None:
    async def story(lab: Lab) -> None:
        await lab.connected()
        syn = SegmentSeen(from_="client", to="server", flags="S")
        await lab.play("segment", from_="client", like=syn, seq="next+1000")
        answer = SegmentSeen(from_="server", to="client", flags=".", after=f"step {lab.played}")
        await lab.play("wait", segment=answer)
        await lab.play("send", "client", text="hello")
        await lab.play("receive", "server", bytes="hello")

    play(story, wire=True)


def test_a_copy_of_data_is_a_duplicate_that_the_receiver_does_not_read_twice() -> None:
    async def story(lab: Lab) -> None:
        await lab.connected()
        await lab.play("send", "client", text="hello")
        await lab.play("receive", "server", bytes="hello")
        hello = SegmentSeen(from_="client", payload="hello")
        await lab.play("segment", from_="client", like=hello)
        await lab.play("wait", segment=SegmentSeen(from_="client", payload="hello", count=2, arrived=True))
        await lab.play("send", "client", text="world")
        await lab.play("receive", "server", bytes="world")

    play(story, wire=True)


def test_a_segment_without_a_model_may_come_from_any_address() -> None:
    async def story(lab: Lab) -> None:
        await lab.play(
            "segment", from_="client", source="10.77.0.2:4000", to="server:9", flags="S", seq=1000, text="early"
        )
        answer = SegmentSeen(from_="server", to="client", flags="R.", port=4000)
        await lab.play("wait", segment=answer)

    play(story, wire=True)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, "source, to, flags, seq missing"),
        ({"like": SegmentSeen(), "flags": "X"}, "flags 'X' unknown"),
        ({"like": SegmentSeen(), "seq": "later"}, "seq 'later' is no number"),
        ({"source": "a:1", "to": "b:1", "flags": "S", "seq": "next"}, "relative to nothing"),
        ({"like": SegmentSeen(), "text": "a", "hex": "00"}, "one payload, found 2"),
    ],
)
def test_a_segment_that_is_not_determined_is_refused(fields: dict[str, object], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        Segment(from_="client", **fields)  # type: ignore[arg-type]
