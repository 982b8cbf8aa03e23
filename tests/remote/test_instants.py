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

KILLS = max(int(os.environ.get("NETLAB_KILLS", "24")) // 4, 1)
SECONDS = 2.5
"""About how long the run takes, on an idle machine."""
GONE_WITHIN_S = 10.0
VICTIMS = ("near", "netlab-far", "netlab-janitor", "netlab-warm", "netlab-run", "netlab-super")


def victim(near: int, name: str) -> int | None:
    return near if name == "near" else next((pid for pid, each in family(near).items() if each == name), None)


def test_sigkill_at_random_instants_leaves_nothing(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    dice = random.Random(seed)
    place = tmp_path / "place"
    place.mkdir()
    killed = attempts = 0
    while killed < KILLS:
        attempts += 1
        assert attempts < KILLS * 6, f"seed {seed}: found {killed} victims only"
        name, mark = VICTIMS[attempts % len(VICTIMS)], f"NETLAB_TEST_{seed}_{attempts}"
        words = ["run", "half-open", "--on", "local:", "--out", str(tmp_path / str(attempts))]
        process = subprocess.Popen(
            [sys.executable, "-m", "netlab", *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(TMPDIR=str(place), **{mark: "1"}),
        )
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(dice.uniform(0.05, SECONDS))
        if (pid := victim(process.pid, name)) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed += 1
        _, said = process.communicate(timeout=60)
        told = f"seed {seed}, attempt {attempts}: killed {name}"
        assert process.returncode in (0, 3, -signal.SIGKILL), f"{told}: {process.returncode}\n{said}"
        assert "Traceback" not in said, told
        deadline = time.monotonic() + GONE_WITHIN_S
        while left := [*place.iterdir(), *alive(mark)]:
            assert time.monotonic() < deadline, f"{told}, left over: {left}"
        assert not list((tmp_path / str(attempts)).glob("**/*.part")) or name == "near", told
