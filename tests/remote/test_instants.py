"""SIGKILL any one process of a run on a target at any instant: nothing is left, and the near end says what happened."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.cli.command import environment
from tests.cli.test_run import alive
from tests.leftovers import family

KILLS = max(int(os.environ.get("NETLAB_KILLS", "24")) // 8, 1)
SECONDS = 1.5
"""About how long a run takes from its first process on, on an idle machine."""
GONE_WITHIN_S = 10.0
VICTIMS = ("near", "netlab-far", "netlab-janitor", "netlab-warm", "netlab-run", "netlab-super")


def victim(near: int, name: str) -> int | None:
    return near if name == "near" else next((pid for pid, each in family(near).items() if each == name), None)


def test_sigkill_at_random_instants_leaves_nothing(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    dice = random.Random(seed)
    place = tmp_path / "place"
    place.mkdir()
    for attempt in range(KILLS):
        name, mark = VICTIMS[attempt % len(VICTIMS)], f"NETLAB_TEST_{seed}_{attempt}"
        words = ["run", "half-open", "--on", "local:", "--out", str(tmp_path / str(attempt))]
        process = subprocess.Popen(
            [sys.executable, "-m", "netlab", *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(TMPDIR=str(place), **{mark: "1"}),
        )
        while (pid := victim(process.pid, name)) is None and process.poll() is None:
            os.sched_yield()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(dice.uniform(0, SECONDS))
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):  # the run was quicker
                os.kill(pid, signal.SIGKILL)
        _, said = process.communicate(timeout=60)
        told = f"seed {seed}, attempt {attempt}: killed {name}"
        assert process.returncode in (0, 3, -signal.SIGKILL), f"{told}: {process.returncode}\n{said}"
        assert "Traceback" not in said, told
        deadline = time.monotonic() + GONE_WITHIN_S
        while left := [*place.iterdir(), *alive(mark)]:
            assert time.monotonic() < deadline, f"{told}, left over: {left}"
        assert not list((tmp_path / str(attempt)).glob("**/*.part")) or name == "near", told
