"""SIGKILL any one of netlab's processes at any instant: nothing is left, at once; namespaces as soon as the kernel can.

`NETLAB_KILLS` sets how many instants are tried (the full number is 200; see README, "How it is tested").
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import pytest

from tests.leftovers import Snapshot, Watcher, family, namespace_files, snapshot

KILLS = int(os.environ.get("NETLAB_KILLS", "24"))
KINDS = ("client", "netlab-launch", "netlab-super", "netlab-capture", "netlab-ctl", "netlab-end")
SIDE_BY_SIDE = 3
"""Runs at once: most of a run is waiting for the kernel."""
LAB_SECONDS = 1.2
POLL_S = 0.02
AT_ONCE_S = 1.0
NAMESPACES_WITHIN_S = 2.0


def start(folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "netlab", "run", "half-open", "--out", str(folder)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def settled(before: Snapshot, seconds: float) -> dict[str, set[str]]:
    """What is left over once nothing is, or once the time is up."""
    deadline = time.monotonic() + seconds
    while (extra := snapshot().more_than(before)) and time.monotonic() < deadline:
        os.sched_yield()
    return extra


def wait_until(instant: float, process: subprocess.Popen[bytes]) -> None:
    """Let the run get to its instant; it may end before."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(max(instant - time.monotonic(), 0))


def alive(pid: int, name: str) -> bool:
    """Whether this process still runs; one that has ended but was not waited for has no namespaces any more."""
    process = Path(f"/proc/{pid}")
    try:
        return process.joinpath("comm").read_text().strip() == name and bool(process.joinpath("ns/net").readlink())
    except OSError:
        return False


@dataclass(frozen=True)
class Strike:
    """A run of half-open, and a SIGKILL for one of its processes of this kind, so long after its start."""

    folder: Path
    kind: str
    after_s: float
    choice: float
    """Which of several it hits: 0 the first, just under 1 the last."""

    def fall(self, watch: Callable[[Path], object]) -> str | None:
        """Play it; returns the kind, or None where the run had no such process then.

        Once the client has ended, nothing of the family that was seen may be left, at once.
        """
        process = start(self.folder)
        wait_until(time.monotonic() + self.after_s, process)
        members = family(process.pid)
        found = [process.pid] if self.kind == "client" else [pid for pid in members if members[pid] == self.kind]
        for path in namespace_files(list(members)).values():
            watch(path)
        if found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(found[int(self.choice * len(found))], signal.SIGKILL)
        process.wait(30)
        deadline = time.monotonic() + AT_ONCE_S
        while left := {pid: name for pid, name in members.items() if alive(pid, name)}:
            assert time.monotonic() < deadline, f"{self} left processes over: {left}"
            time.sleep(POLL_S)
        return self.kind if found else None


@pytest.mark.skipif(KILLS == 0, reason="switched off by NETLAB_KILLS=0 (the README allows this skip)")
def test_sigkill_at_random_instants_leaves_nothing(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    dice = random.Random(seed)
    killed: Counter[str] = Counter()
    watcher, one_asks = Watcher(), Lock()

    def watch(path: Path) -> None:
        with one_asks:
            watcher.watch(path)

    before = snapshot()
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        for attempt in range(KILLS * 6 // SIDE_BY_SIDE):
            rarest = sorted(KINDS, key=killed.__getitem__)[:SIDE_BY_SIDE]
            strikes = [
                Strike(tmp_path / f"{attempt}-{kind}", kind, dice.uniform(0.05, LAB_SECONDS), dice.random())
                for kind in rarest
            ]
            killed.update(filter(None, pool.map(lambda strike: strike.fall(watch), strikes)))
            extra = settled(before, AT_ONCE_S)
            assert not extra, f"seed {seed}: {strikes} left over: {extra}"
            assert watcher.gone_within(NAMESPACES_WITHIN_S), f"seed {seed}: a namespace outlived {strikes}"
            if killed.total() >= KILLS:
                break
    watcher.close()
    assert killed.total() >= KILLS, f"seed {seed}: could not find enough victims, killed {killed}"
    assert set(killed) == set(KINDS)
    assert snapshot().more_than(before) == {}
