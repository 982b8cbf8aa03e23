"""How long do 10, 100 and 500 hosts on one switch take to build and to tear down, against ip(8) and Mininet?

    sudo python benchmarks/build.py [--hosts 10,100,500] [--runs 3] [--json]

Built means: namespaces, links, addresses, and (for netlab only) the sysctl baseline, offloads off, and every NIC and
port seen with operstate UP. Teardown is given twice: until the call or command returns, and until the kernel has really
freed every namespace. All sides take turns in one run, with the same IPv6 setting, each in namespaces of its own; the
median counts. Without root, netlab alone is measured: the others need it. Controllers and captures: capture.py.

Aims: 3 times faster than `ip -batch`, 10 times faster than Mininet, and a host of 500 costs at most 1.5 times what one
of 100 does. Exit status 1 where one is missed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from benchmarks.gone import wait_until_gone  # noqa: E402
from netlab.agent import process  # noqa: E402
from netlab.kernel import topology  # noqa: E402
from netlab.spec import Host, Nic, Topology  # noqa: E402
from tests.sandbox import sandboxed  # noqa: E402

BASELINES = Path(__file__).parent / "baselines"
AIMS = {"ip -batch": 3.0, "mininet": 10.0}
MILLISECOND = 1e6


@dataclass(frozen=True)
class Timing:
    """One build and teardown, in nanoseconds."""

    build_ns: float
    teardown_ns: float
    """Until the call or the command returned."""
    gone_ns: float
    """From the beginning of the teardown until the kernel had freed every namespace."""


def one_switch(hosts: int) -> Topology:
    names = [f"h{number}" for number in range(hosts)]
    ips = [f"10.0.{number // 250}.{number % 250 + 1}/16" for number in range(hosts)]
    return Topology(
        hosts={name: Host(nics={"eth0": Nic(ip=(ip,))}) for name, ip in zip(names, ips)},
        switches={"s1": tuple(f"{name}.eth0" for name in names)},
    )


def once(hosts: int) -> None:
    """Build and tear down once, in this process; prints the JSON line that the baselines print."""
    wanted = one_switch(hosts)
    began = time.time_ns()
    built = topology.build(wanted)
    standing = time.time_ns()
    built.close()
    closed = time.time_ns()
    times = {"build_ns": standing - began, "teardown_ns": closed - standing, "teardown_began_ns": standing}
    print(json.dumps(times))


def command(*argv: str) -> Timing:
    """One contender in a process of its own, with a /run of its own for the names of its namespaces."""
    process.mount("none", "/", None, process.MS_REC | process.MS_PRIVATE)
    process.mount("tmpfs", "/run", "tmpfs", 0)
    done = subprocess.run(argv, check=True, capture_output=True, text=True)
    times = json.loads(done.stdout.splitlines()[-1])
    wait_until_gone()
    return Timing(times["build_ns"], times["teardown_ns"], time.time_ns() - times["teardown_began_ns"])


def contenders() -> dict[str, Callable[[int], Timing]]:
    """Who can run here; says who cannot."""
    own = (sys.executable, __file__, "--once")
    found: dict[str, Callable[[int], Timing]] = {"netlab": lambda hosts: command(*own, str(hosts))}
    if os.geteuid():
        print("without root: `ip -batch` and Mininet are left out", file=sys.stderr)
        return found
    if shutil.which("ip"):
        found["ip -batch"] = lambda hosts: command(str(BASELINES / "ip_batch.sh"), str(hosts))
    python = next((path for path in (sys.executable, "/usr/bin/python3") if has_mininet(path)), None)
    if python:
        found["mininet"] = lambda hosts: command(str(python), str(BASELINES / "mininet_build.py"), str(hosts))
    else:
        print("Mininet is not installed: left out", file=sys.stderr)
    return found


def has_mininet(python: str) -> bool:
    if python == sys.executable:
        return importlib.util.find_spec("mininet") is not None
    code = "import mininet.net"
    return Path(python).exists() and not subprocess.run([python, "-c", code], capture_output=True).returncode


def measure(sizes: list[int], runs: int) -> dict[str, dict[int, Timing]]:
    """Medians by contender and size; the contenders take turns."""
    who = contenders()
    timings: dict[tuple[str, int], list[Timing]] = {}
    for hosts in sizes:
        for _ in range(runs):
            for name, build in who.items():
                timing = sandboxed(lambda build=build, hosts=hosts: build(hosts), seconds=600)
                timings.setdefault((name, hosts), []).append(timing)
    return {name: {hosts: median(timings[name, hosts]) for hosts in sizes} for name in who}


def median(timings: list[Timing]) -> Timing:
    middles = (statistics.median(getattr(t, field) for t in timings) for field in Timing.__dataclass_fields__)
    return Timing(*middles)


def import_ms() -> float:
    """What importing the kernel's side costs a supervisor, once: it is not part of the builds above."""
    code = (
        "import asyncio, json, time; t = time.perf_counter_ns(); import netlab.kernel.topology; "
        "print(time.perf_counter_ns() - t)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    times = [
        int(subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True).stdout)
        for _ in range(3)
    ]
    return min(times) / MILLISECOND


def report(medians: dict[str, dict[int, Timing]]) -> list[str]:
    """A table, and what it says of the aims."""
    ours = medians["netlab"]
    lines = [
        f"{'':12}{'hosts':>6}{'build':>11}{'per host':>11}{'ratio':>8}{'teardown':>11}{'until gone':>12}{'ratio':>8}"
    ]
    for name, by_size in medians.items():
        for hosts, timing in by_size.items():
            build, down, gone = (ns / MILLISECOND for ns in (timing.build_ns, timing.teardown_ns, timing.gone_ns))
            ratios = timing.build_ns / ours[hosts].build_ns, timing.gone_ns / ours[hosts].gone_ns
            lines.append(
                f"{name:12}{hosts:6}{build:8.1f} ms{build / hosts:8.3f} ms{ratios[0]:8.1f}"
                f"{down:8.1f} ms{gone:9.1f} ms{ratios[1]:8.1f}"
            )
    return lines


def missed(medians: dict[str, dict[int, Timing]]) -> list[str]:
    """The aims that were not met."""
    ours = medians["netlab"]
    found = []
    for name, aim in AIMS.items():
        for hosts, timing in medians.get(name, {}).items():
            ratio = timing.build_ns / ours[hosts].build_ns
            if ratio < aim:
                found.append(f"{hosts} hosts: {ratio:.1f} times faster than {name}, the aim is {aim:.0f}")
    if {100, 500} <= set(ours):
        growth = ours[500].build_ns / 500 / (ours[100].build_ns / 100)
        if growth > 1.5:
            found.append(f"a host of 500 costs {growth:.2f} times what one of 100 does, the aim is at most 1.5")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", default="10,100,500", help="sizes, separated by commas")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--once", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once:
        once(options.once)
        return 0
    medians = measure([int(size) for size in options.hosts.split(",")], options.runs)
    wrong = missed(medians)
    if options.json:
        by_name = {name: {hosts: vars(timing) for hosts, timing in sizes.items()} for name, sizes in medians.items()}
        print(json.dumps({"timings": by_name, "import_ms": import_ms(), "missed": wrong}, indent=2))
    else:
        print("\n".join(report(medians)))
        print(f"imports of the kernel's side, once per run and not in these numbers: {import_ms():.0f} ms")
        print("\n".join(f"missed: {text}" for text in wrong) or "every aim that could be measured is met")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
