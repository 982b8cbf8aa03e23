"""Far ends that are broken or hostile: what the near end makes of them, and what it does not let them do.

Each is a real process that says what a script says; `greet` is what every far end begins with.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import netlab
from netlab.errors import NeedError, NetlabError, TargetError
from netlab.progress import Progress
from netlab.remote import PROTOCOL, talk
from netlab.remote.near import There, run_there
from netlab.targets import Target, local
from netlab.targets.local import LocalFar
from tests.cli.command import lab_folder

PREAMBLE = f"""
import json, os, select, sys

def say(say, data=b"", **fields):
    size = {{"bytes": len(data)}} if data else {{}}
    os.write(1, json.dumps({{"say": say, **fields, **size}}).encode() + b"\\n" + data)

def greet():
    say("hello", netlab={netlab.__version__!r}, protocol={PROTOCOL})

def listen():
    while (heard := os.read(0, 65536)) and b'"sent"' not in heard:
        pass

def wait():
    select.select([], [], [], 60)

def file(name, data):
    say("file", name=name, size=len(data))
    say("piece", data)
"""


class Scripted(Target):
    """A far end that does what a Python script does."""

    form = "scripted:"

    def __init__(self, script: str) -> None:
        super().__init__("scripted:", lambda text: None)
        self.script = script
        self.fars: list[LocalFar] = []

    def open(self) -> None:
        self.fars = []

    def start(self) -> LocalFar:
        self.fars.append(LocalFar([sys.executable, "-c", PREAMBLE + self.script]))
        return self.fars[-1]

    def close(self) -> None:
        for far in self.fars:
            far.close()


@pytest.fixture
def lab(tmp_path: Path) -> netlab.Lab:
    return netlab.load(lab_folder(tmp_path) / "hello" / "lab.yaml")


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Path]:
    """A run directory; nothing but that and the lab is there afterwards."""
    yield tmp_path / "run"
    assert {path.name for path in tmp_path.iterdir()} <= {"somewhere", "run"}
    assert not list(tmp_path.rglob("*.part"))


def problem(script: str, lab: netlab.Lab, out: Path, progress: Progress | None = None) -> NetlabError:
    """What a run with this far end is told."""
    with pytest.raises(NetlabError) as caught:
        run_there(lab, Scripted(script), out, progress)
    return caught.value


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("print('Welcome to this machine!', flush=True); listen()", r"b'Welcome to this machine!' is no JSON; is it"),
        ("print('{}', flush=True); listen()", "says nothing"),
        ("os.write(1, b'[' * 100000 + b'\\n'); listen()", "is no JSON"),
        ("say('hello', netlab='0.0.9', protocol=7)", r"netlab is 0.0.9 \(protocol 7\) there, and .* install the same"),
        ("say('hello', netlab='1\\x1b[2J', protocol=None)", "netlab is 1\\\\x1b"),
        ("say('begun')", "it begins with 'begun'"),
        ("sys.exit('no module named netlab')", r"is gone: it has hung up; it said:\nno module named netlab"),
        ("greet(); sys.exit(5)", "the far end is gone"),
        ('greet(); listen(); os.write(1, b\'{"say": "piece", "bytes": 999999999}\\n\')', "announces 999999999 bytes"),
        ('greet(); listen(); os.write(1, b\'{"say": "piece", "bytes": -1}\\n\')', "announces -1 bytes"),
        ("greet(); listen(); os.write(1, b'x' * (17 << 20)); listen()", "a line of more than"),
    ],
)
def test_what_is_no_far_end_is_told(script: str, text: str, lab: netlab.Lab, out: Path) -> None:
    told = problem(script, lab, out)
    assert isinstance(told, TargetError)
    with pytest.raises(TargetError, match=text):
        raise told
    assert "\x1b" not in str(told)
    assert not out.exists()


@pytest.mark.parametrize(
    "name",
    [
        "../escaped",
        "/tmp/escaped",
        "logs/../../escaped",
        "a/b/c",
        "..",
        ".",
        "",
        ".hidden",
        "-rf",
        "C:\\escaped",
        "logs\\..\\..\\escaped",
        "nul\0byte",
        "new\nline",
        "record.json.part",
        "x" * 300 + "/y" * 300,
        7,
        None,
        ["record.json"],
    ],
)
def test_file_that_is_not_of_a_run_directory_is_refused(name: object, lab: netlab.Lab, out: Path) -> None:
    told = problem(f"greet(); listen(); file({name!r}, b'x'); listen()", lab, out)
    assert "it sends a file by the name" in str(told)
    assert not out.exists()


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("say('piece', b'x')", "bytes that belong to no file"),
        ("say('file', name='a', size=1); say('piece', b'xy')", "bytes that belong to no file"),
        ("say('file', name='a', size=9); say('piece', b'x'); file('b', b'')", "a lacks its last 8 bytes"),
        ("say('file', name='a', size=9); say('ended')", "a lacks its last 9 bytes"),
        ("say('file', name='a', size=-1)", "it sends -1 bytes"),
        ("say('file', name='a', size=True)", "it sends True bytes"),
        ("say('file', name='a', size=9); say('piece', b'x'); os._exit(0)", "the far end is gone"),
    ],
)
def test_file_that_is_not_whole_does_not_appear(script: str, text: str, lab: netlab.Lab, out: Path) -> None:
    told = problem(f"greet(); listen(); {script}; listen()", lab, out)
    assert isinstance(told, TargetError)
    assert text in str(told)
    assert not out.exists()


def test_what_came_before_the_loss_stays_and_is_whole(lab: netlab.Lab, out: Path) -> None:
    problem("greet(); listen(); file('logs/a', b'x'); say('file', name='b', size=9); say('piece', b'y')", lab, out)
    assert [path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()] == ["logs/a"]
    assert (out / "logs/a").read_bytes() == b"x"


def test_file_is_not_sent_twice(lab: netlab.Lab, out: Path) -> None:
    told = problem("greet(); listen(); file('a', b'good'); file('a', b'bad'); listen()", lab, out)
    assert "by the name 'a'" in str(told)
    assert (out / "a").read_bytes() == b"good"


@pytest.mark.parametrize("record", ["pass", "file('record.json', b'{}')", "file('record.json', b'[[[')"])
def test_run_without_a_record_is_no_run(record: str, lab: netlab.Lab, out: Path) -> None:
    told = problem(f"greet(); listen(); {record}; say('ended'); listen()", lab, out)
    assert isinstance(told, TargetError)
    assert "bring the run home from scripted:" in str(told)


def test_errors_come_as_their_class_and_are_made_printable(lab: netlab.Lab, out: Path) -> None:
    answers = [
        ("type='NeedError', text='lacks \\x1b[31mnetem'", NeedError, "on scripted: lacks \\x1b[31mnetem"),
        ("type='KernelError', text='EPERM'", NetlabError, "on scripted: EPERM"),
        ("type='SystemExit', text='bye'", NetlabError, "on scripted: bye"),
    ]
    for fields, kind, text in answers:
        told = problem(f"greet(); listen(); say('error', {fields}); listen()", lab, out)
        assert (type(told), str(told)) == (kind, text)


class Shown(Progress):
    """Remembers what it would show."""

    def __init__(self) -> None:
        self.texts: list[object] = []

    def phase(self, text: str) -> None:
        self.texts.append(text)

    def done(self, planned: object, error: str | None, took_ns: int) -> None:
        self.texts.append(error)


def test_progress_that_makes_no_sense_is_passed_over(lab: netlab.Lab, out: Path) -> None:
    shown = Shown()
    script = """
greet(); listen()
say('step', index=99); say('step', index='x'); say('step'); say('done', index=-1); say('done', index=0, took_ns='x')
say('phase', text='\\x1b[2Jbuilding'); say('done', index=0, took_ns=1, error='bad\\x07'); say('sing', loud=True)
say('error', type='NeedError', text='over')
listen()
"""
    problem(script, lab, out, shown)
    assert shown.texts == ["\\x1b[2Jbuilding", "bad\\x07"]


def test_connection_that_is_half_open_is_given_up(lab: netlab.Lab, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk, "SILENCE_S", 0.5)
    monkeypatch.setattr(local, "WITHIN_S", 0.1)
    told = problem("greet(); listen(); say('begun'); wait()", lab, out)
    assert "nothing was heard from it for" in str(told)


def test_far_end_that_takes_nothing_is_given_up(tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lab's folder is larger than what a pipe and the queue hold: it can only be sent to somebody who reads."""
    monkeypatch.setattr(talk, "SILENCE_S", 0.5)
    monkeypatch.setattr(local, "WITHIN_S", 0.1)
    folder = lab_folder(tmp_path)
    text = (folder / "hello/lab.yaml").read_text()
    text = text.replace("steps:", "steps:\n  - start: server.app").replace(
        "ip: 10.0.0.1/24}}}", "ip: 10.0.0.1/24}}, programs: {app: {argv: ['true']}}}"
    )
    (folder / "hello/lab.yaml").write_text(text)
    (folder / "hello/much").write_bytes(bytes(8 << 20))
    told = problem("greet(); wait()", netlab.load(folder / "hello/lab.yaml"), out)
    assert "nothing was heard from it for" in str(told)


def test_target_is_reached_again_after_it_was_lost(lab: netlab.Lab, out: Path, tmp_path: Path) -> None:
    target = Scripted("greet(); listen(); say('error', type='NeedError', text='over'); os._exit(0)")
    with There(target) as there:
        for _ in range(2):
            with pytest.raises(NetlabError):
                there.run(lab, out)
