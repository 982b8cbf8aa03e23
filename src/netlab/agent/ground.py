"""The ground a lab stands on: its namespaces, NICs, processes and witnesses, as steps and faults see them.

Rules: the supervisor owns one Ground; steps and faults get it as an argument and reach the kernel through it. All of
it runs in the supervisor's one thread and event loop: a kernel operation may block for milliseconds, waiting is done
with `until`. The order of the end matters: the wire's witness stops first (what the teardown sends is no part of the
experiment), then processes, then orphans, then the kernel's witness, which needs to see every socket destroyed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from netlab import addresses, codec
from netlab.agent.controller import ControllerHandle
from netlab.errors import NetlabError, StepError
from netlab.records import Address, Cable, Event, SocketTable, TrackingTable, Trouble
from netlab.spec import Topology
from netlab.units import human_duration

if TYPE_CHECKING:
    from netlab.agent.capture import Capture, CapturePoints
    from netlab.kernel.topology import Built, LiveNic
    from netlab.kernel.witness import KernelWitness

T = TypeVar("T")

OBSERVED_HOSTS = 8
"""In labs of up to this many hosts, every host's tables are read after each step; in larger ones those a step names."""

LOOPBACK = 1
"""The index of `lo` in every namespace. Source: include/net/net_namespace.h, LOOPBACK_IFINDEX."""

POLL_FIRST_S, POLL_LAST_S = 0.0005, 0.005


class Ground:
    """Everything that steps and faults may touch."""

    topology: Topology
    built: Built
    """What was built: `built.hosts[name]` is a Namespace, `built.nics["server.nic-a"]` a LiveNic (kernel/topology)."""
    capture: Capture
    owners: dict[str, str]
    """Every address of the lab to the host that owns it."""

    def __init__(self, emit: Callable[[Event], None], spool: int, rootless: bool) -> None:
        self.emit = emit
        self.spool = spool
        self.rootless = rootless
        self.step = -1
        """Index of the step being played; -1 before the first."""
        self.background: dict[str, asyncio.Task[None]] = {}
        """Background steps by name; `finish` awaits them."""
        self.faces: dict[Address, str] = {}
        """Address and port that a NAT lent, to the host that it lent them to: as far as tracking tables showed."""
        self.moments: dict[str, int] = {}
        """When each step began, by its name: CLOCK_MONOTONIC ns."""
        self.controllers: dict[str, ControllerHandle] = {}
        self.witness: KernelWitness | None = None
        self.proc_trouble: str | None = None

    # --- what steps and faults ask ---

    async def until(self, probe: Callable[[], T | None], within_ns: int, what: str) -> T:
        """Poll `probe` until it returns something other than None or False; that is returned.

        Raises: StepError "waited 5 s for WHAT" when `within_ns` runs out.
        """
        deadline = time.monotonic_ns() + within_ns
        pause = POLL_FIRST_S
        while True:
            found = probe()
            if found is not None and found is not False:
                return found
            if time.monotonic_ns() > deadline:
                raise StepError(f"waited {human_duration(within_ns)} for {what}: it did not come")
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, POLL_LAST_S)

    def resolve(self, address: str, from_host: str) -> tuple[str, int]:
        """ip and port that an address of the lab file means, seen from a host: see `addresses.resolve`."""
        return addresses.resolve(self.topology, address, from_host)

    def ip_of(self, host_or_nic: str, from_host: str = "") -> str:
        """The address a host's or NIC's name stands for: see `addresses.ip_of`."""
        return addresses.ip_of(self.topology, host_or_nic, from_host)

    def ips_of(self, host: str) -> list[str]:
        """Every address of a host, of both families."""
        return [ip for ip, owner in self.owners.items() if owner == host]

    def nic(self, name: str) -> LiveNic:
        """A NIC by its full name. Raises: StepError."""
        if name not in self.built.nics:
            raise StepError(f"find NIC {name}: there is none of this name; there are {', '.join(self.built.nics)}")
        return self.built.nics[name]

    def look(self, hosts: list[str] | None = None) -> dict[str, SocketTable]:
        """Read the socket tables of these hosts now (default: all), emit them, and return them by host."""
        from netlab.kernel import sockets

        tables = {}
        for host in hosts if hosts is not None else list(self.built.hosts):
            start = time.monotonic_ns()
            rows = tuple(sockets.table(self.built.hosts[host]))
            tables[host] = SocketTable(start, time.monotonic_ns(), self.step, host, rows)
            self.emit(tables[host])
            if self.witness is not None:
                self.witness.saw(tables[host])
        return tables

    def look_tracked(self, hosts: list[str]) -> dict[str, TrackingTable]:
        """Read the connection tracking tables of these hosts now, emit them, and return them by host."""
        from netlab.kernel import conntrack

        tables = {}
        for host in hosts:
            start = time.monotonic_ns()
            entries = tuple(conntrack.table(self.built.hosts[host]))
            tables[host] = TrackingTable(start, time.monotonic_ns(), self.step, host, entries)
            owned = {entry.answer_target: self.owners.get(entry.source.ip) for entry in entries}
            self.faces |= {face: owner for face, owner in owned.items() if owner is not None}
            self.emit(tables[host])
        return tables

    async def ask(self, host: str, do: str, **fields: Any) -> dict[str, Any]:
        """A request to the host's controller (started if need be) and its answer. Raises: StepError."""
        return await self.controller(host).ask(do, **fields)

    def controller(self, host: str) -> ControllerHandle:
        """The host's controller, started now if it did not run."""
        handle = self.controllers.get(host)
        if handle is None or handle.closed:
            lab = self.topology
            handle = ControllerHandle.start(
                host, self.built.hosts[host], lab.hosts[host], lab.folder, self.emit, lab.family
            )
            self.controllers[host] = handle
        return handle

    # --- observing ---

    def observe(self, hosts: list[str] | None = None) -> None:
        """Read socket tables, tracking tables and counters of these hosts (default: all) into the stream."""
        from netlab.kernel import counters
        from netlab.records import Counters

        names = hosts if hosts is not None else list(self.built.hosts)
        self.look(names)
        self.look_tracked([host for host in names if self.topology.hosts[host].tracks])
        for host in names:
            begin = time.monotonic_ns()
            values = {name: value for name, value in counters.read(self.built.hosts[host]).items() if value}
            self.emit(Counters(time.monotonic_ns(), self.step, host, values, begin))

    def observe_after(self, actor: str | None) -> None:
        """What the kernel's tables say after a step: of every host in a small lab, else of its actor only."""
        if len(self.built.hosts) <= OBSERVED_HOSTS:
            self.observe()
        elif actor:
            self.observe([actor.split(".")[0]])

    def observe_cables(self) -> None:
        """Read what the impaired cables did with packets into the stream."""
        for (nic, way), shaper in self.built.shapers.items():
            try:
                done = shaper.statistics()
            except NetlabError as problem:
                what = f"what the cable of {nic} dropped, {way}: {problem}"
                self.emit(Trouble(time.monotonic_ns(), "kernel", what))
                continue
            if any(done):
                causes: dict[str, int] = {cause: count for cause, count in shaper.drops.causes.items() if count}
                end = time.monotonic_ns()
                self.emit(Cable(end, self.step, nic, way, done.sent_packets, causes, done.backlog_packets))

    # --- beginning and end ---

    async def build(self, topology: Topology, acting: list[str]) -> dict[str, Any]:
        """Build everything and have all witnesses live; says what they can see. Raises: KernelError.

        The `acting` endpoints ("server", "server.worker") are made meanwhile; others when they first act.
        """
        from netlab.agent.capture import Capture
        from netlab.kernel import topology as kernel_topology
        from netlab.kernel.witness import KernelWitness

        started = time.monotonic_ns()
        self.topology = topology
        self.owners = addresses.owners(topology)
        self.built = kernel_topology.build(topology)
        built = time.monotonic_ns()
        self.capture = Capture.start(self.capture_points(), self.spool, topology.capture.ring, topology.capture.snap)
        self.witness = KernelWitness()
        kernel = self.witness.start(self.built.hosts, self.owners)
        if self.witness.fileno() >= 0:
            asyncio.get_running_loop().add_reader(self.witness.fileno(), self.witness.poll)
        prepared = [self.ask(actor.split(".")[0], "prepare", endpoint=actor) for actor in acting]
        await asyncio.gather(self.capture.live(), *prepared)
        if len(self.built.hosts) <= OBSERVED_HOSTS:
            self.observe()
        return {
            "rootless": self.rootless,
            "witnesses": {"wire": "full", "kernel": kernel, "program": "full"},
            "baseline": self.built.baseline,
            "points": self.capture.names(),
            "build_ns": built - started,
            "live_ns": time.monotonic_ns() - built,
            "proc": self.proc_trouble,
        }

    def capture_points(self) -> list[CapturePoints]:
        """Every namespace to watch, with what its interfaces are called."""
        from netlab.agent.capture import CapturePoints

        names: dict[str, dict[int, str]] = {host: {LOOPBACK: f"{host}.lo"} for host in self.built.hosts}
        for nic in self.built.nics.values():
            names[nic.host][nic.index] = nic.name
        hosts = [CapturePoints(self.built.hosts[host], points) for host, points in names.items()]
        ports = self.built.ports
        span = (min(ports), max(ports)) if ports else None  # what else there is would be seen twice: see kernel/plan.py
        return [*hosts, CapturePoints(self.built.fabric, ports, span)]

    async def close(self) -> dict[str, Any]:
        """End the run in order; says how the capture ended. Raises: nothing that would keep the rest alive."""
        for task in self.background.values():
            task.cancel()
        if not hasattr(self, "capture"):
            return {}
        self.observe()
        self.observe_cables()
        ended_ns = time.monotonic_ns()
        end = await self.capture.stop()
        last_ns = time.monotonic_ns()  # from here on programs see their peers end, and may tell of it
        for handle in self.controllers.values():
            handle.kill(last_ns)
        await asyncio.gather(*(handle.wait() for handle in self.controllers.values()))
        self.destroy_orphans()
        if self.witness is not None:
            if self.witness.fileno() >= 0:
                asyncio.get_running_loop().remove_reader(self.witness.fileno())
            for event in self.witness.finish():
                if event.time_ns <= ended_ns:
                    self.emit(event)
        return {"capture": codec.encode(end), "ended_ns": ended_ns}

    def destroy_orphans(self, hosts: list[str] | None = None) -> None:
        """Destroy the sockets of these hosts (default: all) that no process holds any more: an orphan would keep its
        namespace alive."""
        from netlab.kernel import sockets

        for host in hosts if hosts is not None else list(self.built.hosts):
            namespace = self.built.hosts[host]
            try:
                sockets.destroy_orphans(namespace)
            except (NetlabError, OSError) as problem:
                self.emit(Trouble(time.monotonic_ns(), "cleanup", f"destroy orphans in {namespace.name}: {problem}"))

    def children(self) -> set[int]:
        """Process ids that somebody here waits for."""
        pids = {handle.pid for handle in self.controllers.values()}
        return pids | ({self.capture.pid} if hasattr(self, "capture") else set())
