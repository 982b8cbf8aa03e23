"""Half-open over and over, alone and 32 at once: all pass, none flaky, no run sees another.

`NETLAB_SOAK` sets how many runs (the full number is 200; see README, "How it is tested").
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SOAK = int(os.environ.get("NETLAB_SOAK", "24"))
AT_ONCE = 32


def run(folder: Path) -> dict[str, object]:
    command = [sys.executable, "-m", "netlab", "run", "half-open", "--json", "--out", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{folder.name}: exit {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    record: dict[str, object] = json.loads(done.stdout)
    return record


def segments(record: dict[str, object]) -> list[tuple[str, str, str]]:
    events = record["events"]
    assert isinstance(events, list)
    return [(event["from"], event["flags"], event["payload"]) for event in events if event["kind"] == "segment"]


def kinds(record: dict[str, object]) -> list[tuple[str, str]]:
    """The kernel's own reset events: one sent, one received, in each run."""
    events = record["events"]
    assert isinstance(events, list)
    return sorted((event["kind"], "") for event in events if event["kind"].startswith("reset-"))


def test_every_run_of_a_soak_passes(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        records = list(pool.map(run, (tmp_path / str(number) for number in range(SOAK))))
    assert len({tuple(segments(record)) for record in records}) == 1, "two runs of one lab differ on the wire"


def test_32_runs_at_once_do_not_see_each_other(tmp_path: Path) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        records = list(pool.map(run, (tmp_path / str(number) for number in range(AT_ONCE))))
    assert len({tuple(segments(record)) for record in records}) == 1
    assert len({tuple(kinds(record)) for record in records}) == 1
    for record in records:
        resets = record["resets"]
        assert isinstance(resets, list)
        assert [reset["reason"] for reset in resets] == ["NO_SOCKET"]
