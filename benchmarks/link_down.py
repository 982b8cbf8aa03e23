"""How long does it take to put a link down, against `ip link set`, and is a packet seen after the call returned?

    python benchmarks/link_down.py [--runs 30] [--json]

A host floods another one, in either direction, while its NIC is set down: by netlab in its process, by `ip link set` in
the host's namespace (its start included: that is what a shell script pays), and by carrier loss and removal as the
`unplug` fault does them. Both ends of the NIC are watched; a packet with a later time stamp than the return of the call
came too late. Needs no root where unprivileged user namespaces are allowed. Exit status 1 where a packet came late, or
netlab was slower than ip.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from netlab.kernel import links, topology  # noqa: E402
from netlab.kernel.namespaces import Namespace  # noqa: E402
from netlab.kernel.topology import Built, LiveNic  # noqa: E402
from netlab.spec import Host, Nic, Topology  # noqa: E402
from tests.sandbox import sandboxed  # noqa: E402

SO_TIMESTAMPNS, SO_RCVBUFFORCE = 35, 33
WARM_UP = 200
"""Packets to see before the link goes."""
AFTERWARDS_S = 0.02
"""How long to go on watching."""

Way = Callable[[Built, LiveNic], None]


@dataclass(frozen=True)
class Trial:
    latency_ns: int
    late: int
    """Packets seen at the NIC or its port after the call had returned."""
    seen: int


def down(built: Built, nic: LiveNic) -> None:
    links.set_down(built.hosts[nic.host], nic.index)


def cable(built: Built, nic: LiveNic) -> None:
    links.set_down(built.fabric, nic.port_index)


def remove(built: Built, nic: LiveNic) -> None:
    links.move(built.hosts[nic.host], nic.index, built.limbo)


def ip_link_set(built: Built, nic: LiveNic) -> None:
    with built.hosts[nic.host].entered():
        subprocess.run(["ip", "link", "set", "dev", nic.ifname, "down"], check=True)


def measure(runs: int) -> dict[str, list[Trial]]:
    ways: dict[str, Way] = {"netlab down": down, "netlab cable": cable, "netlab remove": remove}
    if shutil.which("ip"):
        ways["ip link set"] = ip_link_set
    wanted = Topology(
        hosts={name: Host(nics={"eth0": Nic(ip=(f"10.0.0.{n}/24",))}) for n, name in enumerate("ab", 1)},
        switches={"s1": ("a.eth0", "b.eth0")},
    )
    built = topology.build(wanted)
    watchers = [watch(built.hosts["a"]), watch(built.fabric)]
    trials: dict[str, list[Trial]] = {name: [] for name in ways}
    for _ in range(runs):
        for name, way in ways.items():
            for sender, target in (("a", "10.0.0.2"), ("b", "10.0.0.1")):
                trials[name].append(trial(built, watchers, way, flood(built, sender, target)))
    return trials


def trial(built: Built, watchers: list[socket.socket], way: Way, flooder: int) -> Trial:
    """One link that goes in the middle of a flood, and comes back."""
    nic, host = built.nics["a.eth0"], built.hosts["a"]
    state = links.snapshot(host, nic.index)
    seen = 0
    while seen < WARM_UP:
        seen += len(list(islice(sightings(watchers[1]), WARM_UP)))  # more come than can be read
    began, began_wall = time.monotonic_ns(), time.time_ns()
    way(built, nic)
    latency = time.monotonic_ns() - began
    time.sleep(AFTERWARDS_S)
    os.kill(flooder, signal.SIGKILL)
    os.waitpid(flooder, 0)
    places = ("eth0", nic.port_ifname)
    times = [at for watcher in watchers for place, at in sightings(watcher) if place in places]
    mend(built, nic, way, state)
    return Trial(latency, sum(at > began_wall + latency for at in times), seen + len(times))


def mend(built: Built, nic: LiveNic, way: Way, state: links.NicState) -> None:
    if way is cable:
        links.set_up(built.fabric, nic.port_index)
    if way is remove:
        links.move(built.limbo, nic.index, built.hosts[nic.host])
    links.restore(built.hosts[nic.host], nic.index, state)
    deadline = time.monotonic() + 5
    while not links.flowing(built, nic) and time.monotonic() < deadline:
        time.sleep(0.0005)


def watch(namespace: Namespace) -> socket.socket:
    """A socket that sees every packet of a namespace; the kernel stamps packets as long as it is open."""
    sock = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    sock.setblocking(False)
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
    except PermissionError:  # without root: the host's limit has to do
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 20)
    return sock


def sightings(sock: socket.socket) -> Iterator[tuple[str, int]]:
    """Interface and time of each packet that waits."""
    while True:
        try:
            _, ancillary, _, place = sock.recvmsg(64, 64)
        except BlockingIOError:
            return
        seconds, nanoseconds = struct.unpack("qq", ancillary[0][2])
        yield place[0], seconds * 10**9 + nanoseconds


def flood(built: Built, sender: str, target: str) -> int:
    """A process that sends datagrams as fast as it can, for at most ten seconds."""
    pid = os.fork()
    if pid:
        return pid
    signal.alarm(10)
    with built.hosts[sender].socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        while True:
            try:
                sock.sendto(bytes(50), (target, 9))
            except OSError:
                time.sleep(0.0001)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    trials = sandboxed(lambda: measure(options.runs), seconds=600)
    medians = {name: statistics.median(trial.latency_ns for trial in some) for name, some in trials.items()}
    late = {name: sum(trial.late for trial in some) for name, some in trials.items()}
    if options.json:
        print(json.dumps({"latency_ns": medians, "late_packets": late}, indent=2))
    else:
        print(f"{'':14}{'median':>12}{'slowest':>12}{'ratio':>8}{'packets after the return':>26}{'of':>10}")
        for name, some in trials.items():
            slowest, seen = max(trial.latency_ns for trial in some), sum(trial.seen for trial in some)
            ratio = medians[name] / medians["netlab down"]
            print(f"{name:14}{medians[name] / 1e6:9.2f} ms{slowest / 1e6:9.2f} ms{ratio:8.1f}{late[name]:26}{seen:10}")
    slower = medians["netlab down"] > medians.get("ip link set", medians["netlab down"])
    return 1 if slower or any(late[name] for name in late if name.startswith("netlab")) else 0


if __name__ == "__main__":
    sys.exit(main())
