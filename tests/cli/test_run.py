"""netlab run, for real: what it prints, what it leaves, how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from tests.cli.command import GOOD_LAB, environment, lab_folder, netlab

REFUSED = GOOD_LAB.replace('connect: "server:${port}"', 'connect: "server:1"')
PATIENT = GOOD_LAB.replace(
    "variants:", "  - {background: waiting, server: {accept: {within: 60s}}}\n  - finish: waiting\nvariants:"
).replace('  - client: {connect: "server:${port}"}\n', "")


def alive(mark: str) -> list[int]:
    """Processes whose environment carries this mark."""
    found = []
    for place in Path("/proc").iterdir():
        try:
            if place.name.isdigit() and mark.encode() in (place / "environ").read_bytes():
                found.append(int(place.name))
        except OSError:  # gone meanwhile, or another user's
            continue
    return found


@pytest.fixture
def mark() -> str:
    """A text in the environment of every process of one run."""
    return f"NETLAB_TEST_{uuid.uuid4().hex}"


def test_run_shows_timeline_and_verdict_and_leaves_record_and_capture(tmp_path: Path, mark: str) -> None:
    done = netlab("run", "hello", "--labs", lab_folder(tmp_path), cwd=tmp_path, **{mark: "1"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "─ S seq 0 ─" in done.stdout
    assert "✓ PASS  hello: " in done.stdout
    assert "[2/2] client: connect server:9000 (" in done.stderr
    (folder,) = (tmp_path / "runs").iterdir()
    assert f"runs/{folder.name}/ holds record.json" in done.stdout
    assert (folder / "capture.pcapng").stat().st_size > 0
    assert netlab("judge", folder).returncode == 0
    assert alive(mark) == []


def test_run_as_json_prints_the_record_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = netlab("run", "hello", "--labs", lab_folder(tmp_path), "--variant", "other", "--json", "--out", out)
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert printed == json.loads((out / "record.json").read_text())
    assert (printed["variant"], printed["verdict"]) == ("other", "pass")


def test_parameter_is_set_from_the_command_line(tmp_path: Path) -> None:
    out = tmp_path / "run"
    folder = lab_folder(tmp_path)
    assert netlab("run", "hello", "--labs", folder, "--set", "port=9003", "--out", out).returncode == 0
    assert json.loads((out / "record.json").read_text())["parameters"] == {"port": 9003}


def test_failed_expectation_exits_1_and_explains_itself(tmp_path: Path) -> None:
    done = netlab("run", "hello", "--labs", lab_folder(tmp_path, text=REFUSED), cwd=tmp_path)
    assert done.returncode == 1
    assert "✗ FAIL  hello: " in done.stdout
    assert "ECONNREFUSED" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "wrong", [["--variant", "fourth"], ["--set", "nothing=1"], ["--set", "port=ninety"]], ids=lambda wrong: wrong[-1]
)
def test_wrong_choice_exits_2_and_leaves_no_process_and_no_directory(
    tmp_path: Path, wrong: list[str], mark: str
) -> None:
    done = netlab("run", "hello", "--labs", lab_folder(tmp_path), *wrong, cwd=tmp_path, **{mark: "1"})
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "runs").exists()
    assert alive(mark) == []


def test_run_directory_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "precious").write_text("x")
    done = netlab("run", "hello", "--labs", lab_folder(tmp_path), "--out", tmp_path / "run")
    assert done.returncode == 2
    assert "not empty" in done.stderr
    assert [file.name for file in (tmp_path / "run").iterdir()] == ["precious"]


def start(folder: Path, cwd: Path, *options: str, **variables: str) -> subprocess.Popen[str]:
    """A run whose stderr can be followed."""
    return subprocess.Popen(
        [sys.executable, "-m", "netlab", "run", "hello", "--labs", str(folder), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        env=environment(**variables),
    )


def follow(process: subprocess.Popen[str], text: str) -> None:
    """Read stderr up to a line with this text."""
    assert process.stderr is not None
    seen = []
    for line in process.stderr:
        seen.append(line)
        if text in line:
            return
    raise AssertionError(f"{text!r} did not come: {seen}")


def test_ctrl_c_ends_the_run_in_order_and_exits_130(tmp_path: Path, mark: str) -> None:
    process = start(lab_folder(tmp_path, text=PATIENT), tmp_path, **{mark: "1"})
    follow(process, "accept")
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, out + err
    assert "interrupted: Ctrl-C" in out
    assert "Traceback" not in err
    (folder,) = (tmp_path / "runs").iterdir()
    assert json.loads((folder / "record.json").read_text())["interrupted"]
    assert alive(mark) == []


def test_keep_open_stops_at_the_failure_with_everything_alive(tmp_path: Path, mark: str) -> None:
    process = start(lab_folder(tmp_path, text=REFUSED), tmp_path, "--keep-open", **{mark: "1"})
    follow(process, "nsenter --target")
    assert len(alive(mark)) > 3
    follow(process, "SIGINT")
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 1, out + err
    assert "✗ FAIL" in out
    assert alive(mark) == []
