"""The far end, spoken to byte by byte: real processes, whatever they are told."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

import netlab
from netlab.lab import from_definition
from netlab.remote import PROTOCOL
from netlab.remote.frames import Frame, Frames
from netlab.targets import far_command
from netlab.targets.local import LocalFar
from tests.cli.command import GOOD_LAB
from tests.leftovers import family
from tests.remote import labs

HELLO = Frame("hello", {"netlab": netlab.__version__, "protocol": PROTOCOL}).encoded()


WITHIN_S = 10.0
"""The kernel has killed what was below a far end by then, and the janitor has removed its folder."""


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}/exe").is_symlink()


class Spoken:
    """A far end, and what it says."""

    def __init__(self, command: list[str]) -> None:
        self.far = LocalFar(command)
        self.frames = Frames()
        self.heard: list[Frame] = []

    def write(self, *frames: bytes) -> None:
        for frame in frames:
            self.far.stdin.write(frame)

    def hear(self, *words: str) -> Frame:
        """What it says first of these."""
        while True:
            while self.heard:
                if (frame := self.heard.pop(0)).say in words:
                    return frame
            data = self.far.stdout.read(65536)
            assert data, f"it has hung up: {self.far.said()}"
            self.heard += self.frames.feed(data)

    def ended(self) -> tuple[int, str]:
        """How it ended, and what it said of that."""
        while self.far.stdout.read(65536):
            continue
        return self.far.wait(), self.far.said()


@contextmanager
def spoken(tmp_path: Path, command: list[str] | None = None) -> Iterator[Spoken]:
    """A far end whose folder is below tmp_path; nothing of it is there afterwards."""
    place = tmp_path / "place"
    place.mkdir()
    talk = Spoken(["env", f"TMPDIR={place}", *(command or far_command())])
    try:
        yield talk
        members = family(talk.far.pid)
    finally:
        talk.far.close()
    deadline = time.monotonic() + WITHIN_S
    while left := [*place.iterdir(), *(pid for pid in members if alive(pid))]:
        assert time.monotonic() < deadline, left


def request(text: str = GOOD_LAB, *pieces: bytes) -> bytes:
    """A request for a lab, with its folder in these pieces."""
    loaded = from_definition(plain(text))
    said = [Frame("run", {"definition": loaded.definition, "target": "test:"})]
    said += [*(Frame("piece", {}, piece) for piece in pieces), Frame("sent")]
    return b"".join(frame.encoded() for frame in said)


def plain(text: str) -> Any:
    """A lab file's content."""
    return json.loads(json.dumps(YAML(typ="safe").load(text)))


def test_it_ends_in_order_when_its_input_does(tmp_path: Path) -> None:
    with spoken(tmp_path) as talk:
        assert talk.hear("hello").fields == {"netlab": netlab.__version__, "protocol": PROTOCOL}
        talk.write(HELLO)
        talk.far.stdin.close()
        assert talk.ended() == (0, "")


def test_it_ends_when_nothing_is_heard(tmp_path: Path) -> None:
    impatient = f"import sys; sys.path[:] = {sys.path!r}; from netlab.remote import far; far.SILENCE_S = 0.5; "
    with spoken(tmp_path, [sys.executable, "-c", f"{impatient}sys.exit(far.main())"]) as talk:
        talk.write(HELLO, request(labs.PATIENT))
        code, said = talk.ended()
        assert code == 1
        assert "nothing was heard for" in said


def test_it_does_not_speak_to_another_netlab(tmp_path: Path) -> None:
    with spoken(tmp_path) as talk:
        talk.write(Frame("hello", {"netlab": "0.0.9", "protocol": 99}).encoded())
        code, said = talk.ended()
        assert code == 1
        assert "it is netlab 0.0.9 (protocol 99)" in said


def test_it_ends_at_what_it_does_not_understand(tmp_path: Path) -> None:
    for number, wrong in enumerate((b"GET / HTTP/1.1\r\n\r\n", request(), b"\xff" * 100 + b"\n", b"[]\n")):
        folder = tmp_path / str(number)
        folder.mkdir()
        with spoken(folder) as talk:
            talk.write(wrong)
            code, said = talk.ended()
            assert code == 1
            assert "what the near end says is not understood" in said


def test_request_that_cannot_be_carried_out_is_answered_and_the_next_one_is_played(tmp_path: Path) -> None:
    with spoken(tmp_path) as talk:
        talk.write(HELLO, request(GOOD_LAB, b"this is no tar", b"and this neither" * 1000))
        assert "play the lab" in talk.hear("error", "ended").fields["text"]
        talk.write(Frame("run", {"definition": {"name": 7}, "target": "x"}).encoded(), Frame("sent").encoded())
        assert talk.hear("error", "ended").fields["type"] == "LabError"
        talk.write(Frame("run", {}).encoded(), Frame("sent").encoded())
        assert "a defect of netlab" in talk.hear("error", "ended").fields["text"]
        talk.write(request())
        assert talk.hear("error", "ended").say == "ended"


def test_interrupt_before_the_run_can_take_it_is_kept_for_it(tmp_path: Path) -> None:
    with spoken(tmp_path) as talk:
        talk.write(HELLO, request(labs.PATIENT), Frame("interrupt").encoded())
        answer = talk.hear("error", "file")
        assert answer.say == "file" or answer.fields["type"] == "interrupted"


def test_folder_that_nobody_may_write_to_goes_all_the_same(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name in ("locked", "locked/inner"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o500
            tar.addfile(entry)
    with spoken(tmp_path) as talk:
        talk.write(HELLO, request(GOOD_LAB, packed.getvalue()))
        assert talk.hear("error", "ended").say == "ended"


def test_janitor_outlives_what_ends_sessions(tmp_path: Path) -> None:
    with spoken(tmp_path) as talk:
        talk.hear("hello")
        (janitor_pid,) = [pid for pid, name in family(talk.far.pid).items() if name == "netlab-janitor"]
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            os.kill(janitor_pid, number)
        os.kill(talk.far.pid, signal.SIGKILL)
        assert talk.far.wait() == -signal.SIGKILL
