"""What of a lab's folder travels, and what does not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import netlab
from netlab.errors import UsageError
from netlab.remote import folder
from netlab.remote.frames import PIECE
from tests.remote import labs


def packed(file: Path) -> list[bytes]:
    pieces: list[bytes] = []
    folder.pack(netlab.load(file), lambda piece: pieces.append(bytes(piece)))
    return pieces


def travelled(file: Path, to: Path) -> list[str]:
    """What arrives of a lab's folder."""
    to.mkdir()
    stream = bytearray(b"".join(packed(file)))

    def read(size: int) -> bytes:
        taken = bytes(stream[: min(size, 1000)])
        del stream[: len(taken)]
        return taken

    folder.unpack(to, read)
    return sorted(path.relative_to(to).as_posix() for path in to.rglob("*"))


def test_folder_of_a_lab_without_programs_stays(tmp_path: Path) -> None:
    assert packed(labs.made(tmp_path, labs.REFUSED, data_txt="x")) == []


def test_all_travels_but_run_directories_version_control_and_what_is_no_file(tmp_path: Path) -> None:
    file = labs.made(tmp_path, labs.TRAVELS, bin__app_sh="#!/bin/sh\n", part__data_txt="x", runs__record="x")
    home = file.parent
    for name in (".git", "bin/__pycache__", "runs/half-open-1", "empty"):
        (home / name).mkdir(parents=True)
    (home / ".git/config").write_text("x")
    (home / "runs/half-open-1/record.json").write_text("{}")
    (home / "runs/half-open-1/capture.pcapng").write_text("x")
    (home / "link").symlink_to("part/data.txt")
    (home / "broken").symlink_to("nowhere")
    os.mkfifo(home / "pipe")
    arrived = travelled(file, tmp_path / "there")
    assert arrived == [
        "bin", "bin/app.sh", "broken", "empty", "lab.yaml", "link", "part", "part/data.txt", "runs", "runs/record",
    ]  # fmt: skip
    assert (tmp_path / "there/bin/app.sh").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "there/link").readlink() == Path("part/data.txt")


def test_it_is_sent_in_pieces(tmp_path: Path) -> None:
    file = labs.made(tmp_path, labs.TRAVELS, bin__app_sh="#!/bin/sh\n", big="x" * (3 * PIECE))
    pieces = packed(file)
    assert len(pieces) >= 3
    assert max(map(len, pieces)) <= PIECE


@pytest.mark.parametrize(
    "program",
    ["argv: [../app.sh]", "argv: [bin/../../app.sh]", "argv: [./app.sh], cwd: ..", "argv: [x], cwd: ../other"],
)
def test_program_outside_of_the_folder_is_refused(tmp_path: Path, program: str) -> None:
    text = labs.TRAVELS.replace("argv: [./bin/app.sh, part/data.txt]", program)
    with pytest.raises(UsageError, match=r"a program of it is at .*, outside of .*full path that it has on the target"):
        packed(labs.made(tmp_path, text))


def test_full_path_is_one_of_the_target(tmp_path: Path) -> None:
    text = labs.TRAVELS.replace("argv: [./bin/app.sh, part/data.txt]", "argv: [/opt/app], cwd: /srv")
    assert packed(labs.made(tmp_path, text))


@pytest.mark.parametrize("limit", ["MOST_BYTES", "MOST_FILES"])
def test_folder_that_is_somebodys_home_is_refused_before_it_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(folder, limit, 2)
    file = labs.made(tmp_path, labs.TRAVELS, bin__app_sh="#!/bin/sh\n", part__data_txt="x")
    sent: list[bytes] = []
    with pytest.raises(UsageError, match="give the lab a folder of its own"):
        folder.pack(netlab.load(file), sent.append)
    assert sent == []


def test_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    file = labs.made(tmp_path, labs.TRAVELS)
    lab = netlab.load(file)
    file.parent.rename(tmp_path / "moved")
    with pytest.raises(UsageError, match=r"send the lab's folder: .*No such file"):
        folder.pack(lab, lambda piece: None)
