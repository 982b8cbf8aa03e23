"""list, show, validate, judge, schema, new and doctor where nothing of Linux exists.

A preamble takes away what other systems lack before netlab is imported: attributes of os, socket and signal, modules
of Unix, pyroute2, and netlab's own kernel and agent packages.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import LABS, environment, lab_folder, netlab

ELSEWHERE = r"""
# Python's own modules first: what they take from os while they load is theirs.
import os, select, signal, socket, sys, sysconfig, ctypes, subprocess, tempfile

GONE = {
    os: ("fork", "forkpty", "pidfd_open", "memfd_create", "waitid", "unshare", "setns", "setresuid", "geteuid",
         "getuid", "O_TMPFILE", "O_NONBLOCK", "O_CLOEXEC", "O_PATH", "sched_getaffinity", "uname", "eventfd"),
    socket: ("AF_PACKET", "AF_NETLINK", "AF_UNIX", "SO_BINDTODEVICE", "TCP_REPAIR", "TCP_USER_TIMEOUT", "send_fds"),
    signal: ("SIGKILL", "SIGSTOP", "SIGCONT", "SIGPIPE", "SIGCHLD", "SIGALRM", "alarm", "pidfd_send_signal", "pause"),
    select: ("poll", "epoll"),
}
for module, names in GONE.items():
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
for name in ("fcntl", "termios", "resource", "pwd", "grp", "pyroute2", "netlab.kernel", "netlab.agent"):
    sys.modules[name] = None
sysconfig.get_config_vars()
sys.platform = "darwin"

def refused(*arguments, **more):
    raise OSError("no C library here")

ctypes.CDLL = refused
from netlab.cli import main
main(sys.argv[1:])
"""


def elsewhere(*arguments: str | Path, cwd: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command on a system that is not Linux."""
    return subprocess.run(
        [sys.executable, "-c", ELSEWHERE, *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        env=environment(**variables),
        timeout=60,
    )


@pytest.mark.parametrize("arguments", [["--version"], ["list"], ["list", "--json"], ["schema"], ["show", "half-open"]])
def test_command_says_the_same_as_on_linux(arguments: list[str]) -> None:
    here, there = netlab(*arguments), elsewhere(*arguments)
    assert (there.returncode, there.stdout, there.stderr) == (0, here.stdout, "")


@pytest.mark.parametrize("path", sorted(LABS.glob("*/lab.yaml")), ids=lambda path: path.parent.name)
def test_shipped_lab_is_valid_there(path: Path) -> None:
    done = elsewhere("validate", path)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_mistakes_are_told_there(tmp_path: Path) -> None:
    bad = lab_folder(tmp_path, "bad", "name: [\n") / "bad" / "lab.yaml"
    done = elsewhere("validate", bad, "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["valid"] is False


def test_saved_run_is_judged_there_as_here(saved_run: Path) -> None:
    here, there = netlab("judge", saved_run, "--json"), elsewhere("judge", saved_run, "--json")
    assert there.stderr == ""
    assert json.loads(there.stdout) == json.loads(here.stdout)
    assert there.returncode == here.returncode
    assert elsewhere("judge", saved_run, "--timeline").returncode == here.returncode


def test_new_lab_can_be_started_there(tmp_path: Path) -> None:
    assert elsewhere("new", "my-lab", cwd=tmp_path).returncode == 0


def test_doctor_says_that_it_is_not_linux() -> None:
    done = elsewhere("doctor", "--json")
    document = json.loads(done.stdout)
    probes = {probe["probe"]: probe for probe in document["probes"]}
    assert done.returncode == 3
    assert document["runs"] is False
    assert "not Linux" in probes["namespaces"]["text"]
    assert "Linux machine" in probes["namespaces"]["remedy"]
    assert probes["python"]["status"] == "yes"
    assert "paramiko" in probes["ssh"]["text"]


def test_doctor_says_once_what_to_do_where_nothing_of_linux_exists() -> None:
    done = elsewhere("doctor")
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout.count("run labs on a Linux machine") == 1


@pytest.mark.parametrize(
    "arguments", [["run", "half-open"], ["run", "--all"], ["claims"], ["vm", "up"], ["vm", "status"], ["vm", "ssh"]]
)
def test_what_takes_linux_says_how_to_get_a_vm(arguments: list[str], tmp_path: Path) -> None:
    done = elsewhere(*arguments, PATH=str(tmp_path))
    assert done.returncode == 3
    assert "vagrant" in done.stderr
    assert "brew install" in done.stderr
    assert "Traceback" not in done.stderr


def test_run_says_that_it_goes_to_the_vm(tmp_path: Path) -> None:
    done = elsewhere("run", "half-open", PATH=str(tmp_path))
    assert "this is darwin, and a lab needs a Linux kernel: it runs in the Vagrant VM" in done.stderr
