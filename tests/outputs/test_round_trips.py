"""Round trips in groups: which belong to which, what is told of each, and the plot with its marks."""

from __future__ import annotations

from pathlib import Path

from netlab.outputs.round_trips import Group, Mark, RoundTrips
from netlab.records import RunRecord
from tests.outputs.samples import CLIENT, MS, SERVER, record, segment, step

OUTPUT = RoundTrips(
    title="What <pings> feel",
    groups=(
        Group(label="alone", from_="client", to="server", before="upload"),
        Group(label="beside", from_="client", to="server", after="upload"),
        Group(label="nobody", from_="client", to="server", port=1),
        Group(label="never", from_="client", to="server", after="unplayed"),
    ),
    marks=(Mark(step="upload", label="it begins"), Mark(step="unplayed", label="it ends")),
)


def run() -> RunRecord:
    sent = ((10, 11, 1), (20, 22, 6), (110, 160, 11), (210, 270, 16))
    pings = [segment(at, CLIENT, "P.", seq, 1, payload=b"pings") for at, _, seq in sent]
    answers = [segment(at, SERVER, ".", 1, seq + 5, arrived_ns=at * MS) for _, at, seq in sent]
    return record((*pings, *answers, step(100, 101, 0, "client: send", name="upload")))


def test_each_group_has_its_own() -> None:
    rows = OUTPUT.rows(run())
    assert [(row["group"], row["round_trips"]) for row in rows] == [
        ("alone", 2),
        ("beside", 2),
        ("nobody", 0),
        ("never", 0),
    ]
    assert (rows[0]["least_ns"], rows[0]["most_ns"]) == (1 * MS, 2 * MS)
    assert (rows[1]["least_ns"], rows[1]["median_ns"], rows[1]["most_ns"]) == (50 * MS, 60 * MS, 60 * MS)
    assert rows[2]["least_ns"] is rows[2]["median_ns"] is None


def test_the_table_and_the_plot(tmp_path: Path) -> None:
    written: list[str] = []
    OUTPUT.write(run(), written.append)
    lines = "".join(written).splitlines()
    assert lines[0] == "What <pings> feel"
    assert lines[3].split() == ["beside", "2", "50.0", "ms", "60.0", "ms", "60.0", "ms"]
    assert lines[4].split() == ["nobody", "0", "-", "-", "-"]
    assert OUTPUT.save(run(), tmp_path) == ["round-trips.png and round-trips.svg hold the plot of round-trips"]
    svg = (tmp_path / "round-trips.svg").read_text(encoding="utf-8")
    assert all(text in svg for text in ("What &lt;pings&gt; feel", "alone", "beside", "it begins"))
    assert "it ends" not in svg


def test_a_run_that_measured_nothing_has_no_plot(tmp_path: Path) -> None:
    assert OUTPUT.save(record(()), tmp_path) == []
