"""`netlab vm`, with a command `vagrant` that answers at once. (tests/vagrant brings a VM up for real.)"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import environment, netlab

VAGRANT = """\
#!/bin/sh
case $1 in
status)
    echo 1795278223,default,provider-name,libvirt
    echo 1795278223,default,state,${STATE-poweroff} ;;
up)
    trap 'echo "==> default: Waiting for cleanup before exiting..."; echo all of it >cleaned; exit 1' INT
    echo "==> default: Booting VM..."
    while :; do sleep 0.05; done ;;
esac
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a Vagrantfile; the command is the first on the PATH."""
    program = tmp_path / "bin" / "vagrant"
    program.parent.mkdir()
    program.write_text(VAGRANT)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    (tmp_path / "vm").mkdir()
    (tmp_path / "vm" / "Vagrantfile").touch()
    return tmp_path / "vm"


def test_status_says_what_comes_next(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = netlab("vm", "status", "--dir", folder)
    assert (done.returncode, done.stdout) == (0, f"poweroff (libvirt, {folder}); netlab vm up starts it\n")
    monkeypatch.setenv("STATE", "running")
    done = netlab("vm", "status", "--dir", folder, "--json")
    assert json.loads(done.stdout) == {"state": "running", "provider": "libvirt", "folder": str(folder)}


@pytest.mark.parametrize(
    ("words", "state", "code", "text"),
    [
        (["halt"], "poweroff", 0, "nothing to stop: the VM is poweroff"),
        (["ssh"], "not_created", 2, "it is not created; netlab vm up makes it"),
        (["destroy"], "not_created", 0, "there is no VM in"),
        (["destroy"], "running", 2, "--yes says so beforehand"),
        (["up", "--provider", "virtualbox"], "poweroff", 2, "it was made with libvirt"),
        (["up", "--provider", "virtualbocks"], "poweroff", 2, "netlab's VM runs on virtualbox"),
    ],
)
def test_what_cannot_be_done_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], state: str, code: int, text: str
) -> None:
    monkeypatch.setenv("STATE", state)
    done = netlab("vm", *words, "--dir", folder)
    assert done.returncode == code, done.stdout + done.stderr
    assert text in done.stdout + done.stderr


def test_without_vagrant_or_a_vagrantfile_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = netlab("vm", "status", "--dir", tmp_path)
    assert done.returncode == 2
    assert "no Vagrantfile in it; give the folder of one" in done.stderr
    monkeypatch.setenv("PATH", str(tmp_path))
    done = netlab("vm", "status")
    assert done.returncode == 3
    assert "not on the PATH; " in done.stderr


def test_ctrl_c_lets_vagrant_clean_up(folder: Path) -> None:
    """As at a terminal, both get it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "netlab", "vm", "up", "--dir", str(folder)],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        start_new_session=True,
    )
    assert process.stderr is not None
    with process:
        while "Booting" not in (line := process.stderr.readline()):
            assert line, "it ended before it booted"
        os.killpg(process.pid, signal.SIGINT)
        said = process.stderr.read()
    assert process.returncode == 130, said
    assert "Waiting for cleanup before exiting..." in said
    assert (folder / "cleaned").read_text() == "all of it\n"
