"""labs/detection: who noticed, in what order, at what price; the table, its rows, the plot, and all of it again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import LABS, netlab
from tests.labs.played import Catalogue
from tests.labs.test_catalogue import record

WAYS = [
    "asks for nothing",
    "sends, and waits",
    "SO_KEEPALIVE 1 s",
    "sends, TCP_USER_TIMEOUT",
    "SO_KEEPALIVE and TCP_USER_TIMEOUT",
    "heartbeat",
    "read timeout",
]
NOTICED = {
    None: [None, None, "ETIMEDOUT", "ETIMEDOUT", "ETIMEDOUT", "TIMEOUT", "TIMEOUT"],
    "reboot": [None, *["ECONNRESET"] * 4, "ECONNRESET|TIMEOUT", "TIMEOUT"],
    "hang": [None, None, None, None, None, "TIMEOUT", "TIMEOUT"],
}
"""What told each way, with the peer gone, back, and standing still. A ping into a host that boots may be lost, and its
repetition later than the heartbeat's patience."""


@pytest.mark.parametrize("variant", NOTICED)
def test_each_fault_is_noticed_by_those_who_ask_the_right_thing(variant: str | None, catalogue: Catalogue) -> None:
    for run in catalogue.of("detection", variant):
        (table,) = record(run).tables
        assert table.output == "detection"
        for row, way, by in zip(table.rows, WAYS, NOTICED[variant], strict=True):
            assert row["way"].startswith(way)
            assert row["by"] in (by.split("|") if by else [None]), (run, row)
            assert row["noticed"] is (by is not None) is (row["after_ns"] is not None)
        folder = run.outcome.folder
        assert folder is not None and (folder / "detection.png").exists() and (folder / "detection.svg").exists()


def test_the_table_and_the_plot_come_with_the_run_and_again_from_its_record(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    done = netlab("run", LABS / "detection", "--variant", "hang", "--out", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "detection.png and detection.svg hold the plot of detection\n" in done.stdout
    shown = done.stdout[done.stdout.index("Who noticed: pause server") : done.stdout.index("✓ PASS")]
    again = netlab("judge", folder)
    assert shown in again.stdout
    for name in ("detection.png", "detection.svg"):
        (folder / name).unlink()
    judged = netlab("judge", "--files", "--json", folder)
    assert json.loads(judged.stdout)["tables"] == json.loads((folder / "record.json").read_text())["tables"]
    assert "hold the plot" in judged.stderr
    assert (folder / "detection.png").stat().st_size > 10_000 and (folder / "detection.svg").exists()
