"""Places where the contract of targets is tested: a URL, and a way to look at the machine behind it.

Each is a context manager in PLACES: what it yields is there until it ends. `execute` runs a Python program on that
machine, outside of netlab; what the tests ask it is in SCAN, GONE and KILL.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.targets.site import SSHD, by_command

FAMILIES = """
import json, os, sys

def stat(pid):
    words = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    return int(words[1]), int(words[19])  # its parent, and when it started

def processes():
    found = {}
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        try:
            parent, start = stat(pid)
            found[pid] = parent, start, open(f"/proc/{pid}/comm").read().strip()
        except OSError:
            pass
    return found

def below(root, all):
    members = {root}
    while more := {pid for pid, (parent, *_) in all.items() if parent in members} - members:
        members |= more
    return members

def seen(pid, all):
    namespace, folders = "", set()
    try:
        namespace = os.readlink(f"/proc/{pid}/ns/net")
        for fd in os.listdir(f"/proc/{pid}/fd"):
            target = os.readlink(f"/proc/{pid}/fd/{fd}")
            if "netlab-far-" in target:
                at = target.index("netlab-far-")
                folders.add(target[:at] + target[at:].partition("/")[0])
    except OSError:
        pass
    return {"pid": pid, "start": all[pid][1], "name": all[pid][2], "namespace": namespace, "folders": sorted(folders)}
"""

SCAN = (
    FAMILIES
    + """
all = processes()
root = int(sys.argv[1])
within = below(root, all) if root else set(all)
fars = [pid for pid in within if pid in all and all[pid][2] == "netlab-far"]
family = sorted({member for far in fars for member in below(far, all) if member in all})
print(json.dumps({"here": os.readlink("/proc/self/ns/net"), "family": [seen(pid, all) for pid in family]}))
"""
)
"""Every far end that descends from a process (0: any), and all below it."""

GONE = (
    FAMILIES
    + """
before, all, left = json.loads(sys.argv[1]), processes(), []
held = {seen(pid, all)["namespace"] for pid in all}
for member in before["family"]:
    if member["pid"] in all and all[member["pid"]][1] == member["start"]:
        left.append(f"process {member['pid']} {member['name']}")
    left += [folder for folder in member["folders"] if os.path.exists(folder)]
    if member["namespace"] not in ("", before["here"]) and member["namespace"] in held:
        left.append(member["namespace"])
print(json.dumps(sorted(set(left))))
"""
)
"""What is left of what SCAN found."""

KILL = "import os, sys; os.kill(int(sys.argv[1]), int(sys.argv[2]))"

Execute = Callable[..., str]


@dataclass
class Place:
    """A target's URL, and its machine seen from outside of netlab."""

    url: str
    execute: Execute
    """Runs a Python program there with these arguments; its output."""
    shared: bool = False
    """Other far ends may be there: ours are those that descend from the near end."""
    megabytes: int = 80
    """How much a lab may send there for a big capture; that becomes four times as large."""

    def scan(self, near: int) -> dict[str, Any]:
        """The far end of this near end, with all that belongs to it."""
        found: dict[str, Any] = json.loads(self.execute(SCAN, str(near if self.shared else 0)))
        return found

    def left(self, before: dict[str, Any], seconds: float) -> list[str]:
        """What is left of it after at most so many seconds."""
        deadline = time.monotonic() + seconds
        while left := json.loads(self.execute(GONE, json.dumps(before))):
            if time.monotonic() > deadline:
                break
        return list(left)

    def kill(self, member: dict[str, Any], number: int = signal.SIGKILL) -> None:
        """Send a signal there."""
        self.execute(KILL, str(member["pid"]), str(int(number)))


def here(program: str, *arguments: str) -> str:
    """Run a Python program on this machine."""
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def local() -> Iterator[Place]:
    """This machine."""
    yield Place("local:", here, shared=True)


@contextmanager
def ssh() -> Iterator[Place]:
    """This machine behind OpenSSH's own sshd."""
    if not Path(SSHD).exists():
        pytest.skip("lacks openssh")
    with tempfile.TemporaryDirectory(prefix="netlab-ssh-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        with by_command(Path(folder)) as url:
            yield Place(url, here, shared=True, megabytes=20)


PLACES: dict[str, Callable[[], AbstractContextManager[Place]]] = {"local": local, "ssh": ssh}
"""Every target that keeps the contract, by its scheme."""
