"""How does playing many labs at once scale? The half-open lab, N times, N at once, as `run --all --jobs N` plays.

    sudo python benchmarks/scale.py [--rounds 3] [--json]

Two thirds of a run are idle: the kernel gives the orphan up after 0.64 s. So N runs side by side are bound by the
processor time of each, which is told too: that of all processes of the runs (the client's own start is left out; what
the kernel's threads do to free namespaces is not in it). `side by side` is the time of N at once over that of one.

Aim: 32 at once take at most 4 times as long as one, on two CPUs. Exit status 1 where it is missed; every run must pass.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from netlab.catalogue.runner import Runner
from netlab.lab import load
from netlab.records import Verdict

LAB = Path(__file__).parents[1] / "labs/half-open/lab.yaml"
COUNTS = (1, 2, 8, 32)


def once(count: int) -> dict[str, float]:
    """Play so many at once: seconds from the first to the last verdict's process, and CPU seconds for each run."""
    lab = load(LAB)
    labs = [dataclasses.replace(lab, name=f"half-open-{number}") for number in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        with Runner(count) as runner:
            next(runner.play([dataclasses.replace(lab, name="warm")], Path(folder)))
            began = time.perf_counter()
            outcomes = list(runner.play(labs, Path(folder)))
            seconds = time.perf_counter() - began
        bad = [outcome.sentence for outcome in outcomes if outcome.verdict is not Verdict.PASS]
        assert not bad, bad
    return {"seconds": seconds, "cpu": statistics.mean(outcome.cpu_seconds for outcome in outcomes)}


def measure(rounds: int) -> dict[int, dict[str, float]]:
    """Medians, the counts in turns."""
    runs: dict[int, list[dict[str, float]]] = {count: [] for count in COUNTS}
    for _ in range(rounds):
        for count in COUNTS:
            runs[count].append(once(count))
    return {
        count: {name: statistics.median(one[name] for one in found) for name in ("seconds", "cpu")}
        for count, found in runs.items()
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options.rounds)
    alone = found[1]["seconds"]
    table = {
        count: {
            "seconds": round(one["seconds"], 2),
            "runs_per_second": round(count / one["seconds"], 2),
            "side_by_side": round(one["seconds"] / alone, 2),
            "cpu_seconds_per_run": round(one["cpu"], 3),
        }
        for count, one in found.items()
    }
    if options.json:
        print(json.dumps(table, indent=1))
    else:
        print("at once   seconds   runs/s   against one   CPU seconds of a run")
        for count, one in table.items():
            seconds, rate, ratio, cpu = one.values()
            print(f"{count:7}   {seconds:7}   {rate:6}   {ratio:11}   {cpu:20}")
    return 0 if table[32]["side_by_side"] <= 4 else 1


if __name__ == "__main__":
    sys.exit(main())
