"""How long does the half-open experiment take in netlab, against a bare shell script that does only its steps?

    sudo python benchmarks/half_open.py [--runs 7] [--json]

Both unplug the server's NIC by setting it down, in turns, in one run. The script has no witness, no check, no record;
netlab has all three witnesses on. Each waits about 0.64 s for the kernel to give the orphan up, which neither can
shorten: `own` is the rest. netlab is timed twice: until its verdict stands on stdout, and until its process has ended,
when the kernel has freed everything (four tracepoints take it some 36 ms each). The median counts.

Aim: not slower than the script. Exit status 1 where it is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SCRIPT = Path(__file__).parent / "baselines" / "half_open.sh"


def clean_environment() -> dict[str, str]:
    """The environment, but with bytecode caches as any user has them."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def shell() -> dict[str, float]:
    """One run of the script: total and wait in ms."""
    began = time.perf_counter()
    done = subprocess.run([str(SCRIPT)], capture_output=True, text=True, check=True, env=clean_environment())
    total = (time.perf_counter() - began) * 1e3
    told = json.loads(done.stdout)
    assert told["result"] == "ConnectionResetError", told
    return {"total": total, "wait": told["orphan_ms"]}


def netlab(folder: Path) -> dict[str, float]:
    """One run of netlab: until the verdict is shown, until all is gone, and the wait, in ms."""
    command = [sys.executable, "-m", "netlab", "run", "half-open", "--variant", "down", "--out", str(folder)]
    began = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=clean_environment()
    )
    assert process.stdout is not None
    shown = 0.0
    for line in process.stdout:
        if "PASS" in line:
            shown = (time.perf_counter() - began) * 1e3
    assert process.wait() == 0 and shown
    total = (time.perf_counter() - began) * 1e3
    return {"shown": shown, "total": total, "wait": wait_ms(json.loads((folder / "record.json").read_text()))}


def wait_ms(record: dict[str, list[dict[str, object]]]) -> float:
    """From the server's death to the orphan's: what the kernel alone takes."""
    killed = next(event["end_ns"] for event in record["events"] if event.get("fault") == "kill")
    gone = next(e["end_ns"] for e in record["events"] if e["kind"] == "step" and str(e["text"]).startswith("wait"))
    assert isinstance(killed, int) and isinstance(gone, int)
    return (gone - killed) / 1e6


def measure(runs: int) -> dict[str, float]:
    """Medians over `runs` runs of each, in turns, after one of each that does not count."""
    scripts, netlabs = [], []
    with tempfile.TemporaryDirectory() as place:
        for number in range(runs + 1):
            scripts.append(shell())
            netlabs.append(netlab(Path(place) / str(number)))
    return {
        "script_total": median(one["total"] for one in scripts[1:]),
        "script_own": median(one["total"] - one["wait"] for one in scripts[1:]),
        "netlab_shown": median(one["shown"] for one in netlabs[1:]),
        "netlab_total": median(one["total"] for one in netlabs[1:]),
        "netlab_own_shown": median(one["shown"] - one["wait"] for one in netlabs[1:]),
        "netlab_own": median(one["total"] - one["wait"] for one in netlabs[1:]),
    }


def median(values: object) -> float:
    return round(statistics.median(list(values)), 1)  # type: ignore[call-overload, no-any-return]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if os.geteuid():
        print("the shell script needs root: sudo python benchmarks/half_open.py", file=sys.stderr)
        return 2
    found = measure(options.runs)
    if options.json:
        print(json.dumps(found, indent=1))
    else:
        for name, value in found.items():
            print(f"{name:18} {value:8.1f} ms")
        print(f"total, netlab / script                   {found['netlab_total'] / found['script_total']:.2f}")
        print(f"until the verdict is shown, / script     {found['netlab_shown'] / found['script_total']:.2f}")
        print(f"less the orphan wait, netlab / script    {found['netlab_own'] / found['script_own']:.2f}")
    return 0 if found["netlab_total"] <= found["script_total"] else 1


if __name__ == "__main__":
    sys.exit(main())
