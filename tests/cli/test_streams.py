"""stdout in any locale, at a terminal, in a pipe that breaks, and closed."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import environment, lab_folder, netlab

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def start(*arguments: str | Path, stdout: int, **variables: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "netlab", *map(str, arguments)],
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=environment(**variables),
    )


def test_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    process = start("show", "hello", "--labs", lab_folder(tmp_path), stdout=write_end)
    os.close(write_end)
    os.close(read_end)
    _, stderr = process.communicate()
    assert (process.returncode, stderr) == (0, b"")


def test_reader_that_goes_away_does_not_change_the_exit_code(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    process = start("validate", tmp_path / "no.yaml", stdout=write_end)
    os.close(write_end)
    os.close(read_end)
    _, stderr = process.communicate()
    assert (process.returncode, stderr) == (2, b"")


def test_closed_stdout_is_no_error(tmp_path: Path) -> None:
    command = f'exec "{sys.executable}" -m netlab show hello --labs "{lab_folder(tmp_path)}" >&-'
    done = subprocess.run(["sh", "-c", command], capture_output=True, env=environment())
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("variables", [ASCII, {"PYTHONIOENCODING": "latin-1"}, {"PYTHONIOENCODING": "ascii"}])
def test_locale_without_these_characters_gets_lookalikes_one_for_one(tmp_path: Path, variables: dict[str, str]) -> None:
    folder = lab_folder(tmp_path)
    plain = netlab("show", "hello", "--labs", folder).stdout
    done = start("show", "hello", "--labs", folder, stdout=subprocess.PIPE, **variables)
    shown = done.communicate()[0].decode("latin-1")
    assert done.returncode == 0
    assert len(shown) == len(plain)
    assert "|-- server.eth0" in shown.replace("+", "|") or "-- server.eth0" in shown


def test_undecodable_path_is_an_ordinary_mistake(tmp_path: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "netlab", "validate", os.fsencode(tmp_path) + b"/\xff\xfe.yaml"],
        capture_output=True,
        env=environment(),
    )
    assert process.returncode == 2
    assert b"Traceback" not in process.stderr


def at_terminal(*arguments: str | Path, **variables: str) -> str:
    """What the command writes to a terminal."""
    ours, theirs = os.openpty()
    process = start(*arguments, stdout=theirs, **variables)
    os.close(theirs)
    text = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError as error:  # Linux tells the terminal's end so
            assert error.errno == errno.EIO
            break
        if not piece:
            break
        text += piece
    os.close(ours)
    process.communicate()
    assert process.returncode == 0
    return text.decode()


def test_terminal_gets_colours_and_no_color_is_respected(tmp_path: Path) -> None:
    folder = lab_folder(tmp_path)
    coloured = at_terminal("show", "hello", "--labs", folder, TERM="xterm-256color")
    assert "\x1b[1m" in coloured
    assert "[3" not in at_terminal("show", "hello", "--labs", folder, TERM="xterm-256color", NO_COLOR="1")
    assert "\x1b" not in netlab("show", "hello", "--labs", folder).stdout
