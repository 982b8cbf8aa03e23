"""What happens around a run: Ctrl-C, --keep-open, the run directory, judging again, the API."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import netlab
from netlab.api import OpenLab
from netlab.errors import LabError, NeedError, UsageError
from netlab.lab import from_definition
from netlab.progress import Progress
from netlab.records import Fault
from tests.leftovers import family

FAILING: dict[str, Any] = {
    "name": "failing",
    "title": "A lab that fails at its second step",
    "hosts": {
        "server": {"nics": {"eth0": {"ip": ["10.0.0.1/24"]}}},
        "client": {"nics": {"eth0": {"ip": ["10.0.0.2/24"]}}},
    },
    "switches": {"switch": ["server.eth0", "client.eth0"]},
    "steps": [
        {"server": {"listen": "9000"}},
        {"client": {"connect": "server:9001"}},
        {"client": {"send": "never"}},
    ],
}


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "netlab", "run", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def until_line(process: subprocess.Popen[str], text: str) -> None:
    """Read progress up to the line that holds this."""
    assert process.stderr is not None
    for line in process.stderr:
        if text in line:
            return
    raise AssertionError(f"{text!r} was never said")


def test_ctrl_c_heals_writes_what_was_recorded_and_exits_130(tmp_path: Path) -> None:
    process = start("half-open", "--out", str(tmp_path / "run"))
    until_line(process, "kill server")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    record = json.loads((tmp_path / "run" / "record.json").read_text())
    assert record["interrupted"] and record["verdict"] == "unknown"
    faults = [(event["fault"], event["action"]) for event in record["events"] if event["kind"] == "fault"]
    assert ("unplug", "heal") in faults, "Ctrl-C heals what is in effect"
    assert (tmp_path / "run" / "capture.pcapng").stat().st_size > 0
    assert "unknown" in output.lower()
    assert not [name for name in family(os.getpid()).values() if name.startswith("netlab")]


def test_keep_open_stops_at_the_first_failure_and_says_how_to_look_inside(tmp_path: Path) -> None:
    held: list[str] = []

    class Looking(Progress):
        def held(self, text: str) -> None:
            command = text.splitlines()[-1].split(": ", 1)[1].replace("nsenter", "nsenter -r/ -w/ --", 0).split()
            done = subprocess.run([*command, "ip", "-br", "addr"], capture_output=True, text=True, check=False)
            held.append(done.stdout + done.stderr)

    from netlab.lab import from_definition
    from netlab.orchestrator import run_lab

    record = run_lab(from_definition(FAILING), tmp_path / "run", keep_open=True, progress=Looking())
    assert len(held) == 1
    assert "10.0.0.2" in held[0], "the command that it names opens the host"
    assert record.verdict is netlab.Verdict.FAIL
    assert "ECONNREFUSED" in record.sentence


def test_a_failure_ends_the_run_and_names_what_was_expected(tmp_path: Path) -> None:
    record = netlab.run(FAILING, out=tmp_path / "run")
    assert record.verdict is netlab.Verdict.FAIL
    verdicts = [check.verdict.value for check in record.checks]
    assert verdicts == ["pass", "fail", "unknown"], "the step after the failed one was not played"


def test_the_run_directory_is_never_one_that_holds_something(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        netlab.run("basic", out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


@pytest.mark.parametrize(
    ("room", "kept", "said"), [("4k", [], "capture.pcapng"), ("16k", ["capture.pcapng"], "record.json")]
)
def test_on_a_full_disk_each_file_is_whole_or_not_there(room: str, kept: list[str], said: str, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    script = f"mount -t tmpfs -o size={room} none {small} && {sys.executable} -m netlab run half-open --out {small}/run"
    script += f"; code=$?; ls {small}/run; exit $code"
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3 and done.stdout.split() == kept
    assert f"netlab: write {small}/run/{said}: No space left on device; make room, or give another" in done.stderr


def test_a_run_can_be_judged_again_from_its_record_alone(tmp_path: Path) -> None:
    record = netlab.run("basic", out=tmp_path / "run")
    (tmp_path / "run" / "capture.pcapng").unlink()
    again = netlab.judge_run(tmp_path / "run")
    assert (again.verdict, again.sentence, again.checks) == (record.verdict, record.sentence, record.checks)


def test_a_run_works_in_a_thread_that_is_not_the_main_one(tmp_path: Path) -> None:
    records: list[netlab.RunRecord] = []
    thread = threading.Thread(target=lambda: records.append(netlab.run("basic", out=tmp_path / "run")))
    thread.start()
    thread.join(60)
    assert [record.verdict for record in records] == [netlab.Verdict.PASS]


def test_an_open_lab_that_raises_leaves_its_record_and_nothing_else(tmp_path: Path) -> None:
    before = set(family(os.getpid()))
    with pytest.raises(ZeroDivisionError), netlab.open("basic", out=tmp_path / "run") as lab:
        lab.do({"server": {"listen": 9000}})
        assert len(family(os.getpid())) > 3
        raise ZeroDivisionError
    assert json.loads((tmp_path / "run" / "record.json").read_text())["interrupted"] == "ZeroDivisionError"
    assert set(family(os.getpid())) == before


def test_an_open_lab_speaks_the_vocabulary_of_lab_files(tmp_path: Path) -> None:
    with netlab.open("basic", out=tmp_path / "run") as lab:
        assert isinstance(lab, OpenLab)
        lab.do({"server": {"listen": 9000}})
        call = lab.do({"client": {"connect": "server:9000"}})
        assert call is not None and call.error is None
        lab.do({"unplug": "server.eth0"})
        states = [row.state for row in lab.look()["client"].sockets]
        assert states == ["ESTABLISHED"]
        with pytest.raises(LabError, match="no action"):
            lab.do({"client": {"conect": "server:9000"}})
    assert [event.action for event in lab.record.of(Fault)] == ["inject"]


def test_any_lab_can_be_opened_also_one_whose_expectations_name_its_steps(tmp_path: Path) -> None:
    with netlab.open("half-open", out=tmp_path / "run") as lab:
        lab.do({"server": {"listen": 9000}})
    assert lab.record.verdict is netlab.Verdict.PASS


def test_a_run_leaves_no_descriptor_open(tmp_path: Path) -> None:
    def open_files() -> list[Path]:
        return sorted(Path("/proc/self/fd").iterdir())

    netlab.run("basic", out=tmp_path / "first")  # whatever is opened once is open now
    before = open_files()
    netlab.run("basic", out=tmp_path / "second")
    with netlab.open("basic", out=tmp_path / "third"):
        pass
    assert open_files() == before


def test_what_this_machine_lacks_is_said_before_anything_is_built(tmp_path: Path) -> None:
    """By this machine itself: `netlab.run` would look for another one (tests/remote/test_choice.py)."""
    from netlab.orchestrator import run_lab
    from netlab.probes import PROBES

    finding = PROBES["netem"]().probe()
    lab = from_definition({**FAILING, "requires": ["netem"]})
    if finding.status == "yes":
        assert run_lab(lab, tmp_path / "run").verdict is netlab.Verdict.FAIL
    else:
        with pytest.raises(NeedError, match="netem"):
            run_lab(lab, tmp_path / "run")


def test_offloads_are_off_so_that_a_segment_is_a_frame(tmp_path: Path) -> None:
    from netlab.records import Segment

    with netlab.open("basic", out=tmp_path / "run") as lab:
        lab.do({"server": {"listen": 9000}})
        lab.do({"client": {"connect": "server:9000"}})
        lab.do({"server": {"accept": {}}})
        lab.do({"client": {"send": {"size": "60000"}}})
        lab.do({"server": {"receive": {"size": "60000"}}})
    assert max(segment.length for segment in lab.record.of(Segment)) <= 1460


def test_the_logs_tell_what_each_endpoint_did_and_each_program_wrote(tmp_path: Path) -> None:
    program = {"argv": ["sh", "-c", "echo out; echo err >&2"]}
    server = {**FAILING["hosts"]["server"], "programs": {"echo": program}}
    steps = [{"start": "server.echo"}, {"wait": {"exit": "server.echo"}}, {"server": {"listen": "9000"}}]
    lab = {**FAILING, "hosts": {**FAILING["hosts"], "server": server}, "steps": steps}
    netlab.run(lab, out=tmp_path / "run")
    logs = tmp_path / "run" / "logs"
    assert (logs / "server.echo.stdout").read_text() == "out\n"
    assert (logs / "server.echo.stderr").read_text() == "err\n"
    assert "listen listener: success" in (logs / "server.calls").read_text()
    assert "ended: status 0" in (logs / "server.echo.calls").read_text()
