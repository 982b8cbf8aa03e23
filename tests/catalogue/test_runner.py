"""Many labs at once: each comes out by itself, whatever happens to the others, and nothing is left."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import netlab
from netlab.catalogue.labs import select
from netlab.catalogue.outcome import Outcome
from netlab.catalogue.runner import Runner, Running
from netlab.errors import UsageError
from netlab.lab import Lab, load
from netlab.records import Verdict
from tests.catalogue.labs import FAILING, put
from tests.leftovers import family, namespace_files

HALF_OPEN = Path(__file__).parents[2] / "labs/half-open/lab.yaml"
SLOW = "finding: confirmed\ntakes: 5s"


def numbered(count: int) -> list[Lab]:
    """Half-open, so many times, each under another name."""
    lab = load(HALF_OPEN)
    return [dataclasses.replace(lab, name=f"half-open-{number}") for number in range(count)]


def test_each_lab_is_played_once_and_keeps_its_own_run_directory(tmp_path: Path) -> None:
    begun: list[str] = []
    with Runner(4, started=lambda lab: begun.append(lab.name)) as runner:
        outcomes = list(runner.play(numbered(8), tmp_path))
    assert sorted(begun) == sorted(outcome.name for outcome in outcomes) == [f"half-open-{n}" for n in range(8)]
    for outcome in outcomes:
        assert outcome.verdict is Verdict.PASS, outcome.sentence
        assert outcome.record is not None and [reset.reason for reset in outcome.record.resets] == ["NO_SOCKET"]
        assert outcome.folder == tmp_path / outcome.name and (outcome.folder / "capture.pcapng").is_file()


def test_a_run_that_is_killed_is_its_own_labs_error(tmp_path: Path) -> None:
    victims: list[int] = []

    def kill_one() -> None:
        runs = [pid for pid, name in family(os.getpid()).items() if name == "netlab-run"]
        if runs and not victims:
            victims.append(runs[0])
            os.kill(runs[0], signal.SIGKILL)

    with Runner(3, tick=kill_one) as runner:
        outcomes = list(runner.play(numbered(3), tmp_path))
    assert victims and sorted(outcome.verdict.value for outcome in outcomes) == ["pass", "pass", "unknown"]
    [dead] = [outcome for outcome in outcomes if outcome.problem]
    assert dead.problem is not None and dead.problem.kind == "error" and "its process died" in dead.sentence


def test_a_run_that_dies_with_its_lab_unread_is_its_own_labs_error() -> None:
    ours, theirs = socket.socketpair()
    run = Running(numbered(1)[0], ours, os.pidfd_open(os.getpid()))
    ours.sendall(b"a lab")
    theirs.close()
    assert not run.hear()  # ECONNRESET, as in labs/rst-close-unread
    outcome, _ = run.outcome(stopping=False)
    assert outcome.problem is not None and outcome.problem.kind == "error" and "its process died" in outcome.sentence
    run.close()


def test_ctrl_c_in_the_moment_when_runs_begin_ends_them_too(tmp_path: Path) -> None:
    begun: list[str] = []
    outcomes: list[Outcome] = []

    def press(lab: Lab) -> None:
        begun.append(lab.name)
        if len(begun) == 4:
            signal.raise_signal(signal.SIGINT)

    with Runner(4, started=press) as runner, pytest.raises(KeyboardInterrupt):
        outcomes.extend(runner.play(numbered(8), tmp_path))
    assert len(begun) == 4 and sorted(outcome.name for outcome in outcomes) == sorted(begun)
    for outcome in outcomes:
        assert outcome.verdict is Verdict.UNKNOWN and outcome.interrupted, outcome.sentence


def command(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """`netlab run --all` over the labs of this folder alone."""
    line = [
        sys.executable,
        "-c",
        "import sys; from netlab.lab import library; from pathlib import Path; "
        "library.shipped = lambda: Path('none'); from netlab.cli import main; main(sys.argv[1:])",
        *arguments,
    ]
    return subprocess.Popen(line, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def waiting_lab(folder: Path, name: str) -> None:
    """A lab that waits for a minute for what does not come."""
    path = put(folder / "labs", name, "finding: confirmed")
    path.write_text(
        path.read_text().replace(
            "\nexpect:", "  - {server: {accept: {}}}\n  - {server: {receive: {within: 60s}}}\n\nexpect:"
        )
    )


def all_waiting(process: subprocess.Popen[str], count: int) -> list[int]:
    """Wait until so many endpoints of server and client stand in their labs; the whole family."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = family(process.pid)
        if list(found.values()).count("netlab-end") >= 2 * count:
            return list(found)
        os.sched_yield()
    raise AssertionError(f"not so many endpoints: {family(process.pid)}")


def lives(pid: int) -> bool:
    """Whether this process has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone(pids: list[int]) -> bool:
    """Whether all of these are gone within two seconds; one that has ended may wait for PID 1 to take note of it."""
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        if not [pid for pid in pids if lives(pid)]:
            return True
        os.sched_yield()
    return False


def test_ctrl_c_shows_what_was_finished_and_ends_the_rest_in_order(tmp_path: Path) -> None:
    put(tmp_path / "labs", "quick", "finding: confirmed")
    for name in ("slow-1", "slow-2"):
        waiting_lab(tmp_path, name)
    process = command(tmp_path, "run", "--all", "--json", "--out", "runs/here")
    pids = all_waiting(process, 2)
    assert process.stderr is not None
    while "quick: pass" not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    found = {each["lab"]: each for each in json.loads(out)}
    assert process.returncode == 130 and found["quick"]["verdict"] == "pass"
    for name in ("slow-1", "slow-2"):
        record = json.loads((tmp_path / "runs/here" / name / "record.json").read_text())
        assert (record["interrupted"], record["verdict"], found[name]["verdict"]) == ("Ctrl-C", "unknown", "unknown")
    assert gone(pids)


@pytest.mark.parametrize("victim", ["netlab", "netlab-warm"])
def test_sigkill_leaves_nothing(victim: str, tmp_path: Path) -> None:
    for name in ("slow-1", "slow-2"):
        waiting_lab(tmp_path, name)
    process = command(tmp_path, "run", "--all", "--out", "runs/here")
    pids = all_waiting(process, 2)
    assert namespace_files(pids)
    found = family(process.pid)
    os.kill(
        process.pid if victim == "netlab" else next(p for p, name in found.items() if name == victim), signal.SIGKILL
    )
    process.communicate(timeout=30)
    assert gone(pids)
    assert process.returncode == (-signal.SIGKILL if victim == "netlab" else 3)


def test_run_all_tells_each_lab_and_explains_failures(tmp_path: Path) -> None:
    put(tmp_path / "labs", "good", "finding: confirmed")
    put(tmp_path / "labs", "bad", "finding: confirmed", expect=FAILING)
    put(tmp_path / "labs", "slow", "finding: confirmed\ntakes: 1min")
    process = command(tmp_path, "run", "--all", "--out", "runs/here")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "✓ good " in out and "✗ bad " in out and "1 pass" in out and "1 fail" in out
    assert "because" in out and "netlab judge runs/here/bad --timeline" in out
    assert "slow; --long plays them" in err and "runs/here/ holds a run directory for each" in err
    (tmp_path / "labs/bad/lab.yaml").write_text("nonsense")
    process = command(tmp_path, "run", "--all", "--json", "--out", "runs/there")
    out, _ = process.communicate(timeout=60)
    verdicts = {each["lab"]: (each["verdict"], (each["problem"] or {}).get("kind")) for each in json.loads(out)}
    assert process.returncode == 2 and verdicts == {"good": ("pass", None), "bad": ("unknown", "mistake")}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run"], "which lab? give its name (see `netlab list`), or --all"),
        (["run", "basic", "--all"], "leave out the one or the other"),
        (["run", "--all", "--set", "a=b"], "leave out the one or the other"),
        (["run", "--all", "--jobs", "0"], "give 1 or more"),
        (["claims", "--json", "--html"], "give one of them"),
    ],
)
def test_what_does_not_go_together_is_said(arguments: list[str], said: str, tmp_path: Path) -> None:
    process = command(tmp_path, *arguments)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 2 and said in err


def test_long_labs_come_first_and_only_if_asked(tmp_path: Path) -> None:
    for name, takes in (("a", "1s"), ("b", "20s"), ("c", "9s")):
        put(tmp_path, name, f"finding: confirmed\ntakes: {takes}")
    paths = [str(tmp_path / name) for name in "abc"]
    assert [lab.name for lab in select(paths).labs] == ["c", "a"]
    assert [lab.name for lab in select(paths).left_out] == ["b"]
    assert [lab.name for lab in select(paths, long=True).labs] == ["b", "c", "a"]
    with pytest.raises(UsageError, match="say --long"):
        select(paths[1:2])


def test_the_python_api_yields_outcomes_and_rows(tmp_path: Path) -> None:
    put(tmp_path / "labs", "good", "finding: refuted")
    lab = [str(tmp_path / "labs/good")]
    [outcome] = netlab.run_all(lab, out=tmp_path / "a")
    assert outcome.verdict is Verdict.PASS and outcome.record is not None
    [row] = netlab.claims(lab, jobs=1, out=tmp_path / "b")
    assert (row.lab, row.finding, row.status) == ("good", "refuted", "new")
    stopped = netlab.run_all(lab * 2, out=tmp_path / "c", jobs=1)
    next(stopped)
    stopped.close()
    with contextlib.suppress(StopIteration):
        next(stopped)
