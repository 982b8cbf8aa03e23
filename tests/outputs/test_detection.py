"""Ways to notice, compared: what counts as a notice, from when, and what it cost; the table, and the plot."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from netlab.outputs import OUTPUTS, tabled
from netlab.outputs._lanes import Way
from netlab.outputs.detection import Detection
from netlab.records import Event, Fault, Output, RunRecord
from tests.outputs.samples import CLIENT, MS, SERVER, call, record, segment, step

READ = Way(label="reads", step="read")
PATIENT = Way(label="patient", step="read", gives_up=True)
HEART = Way(label="heart", program="client.heart", line="^noticed: (.+)", port=9000)


def run(*events: Event, error: str | None = "ETIMEDOUT", **result: Any) -> RunRecord:
    """The server loses its power at 10 ms; a read that began at 5 ms ends at 40 ms."""
    told: tuple[Event, ...] = (
        step(5, 40, 0, "client: receive", name="read"),
        call(5, 0, "client", "receive", 40, error=error, result=result, local=CLIENT, remote=SERVER),
        segment(6, CLIENT, "P.", 1, 1, payload=b"x", packet=1),
        step(10, 12, 1, "power-off: server", name="cut"),
        Fault(10 * MS, 12 * MS, 1, "power-off", "inject", "server"),
        segment(20, CLIENT, ".", 1, 1, packet=3),
        segment(39.9, CLIENT, "R.", 2, 1, packet=5),
        segment(60, CLIENT, ".", 1, 1, packet=7),
    )
    return record(told + events, duration_ns=100 * MS)


def rows(made: RunRecord, *ways: Way) -> list[dict[str, Any]]:
    return Detection(fault="cut", ways=ways).rows(made)


def test_an_error_is_a_notice_and_time_and_segments_count_from_the_fault() -> None:
    assert rows(run(), READ) == [
        {
            "way": "reads",
            "noticed": True,
            "after_ns": 30 * MS,
            "watched_ns": 30 * MS,
            "by": "ETIMEDOUT",
            "segments": 2,
        }
    ]


def test_the_labs_patience_is_no_notice_and_the_programs_is() -> None:
    (lab, own) = rows(run(error="TIMEOUT"), READ, PATIENT)
    assert (lab["noticed"], lab["after_ns"], lab["watched_ns"], lab["by"]) == (False, None, 30 * MS, None)
    assert (own["noticed"], own["after_ns"], own["by"]) == (True, 30 * MS, "TIMEOUT")


def test_the_end_of_the_stream_is_a_notice_and_data_is_none() -> None:
    assert rows(run(error=None, eof=True), READ)[0]["by"] == "end of file"
    assert rows(run(error=None, bytes="x", size=1), READ)[0]["noticed"] is False


def test_a_program_notices_by_its_line_after_the_fault() -> None:
    before = Output(8 * MS, "client.heart", "stderr", "noticed: too early")
    assert rows(run(before), HEART)[0]["noticed"] is False
    after = Output(25 * MS, "client.heart", "stderr", "noticed: TIMEOUT")
    (row,) = rows(run(before, after), HEART)
    assert (row["after_ns"], row["by"], row["segments"]) == (15 * MS, "TIMEOUT", 1)


def test_a_run_that_ended_before_the_fault_has_no_rows_and_says_so(tmp_path: Path) -> None:
    early = replace(run(), events=run().events[:1], interrupted="Ctrl-C")
    output = Detection(fault="cut", ways=(READ,))
    written: list[str] = []
    output.write(early, written.append)
    assert output.rows(early) == [] and output.save(early, tmp_path) == []
    assert "nothing to compare: cut was not played" in "".join(written)


def test_the_table_tells_what_the_rows_tell() -> None:
    written: list[str] = []
    output = Detection(fault="cut", ways=(READ, replace(HEART, label="h" * 30)), title="Who\x1b noticed")
    output.write(run(Output(1 * MS, "client.heart", "stderr", "beating")), written.append)
    lines = "".join(written).splitlines()
    assert lines[0] == "Who\\x1b noticed"
    assert lines[2].split() == ["reads", "30", "ms", "2", "ETIMEDOUT"]
    assert lines[3].split() == ["h" * 30, "-", "3", "nothing,", "in", "90", "ms"]


def test_a_record_holds_the_rows_of_its_outputs() -> None:
    asked = OUTPUTS["detection"]
    assert issubclass(asked, Detection)
    (table,) = tabled(run(), [asked(fault="cut", ways=(READ,))]).tables
    assert (table.output, list(table.rows)) == ("detection", rows(run(), READ))


def test_the_plot_is_a_png_and_an_svg_that_name_each_way(tmp_path: Path) -> None:
    ways = (READ, replace(PATIENT, label="costs $5 & <more>"))
    notes = Detection(fault="cut", ways=ways, file="who").save(run(), tmp_path)
    assert notes == ["who.png and who.svg hold the plot of who"]
    assert (tmp_path / "who.png").read_bytes().startswith(b"\x89PNG")
    svg = (tmp_path / "who.svg").read_text(encoding="utf-8")
    for text in ("reads", "costs $5 &amp; &lt;more&gt;", "30 ms  ETIMEDOUT", "power-off server", "2 segments"):
        assert text in svg


def test_without_matplotlib_the_run_says_how_to_get_the_plot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # as Python sees a module that cannot be imported
    (note,) = Detection(fault="cut", ways=(READ,)).save(run(), tmp_path)
    assert note == (
        "no plot of detection: matplotlib is not installed; pip install 'netlab-faults[plot]', "
        f"then netlab judge --files {tmp_path}"
    )
    assert list(tmp_path.iterdir()) == []
