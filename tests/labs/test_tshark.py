"""An oracle nobody here wrote: tshark reads each capture, and agrees with the record on each segment and RST."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.labs.test_catalogue import catalogue, run

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")

FIELDS = ("frame.number", "frame.interface_name", "tcp.flags", "tcp.seq_raw", "tcp.ack_raw", "tcp.len", "frame.comment")
BITS = {0x01: "F", 0x02: "S", 0x04: "R", 0x08: "P", 0x10: "."}


def tshark(capture: Path) -> dict[int, dict[str, str]]:
    """What tshark makes of each packet, by its number."""
    command = ["tshark", "-n", "-r", str(capture), "-T", "json", *(part for name in FIELDS for part in ("-e", name))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "malformed" not in done.stderr.lower() and "appears to have been cut short" not in done.stderr
    layers = [packet["_source"]["layers"] for packet in json.loads(done.stdout)]
    return {int(layer["frame.number"][0]): {name: ";".join(layer.get(name, [])) for name in FIELDS} for layer in layers}


def letters(flags: str) -> set[str]:
    return {letter for bit, letter in BITS.items() if int(flags, 16) & bit}


def of_kind(record: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [event for event in record["events"] if event["kind"] == kind]


@pytest.mark.parametrize(("name", "variant"), catalogue(), ids=lambda value: value or "default")
def test_tshark_sees_what_the_record_says(name: str, variant: str | None, tmp_path: Path) -> None:
    _, record = run(name, tmp_path / "run", *(("--variant", variant) if variant else ()))
    packets = tshark(tmp_path / "run" / "capture.pcapng")
    assert len(packets) == record["packets"]
    segments = of_kind(record, "segment")
    for segment in segments:
        for point, number in segment["packets"].items():
            seen = packets[number]
            assert seen["frame.interface_name"] == point
            assert letters(seen["tcp.flags"]) == set(segment["flags"]) - {"none"}
            assert (int(seen["tcp.seq_raw"]), int(seen["tcp.len"])) == (segment["seq"], segment["length"])
            if "." in segment["flags"]:
                assert int(seen["tcp.ack_raw"]) == segment["ack"]
    sighted = {number for segment in segments for number in segment["packets"].values()}
    assert {number for number, seen in packets.items() if seen["tcp.flags"]} == sighted
    for reset in record["resets"]:
        seen = packets[reset["packet"]]
        assert letters(seen["tcp.flags"]) == set(reset["flags"])
        assert int(seen["tcp.seq_raw"]) == reset["seq"]
    comments = "\n".join(seen["frame.comment"] for seen in packets.values())
    for step in of_kind(record, "step"):
        assert step["text"] in comments
