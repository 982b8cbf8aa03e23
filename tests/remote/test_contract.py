"""The contract of targets: a run there is what it is here. (tests/remote/place.py lists the targets.)"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import netlab
from netlab.errors import NeedError, UsageError
from netlab.progress import Progress
from netlab.records import RunRecord, Verdict
from netlab.remote.near import There
from netlab.steps import Planned
from tests.cli.command import environment
from tests.cli.command import netlab as command
from tests.remote import labs
from tests.remote.place import Place

GONE_WITHIN_S = 10.0
"""The kernel has killed everything by then, and the janitor has removed the folder."""


class Recorder(Progress):
    """Remembers what it is told; presses Ctrl-C when a step is done, if told to."""

    def __init__(self, interrupt_after: str = "") -> None:
        self.heard: list[str] = []
        self.interrupt_after = interrupt_after

    def started(self, lab: netlab.Lab) -> None:
        self.heard.append(f"started {lab.name}")

    def step(self, planned: Planned) -> None:
        self.heard.append(f"step {planned.index}")

    def done(self, planned: Planned, error: str | None, took_ns: int) -> None:
        self.heard.append(f"done {planned.index}")
        if planned.text == self.interrupt_after:
            signal.raise_signal(signal.SIGINT)

    def phase(self, text: str) -> None:
        self.heard.append(text)


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def shape(record: RunRecord) -> tuple[object, ...]:
    """What of a record does not depend on the moment, or on the machine."""
    checks = [(check.name, check.verdict) for check in record.checks]
    return record.lab, record.variant, record.verdict, record.sentence, record.definition, record.parameters, checks


def test_half_open_is_there_what_it_is_here(there: There, tmp_path: Path) -> None:
    lab = netlab.load(netlab.lab.find("half-open"))
    progress = Recorder()
    record = there.run(lab, tmp_path / "there", progress=progress)
    here = netlab.run(lab, out=tmp_path / "here")
    assert record.verdict is Verdict.PASS
    assert record.environment.target == there.target.url
    assert here.environment.target == ""
    assert shape(record) == shape(here)
    assert files(tmp_path / "there") == files(tmp_path / "here")
    assert record == netlab.judge_run(tmp_path / "there")
    steps = [f"{word} {step.index}" for step in lab.steps for word in ("step", "done")]
    assert progress.heard == ["started half-open", "building", *steps, "judging"]


def test_what_fails_here_fails_there(there: There, tmp_path: Path) -> None:
    lab = netlab.load(labs.made(tmp_path, labs.REFUSED))
    record, here = there.run(lab, tmp_path / "there"), netlab.run(lab, out=tmp_path / "here")
    assert record.verdict is here.verdict is Verdict.FAIL
    assert [check.seen for check in record.checks] == [check.seen for check in here.checks]
    assert files(tmp_path / "there") == files(tmp_path / "here")


def test_what_is_unknown_here_is_unknown_there(there: There, tmp_path: Path) -> None:
    lab = netlab.load(labs.made(tmp_path, labs.SILENT))
    record, here = there.run(lab, tmp_path / "there"), netlab.run(lab, out=tmp_path / "here")
    assert record.verdict is here.verdict is Verdict.UNKNOWN
    assert record.sentence == here.sentence


def test_what_that_machine_lacks_is_an_error_of_this_one_and_leaves_no_directory(there: There, tmp_path: Path) -> None:
    lab = netlab.load(labs.made(tmp_path, labs.LACKING))
    with pytest.raises(NeedError, match=r"on \S+: run lacking: .*no-such-program-anywhere"):
        there.run(lab, tmp_path / "there")
    assert not (tmp_path / "there").exists()


def test_programs_travel_with_their_folder(there: There, tmp_path: Path) -> None:
    file = labs.made(
        tmp_path,
        labs.TRAVELS,
        bin__app_sh='#!/bin/sh\ncat "$1"\necho ready\nexec sleep 60\n',
        part__data_txt="what the data says\n",
    )
    record = there.run(netlab.load(file), tmp_path / "run")
    assert record.verdict is Verdict.PASS, record.sentence
    assert "what the data says" in (tmp_path / "run/logs/box.app.stdout").read_text()


def test_ctrl_c_ends_the_run_there_in_order_and_the_next_one_goes_on(there: There, tmp_path: Path) -> None:
    lab = netlab.load(labs.made(tmp_path, labs.PATIENT))
    record = there.run(lab, tmp_path / "first", progress=Recorder(interrupt_after=lab.steps[1].text))
    assert record.interrupted == "Ctrl-C"
    assert files(tmp_path / "first") == ["capture.pcapng", "logs/server.calls", "record.json"]
    assert there.run(netlab.load(netlab.lab.find("basic")), tmp_path / "second").verdict is Verdict.PASS


def test_directory_that_is_not_empty_is_refused(there: There, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    with pytest.raises(UsageError, match="not empty"):
        there.run(netlab.load(netlab.lab.find("basic")), tmp_path)
    assert files(tmp_path) == ["precious"]


# --- as a user, with processes that can be killed ---


@pytest.fixture
def waiting(place: Place, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """`netlab run` in the middle of a lab that waits for long."""
    lab = labs.made(tmp_path, labs.PATIENT)
    process = subprocess.Popen(
        [sys.executable, "-m", "netlab", "run", str(lab), "--on", place.url, "--out", str(tmp_path / "run")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        env=environment(),
        start_new_session=True,
    )
    assert process.stderr is not None
    with process:
        seen = []
        for line in process.stderr:
            seen.append(line)
            if line.startswith("[2/3]"):
                break
        assert seen[-1].startswith("[2/3]"), seen
        yield process
        process.kill()


def test_exit_code_and_output_are_those_of_a_run_here(place: Place, tmp_path: Path) -> None:
    lab = labs.made(tmp_path, labs.REFUSED)
    done = command("run", lab, "--on", place.url, "--out", tmp_path / "run", "--json")
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout) == json.loads((tmp_path / "run/record.json").read_text())


def test_ctrl_c_at_the_terminal_exits_130_with_the_record(
    waiting: subprocess.Popen[str], place: Place, tmp_path: Path
) -> None:
    family = place.scan(waiting.pid)
    assert {"netlab-far", "netlab-warm", "netlab-run", "netlab-super"} <= {each["name"] for each in family["family"]}
    os.killpg(waiting.pid, signal.SIGINT)  # to all that netlab started in its group, as a terminal does
    out, err = waiting.communicate(timeout=60)
    assert waiting.returncode == 130, out + err
    assert "interrupted: Ctrl-C" in out
    assert json.loads((tmp_path / "run/record.json").read_text())["interrupted"] == "Ctrl-C"
    assert place.left(family, GONE_WITHIN_S) == []


def test_near_end_killed_leaves_nothing_there(waiting: subprocess.Popen[str], place: Place) -> None:
    family = place.scan(waiting.pid)
    assert [each["folders"] for each in family["family"] if each["name"] == "netlab-run"] != [[]]
    waiting.kill()
    waiting.wait()
    assert place.left(family, GONE_WITHIN_S) == []


@pytest.mark.parametrize("victim", ["netlab-far", "netlab-warm", "netlab-run", "netlab-janitor"])
def test_far_end_killed_is_told_at_once_and_leaves_nothing(
    waiting: subprocess.Popen[str], place: Place, tmp_path: Path, victim: str
) -> None:
    family = place.scan(waiting.pid)
    place.kill(next(each for each in family["family"] if each["name"] == victim))
    out, err = waiting.communicate(timeout=60)
    assert waiting.returncode == 3, out + err
    assert "the far end is gone" in err
    assert "Traceback" not in err
    assert not (tmp_path / "run").exists()
    assert place.left(family, GONE_WITHIN_S) == []


PEAK = """
import sys, netlab
netlab.run(sys.argv[1], on=sys.argv[2], out=sys.argv[3], parameters={"megabytes": sys.argv[4]})
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


def peak_memory(lab: Path, place: Place, out: Path, megabytes: int) -> int:
    """The most memory that the near end held, in bytes, while it played the lab."""
    words = [str(lab), place.url, str(out), str(megabytes)]
    done = subprocess.run([sys.executable, "-c", PEAK, *words], capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stderr
    return int(done.stdout) * 1024


def test_big_capture_does_not_pass_through_memory(place: Place, tmp_path: Path) -> None:
    lab = labs.made(tmp_path, labs.BIG, sink_py=labs.SINK, source_py=labs.SOURCE)
    small, big = (peak_memory(lab, place, tmp_path / str(size), size) for size in (1, place.megabytes))
    capture = (tmp_path / str(place.megabytes) / "capture.pcapng").stat().st_size
    assert capture > place.megabytes * 2_000_000
    assert big < small + 50_000_000, f"{capture} bytes of capture took {big - small} of memory"
