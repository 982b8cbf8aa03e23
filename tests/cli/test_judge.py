"""netlab judge: a saved run, judged from its record alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import netlab


def change(folder: Path, **fields: object) -> None:
    """Change top-level fields of the record."""
    file = folder / "record.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **fields}))


def test_saved_run_passes_again(saved_run: Path) -> None:
    done = netlab("judge", saved_run)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASS  hello" in done.stdout
    assert done.stderr == ""


def test_record_may_be_given_itself(saved_run: Path) -> None:
    assert netlab("judge", saved_run / "record.json").returncode == 0


def test_timeline_is_shown_when_asked(saved_run: Path) -> None:
    assert "─ S seq 0 ─" not in netlab("judge", saved_run).stdout
    assert "─ S seq 0 ─" in netlab("judge", saved_run, "--timeline").stdout


def test_judge_as_json_is_the_record_with_its_verdict(saved_run: Path) -> None:
    done = netlab("judge", saved_run, "--json")
    record = json.loads(done.stdout)
    assert (record["lab"], record["verdict"]) == ("hello", "pass")
    assert record["checks"]


def test_call_that_failed_fails_the_run(saved_run: Path) -> None:
    events = json.loads((saved_run / "record.json").read_text())["events"]
    change(saved_run, events=[{**e, "error": "ECONNREFUSED"} if e.get("call") == "connect" else e for e in events])
    done = netlab("judge", saved_run)
    assert done.returncode == 1
    assert "ECONNREFUSED" in done.stdout


def test_run_that_ended_early_is_not_a_pass(saved_run: Path) -> None:
    change(saved_run, events=[], interrupted="Ctrl-C")
    done = netlab("judge", saved_run)
    assert done.returncode == 3
    assert "UNKNOWN" in done.stdout
    assert "Ctrl-C" in done.stdout


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"lab": 3}', b'{"lab": "x"}', b"[" * 100_000, b'{"events": {}}'],
    ids=lambda content: content[:12].decode("latin-1") or "empty",
)
def test_record_that_is_none_exits_2_with_its_name(saved_run: Path, content: bytes) -> None:
    (saved_run / "record.json").write_bytes(content)
    done = netlab("judge", saved_run)
    assert done.returncode == 2
    assert "record.json" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_definition_that_is_no_lab_exits_2(saved_run: Path) -> None:
    change(saved_run, definition={"name": "x"})
    done = netlab("judge", saved_run)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_missing_record_exits_2(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "nowhere"):
        done = netlab("judge", place)
        assert done.returncode == 2
        assert "no such file" in done.stderr
