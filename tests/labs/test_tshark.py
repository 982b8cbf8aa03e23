"""An oracle nobody here wrote: tshark reads each capture, and agrees with the record on each segment and RST."""

from __future__ import annotations

import json
import subprocess
from itertools import islice
from pathlib import Path

import pytest

from netlab.records import Segment, Step
from tests.labs.played import Catalogue, entries
from tests.labs.test_catalogue import record
from tests.wire.tshark import needs_tshark

pytestmark = needs_tshark

FIELDS = (
    "frame.interface_name",
    "frame.protocols",
    "tcp.flags",
    "tcp.seq_raw",
    "tcp.ack_raw",
    "tcp.len",
    "frame.comment",
)
BITS = {0x01: "F", 0x02: "S", 0x04: "R", 0x08: "P", 0x10: "."}
AT_ONCE = 100
"""Captures that one tshark reads; mergecap holds them all open."""
Packets = dict[int, dict[str, str]]


def tshark(captures: list[Path], counts: list[int], together: Path) -> list[Packets]:
    """What tshark makes of each packet of each capture, by its number there.

    One tshark reads them all, put one behind the other by mergecap: it takes a quarter of a second to start.
    `counts` says how many packets each must have.
    """
    subprocess.run(["mergecap", "-a", "-I", "none", "-w", str(together), *map(str, captures)], check=True)
    command = ["tshark", "-n", "-r", str(together), "-T", "json", *(part for name in FIELDS for part in ("-e", name))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "malformed" not in done.stderr.lower() and "appears to have been cut short" not in done.stderr
    layers = [packet["_source"]["layers"] for packet in json.loads(done.stdout)]
    assert len(layers) == sum(counts), "a capture has more or fewer packets than its record says"
    packets = iter([{name: ";".join(layer.get(name, [])) for name in FIELDS} for layer in layers])
    return [dict(enumerate(islice(packets, count), 1)) for count in counts]


@pytest.fixture(scope="session")
def seen(catalogue: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Packets]:
    """What tshark makes of the capture in each run directory."""
    folder, found = tmp_path_factory.mktemp("tshark"), {}
    made = [(run.outcome.folder, run.outcome.record) for run in catalogue.runs]
    played = [(place, record.packets) for place, record in made if place is not None and record is not None]
    for start in range(0, len(played), AT_ONCE):
        places, counts = zip(*played[start : start + AT_ONCE], strict=True)
        captures = [place / "capture.pcapng" for place in places]
        found |= dict(zip(places, tshark(captures, list(counts), folder / f"{start}.pcapng"), strict=True))
    return found


def letters(flags: str) -> set[str]:
    return {letter for bit, letter in BITS.items() if int(flags, 16) & bit}


def is_tcp(packet: dict[str, str]) -> bool:
    """Whether it is a segment itself: an ICMP error quotes one."""
    return "tcp" in packet["frame.protocols"] and "icmp" not in packet["frame.protocols"]


@pytest.mark.parametrize(("name", "variant"), entries(), ids=lambda value: value or "default")
def test_tshark_sees_what_the_record_says(
    name: str, variant: str | None, catalogue: Catalogue, seen: dict[Path, Packets]
) -> None:
    for run in catalogue.of(name, variant):
        made = record(run)
        assert run.outcome.folder is not None
        packets = seen[run.outcome.folder]
        agree(made.of(Segment), packets, str(run))
        for reset in made.resets:
            assert letters(packets[reset.packet]["tcp.flags"]) == set(reset.flags), run
            assert int(packets[reset.packet]["tcp.seq_raw"]) == reset.seq, run
        comments = "\n".join(packet["frame.comment"] for packet in packets.values())
        assert [step.text for step in made.of(Step) if step.text not in comments] == [], run


def agree(segments: list[Segment], packets: Packets, run: str) -> None:
    """Each sighting of each segment is a packet with its flags and numbers, and no other packet is a segment."""
    for segment in segments:
        for point, number in segment.packets.items():
            packet = packets[number]
            assert packet["frame.interface_name"] == point, run
            assert letters(packet["tcp.flags"]) == (set() if segment.flags == "none" else set(segment.flags)), run
            assert (int(packet["tcp.seq_raw"]), int(packet["tcp.len"])) == (segment.seq, segment.length), run
            if "." in segment.flags:
                assert int(packet["tcp.ack_raw"]) == segment.ack, run
    sighted = {number for segment in segments for number in segment.packets.values()}
    tcp = {number for number, packet in packets.items() if is_tcp(packet)}
    looped = {number for number in tcp if packets[number]["frame.interface_name"].endswith(".lo")}
    assert sighted <= tcp and tcp - sighted <= looped, run
    assert len(looped) == 2 * len(looped & sighted), run  # lo sees each go out and come in
