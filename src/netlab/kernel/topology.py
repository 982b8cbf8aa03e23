"""Builds a topology: namespaces, links, addresses, routes, neighbours, sysctls; all NICs are ready for the first frame.

Rules: what can go out in one send does; nothing is made by a process of its own; nothing is deleted one by one, because
closing the namespaces' descriptors frees it all (deleting a link alone waits 16 ms for RCU). `build` returns when both
ends of every NIC have operstate UP: a frame sent to a link that is administratively up but not yet activated is lost
(`dev_activate` in net/sched/sch_generic.c waits for link watch).
"""

from __future__ import annotations

import contextlib
import gc
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import IPv6Address
from queue import SimpleQueue

from netlab.impairment import Impairment
from netlab.kernel import baseline, furniture, links, middlebox, namespaces, offloads, requests, sysctl, wiring
from netlab.kernel.mtu import NicMtu
from netlab.kernel.namespaces import Namespace
from netlab.kernel.netlink import Request
from netlab.kernel.plan import LOOPBACK, LiveNic, Plan, plan
from netlab.kernel.shaping import Shaper
from netlab.presets import Way, ways
from netlab.spec import Host, Topology

__all__ = ["Built", "LiveNic", "build"]

THE_LAB = "the lab file"
"""Who asks for what a NIC's `link` says."""

UP_WITHIN_S = 10.0
"""Link watch takes microseconds, and a second at most where it is not urgent (net/core/link_watch.c)."""


@dataclass
class Built:
    """A topology that stands."""

    hosts: dict[str, Namespace]
    fabric: Namespace
    """Holds the bridges and the switch side of every NIC."""
    nics: dict[str, LiveNic]
    """By full name, "server.nic-a"."""
    ports: dict[int, str]
    """Interface index in the fabric to capture point: "router:server.nic-a"; a trunk's ends are "a:b" and "b:a"."""
    baseline: dict[str, str]
    """Every sysctl set on every host, and what could not be set ("reno: not set, why")."""
    shapers: dict[tuple[str, Way], Shaper] = field(default_factory=dict)
    """Who owns what happens in each direction of a NIC's own cable: (NIC, "outbound" or "inbound")."""
    mtus: dict[str, NicMtu] = field(default_factory=dict)
    """Who owns the MTU of each NIC."""
    _extra: list[Namespace] = field(default_factory=list)

    @cached_property
    def limbo(self) -> Namespace:
        """Where a removed NIC is until it comes back: a namespace of no host. Made when first asked for."""
        self._extra.append(namespaces.create("limbo"))
        return self._extra[-1]

    def close(self) -> None:
        """Let go of everything at once; the kernel frees what no process or socket holds."""
        namespaces.close_all([self.fabric, *self.hosts.values(), *self._extra])


def build(topology: Topology) -> Built:
    """Build it, or leave nothing behind. Raises: KernelError, UsageError, NeedError."""
    builder = _Builder(topology)
    try:
        with _collector_paused():
            builder.make()
            builder.wait_until_up()
    except BaseException:
        namespaces.close_all(builder.namespaces())
        raise
    return builder.built()


class _Builder:
    """One build, in the order of `build`.

    Hosts are created in the calling thread; a second one makes the fabric, and then connects the hosts as they come:
    most of the time goes into the kernel, which does both at once where there are two CPUs.
    """

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.plan: Plan = plan(topology)
        self.nics_of: dict[str, list[LiveNic]] = {host: [] for host in topology.hosts}
        for nic in self.plan.nics.values():
            self.nics_of[nic.host].append(nic)
        self.fabric: Namespace | None = None
        self.hosts: dict[str, Namespace] = {}
        self.shapers: dict[tuple[str, Way], Shaper] = {}
        self.base: baseline.Plan | None = None
        self.nic_base: baseline.Plan | None = None

    def namespaces(self) -> list[Namespace]:
        return [namespace for namespace in (self.fabric, *self.hosts.values()) if namespace is not None]

    def make(self) -> None:
        """The fabric, and every host connected to it."""
        namespaces.make_room(len(self.topology.hosts))
        created: SimpleQueue[str | None] = SimpleQueue()
        second = _Second(lambda: self._connect_all(created))
        second.start()
        try:
            with namespaces.returning():
                baseline.prepare_to_make_hosts()
                for host in self.topology.hosts:
                    self.hosts[host] = namespaces.create_inside(host)
                    self._prepare_host(self.hosts[host])
                    created.put(host)
        finally:
            created.put(None)
            second.join()
        second.check()

    def _prepare_host(self, namespace: Namespace) -> None:
        """Called inside a fresh host: the baseline, then what the lab says."""
        if self.base is None:
            self.base = baseline.plan(namespace, baseline.wanted())
        else:
            self.base.apply(namespace)
        spec = self.topology.hosts[namespace.name]
        if spec.forward:
            for name in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
                sysctl.write_inside(name, "1", namespace.name)
        for name, value in spec.sysctls.items():
            if not _about_a_nic(name, spec):
                sysctl.write_inside(name, value, namespace.name)
        namespace.open_route()

    def _connect_all(self, created: SimpleQueue[str | None]) -> None:
        """Make the fabric; connect the hosts that are there, as many in one send as have come, until None comes."""
        fabric = self._make_fabric()
        ends = False
        while not ends:
            waiting = [created.get()]
            while not created.empty():
                waiting.append(created.get())
            ends = waiting[-1] is None
            hosts = [host for host in waiting if host is not None]
            nics = [nic for host in hosts for nic in self.nics_of[host]]
            fabric.route.batch([self._plug(nic) for nic in nics])
            for nic in nics:
                self._impair(nic, fabric)
            for host in hosts:
                self._furnish(host)

    def _plug(self, nic: LiveNic) -> Request:
        return furniture.nic_pair(nic, self._bridge(nic.bridge), self.hosts[nic.host].fd)

    def _impair(self, nic: LiveNic, fabric: Namespace) -> None:
        """Have its own cable do to packets what the lab says, before it carries the first one."""
        if nic.cable is None:
            return
        ends: dict[Way, tuple[int, str]] = {
            "outbound": (nic.cable.indexes[0], nic.cable.ifnames[0]),
            "inbound": (nic.port_index, nic.port_ifname),
        }
        for way, end in ends.items():
            self.shapers[nic.name, way] = Shaper(fabric, *end)
        if nic.spec.link is not None:
            for way, asked in ways(nic.spec.link).items():
                if asked != Impairment():
                    self.shapers[nic.name, way].ask(THE_LAB, asked)

    def _make_fabric(self) -> Namespace:
        """The fabric with its bridges and trunks."""
        [self.fabric] = namespaces.create_many(["fabric"], _prepare_fabric)
        wanted = [wiring.bridge(b.ifname, b.index, b.mac, b.kind) for b in self.plan.bridges.values()]
        for trunk in self.plan.trunks:
            wanted += furniture.trunk(trunk, (self._bridge(trunk.ends[0]), self._bridge(trunk.ends[1])))
        self.fabric.route.batch(wanted)
        return self.fabric

    def _bridge(self, switch: str) -> int:
        return self.plan.bridges[switch].index if switch else 0

    def _furnish(self, host: str) -> None:
        """All that is a host's own, from offloads to routes; its NICs are up afterwards."""
        namespace, spec, nics = self.hosts[host], self.topology.hosts[host], self.nics_of[host]
        middlebox.set_up(namespace, spec)
        if not spec.offloads:
            for nic in nics:
                offloads.disable(namespace, nic.ifname)
        self._set_nic_sysctls(namespace, spec, nics)
        wanted = [requests.set_up(LOOPBACK, "lo")]
        for nic in nics:
            wanted.append(requests.set_up(nic.index, nic.ifname))
            wanted += [requests.address(nic.ifname, nic.index, ip) for ip in nic.all_ips]
        for name in spec.neighbours:
            wanted += furniture.bind(nics, self.plan.nics[name], host)
        wanted += [furniture.route(nics, route.to, route.via, host) for route in spec.routes]
        namespace.route.batch(wanted)

    def _set_nic_sysctls(self, namespace: Namespace, spec: Host, nics: list[LiveNic]) -> None:
        """The baseline of the NICs' neighbour tables, then the lab's sysctls of NICs; enters only where need be."""
        mine = {name: value for name, value in spec.sysctls.items() if _about_a_nic(name, spec)}
        if not nics or not (mine or self.nic_base is None or self.nic_base.writes):
            return
        with namespace.entered():
            for nic in nics:
                if self.nic_base is None:
                    self.nic_base = baseline.plan(namespace, baseline.neighbour_values(), nic.ifname)
                self.nic_base.apply(namespace, nic.ifname)
            for name, value in mine.items():
                sysctl.write_inside(name, value, namespace.name)

    def wait_until_up(self) -> None:
        """Until both ends of every NIC have operstate UP, and IPv6 addresses are usable.

        Raises: KernelError after 10 s.
        """
        assert self.fabric is not None
        deadline = time.monotonic() + UP_WITHIN_S
        links.wait_up(self.fabric, self.plan.links(), deadline)
        for host, nics in self.nics_of.items():
            links.wait_up(self.hosts[host], {nic.index: nic.ifname for nic in nics}, deadline)
            given = [ip.ip for nic in nics for ip in nic.all_ips]
            links.wait_usable(self.hosts[host], [ip for ip in given if isinstance(ip, IPv6Address)], deadline)

    def built(self) -> Built:
        """The result; the NETLINK_ROUTE sockets are closed, so that a large lab needs one descriptor per host."""
        assert self.fabric is not None
        for nic in self.plan.nics.values():
            self.hosts[nic.host].peers[nic.index] = (self.fabric, nic.port_index)
            self.fabric.peers[nic.port_index] = (self.hosts[nic.host], nic.index)
        for trunk in self.plan.trunks:
            a, b = trunk.indexes
            self.fabric.peers |= {a: (self.fabric, b), b: (self.fabric, a)}
        for namespace in self.namespaces():
            namespace.close_route()
        report = {name: value for base in (self.base, self.nic_base) if base for name, value in base.report.items()}
        built = Built(self.hosts, self.fabric, self.plan.nics, self.plan.ports(), report, self.shapers)
        built.mtus = {name: NicMtu(built, nic) for name, nic in self.plan.nics.items()}
        return built


@contextlib.contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep Python's garbage collector from going through all the imports just made: a tenth of a small lab's build."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


class _Second(threading.Thread):
    """A second thread, whose error is raised by `check`."""

    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__(name="netlab-connect", daemon=True)
        self.work = work
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.work()
        except BaseException as error:  # raised again by check(), in the thread that waits
            self.error = error

    def check(self) -> None:
        if self.error is not None:
            raise self.error


def _prepare_fabric(namespace: Namespace) -> None:
    baseline.plan(namespace, baseline.fabric_values())
    namespace.open_route()


def _about_a_nic(name: str, host: Host) -> bool:
    """Whether a sysctl is of one of the host's NICs, and so exists only once the NIC does."""
    parts = name.split(".")
    return len(parts) > 3 and parts[2] in ("conf", "neigh") and parts[3].replace("/", ".") in host.nics
