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
from pathlib import Path

import pytest

from tests.leftovers import Snapshot, Watcher, family, namespace_files, snapshot

KILLS = int(os.environ.get("NETLAB_KILLS", "24"))
KINDS = ("client", "netlab-launch", "netlab-super", "netlab-capture", "netlab-ctl", "netlab-end")
LAB_SECONDS = 1.2
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


def victims(client: int, kind: str) -> list[int]:
    if kind == "client":
        return [client]
    return [pid for pid, name in family(client).items() if name == kind]


@pytest.mark.skipif(KILLS == 0, reason="switched off by NETLAB_KILLS=0 (the README allows this skip)")
def test_sigkill_at_random_instants_leaves_nothing(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    dice = random.Random(seed)
    killed: Counter[str] = Counter()
    watcher = Watcher()
    before = snapshot()
    attempts = 0
    while killed.total() < KILLS:
        attempts += 1
        assert attempts < KILLS * 6, f"seed {seed}: could not find enough victims, killed {killed}"
        kind = KINDS[killed.total() % len(KINDS)]
        process = start(tmp_path / f"run{attempts}")
        wait_until(time.monotonic() + dice.uniform(0.05, LAB_SECONDS), process)
        found = victims(process.pid, kind)
        for path in namespace_files(list(family(process.pid))).values():
            watcher.watch(path)
        if not found:
            process.wait()
        else:
            with contextlib.suppress(ProcessLookupError):
                os.kill(dice.choice(found), signal.SIGKILL)
                killed[kind] += 1
            process.wait(30)
        extra = settled(before, AT_ONCE_S)
        assert not extra, f"seed {seed}, attempt {attempts}: killed {kind}, left over: {extra}"
        assert watcher.gone_within(NAMESPACES_WITHIN_S), f"seed {seed}, attempt {attempts}: a namespace outlived {kind}"
    watcher.close()
    assert snapshot().more_than(before) == {}
