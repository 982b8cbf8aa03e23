"""What is to be built for a topology: names, indexes and MACs of every link. Pure: nothing here touches the kernel.

      host            fabric
    ┌───────┐      ┌──────────────────────┐
    │ nic-a ├──────┤ p10001 ─┐            │   each NIC is a veth whose other end, its port, is in the fabric;
    └───────┘      │         bridge s1001 │   a switch is a bridge there, a wire a bridge of just two ports,
    ┌───────┐      │         │            │   a trunk a veth pair between two bridges
    │ nic-b ├──────┤ p10002 ─┘            │
    └───────┘      └──────────────────────┘

A NIC whose link is impaired, or will be, has its cable in the fabric, between its port and its switch (or wire): a
bridge of just two ports, and a trunk from there. So each direction has an egress of its own, which only shaping.py
touches, and which is not the sender's: what is lost there was sent, as on a real cable.

      host            fabric
    ┌───────┐      ┌────────────────────────────────────────────────────┐
    │ nic-c ├──────┤ p10003 ── bridge c1003 ── c10004 ═trunk═ p10005 ───┤ switch
    └───────┘      │    ▲ inbound                  outbound ▲           │
                   └────────────────────────────────────────────────────┘

Rules: everything follows from the topology alone, so that two runs of a lab have equal MACs and indexes. No two NICs
have the same index, though they are in different namespaces: two may be in limbo at once. No NIC has the index of its
port: link watch takes a device whose index is its peer's for one that has no peer, and may hold its carrier events back
for a second (`linkwatch_urgent_event` in net/core/link_watch.c).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv6Address, IPv6Interface, ip_interface
from typing import Literal

from netlab.errors import UsageError
from netlab.kernel.requests import Interface, packed_mac
from netlab.spec import Nic, Topology

FIRST_NIC, FIRST_SWITCH, FIRST_PORT, FIRST_NEAR_END = 101, 1001, 10001, 1_000_001
"""Interface indexes. Below 101 there may be devices that the kernel puts into every namespace (sit0, tunl0, gre0). The
ports that are capture points lie between the bridges and the near ends of NICs' own cables, which are none."""

MOST_PORTS = 1023
"""Of one bridge. Source: BR_MAX_PORTS in net/bridge/br_private.h; port number 0 is not used."""

TRUNK_MTU = 65535

Kind = Literal["switch", "wire", "cable"]
"""Of bridges; one of the last kind is the near end of a NIC's own cable."""

SWITCH, PORT, CABLE = "s", "p", "c"
"""What interface names in the fabric begin with: of switches and wires; of their ports; of the bridge in a NIC's own
cable and of the cable's end there, so that rules about switches can leave them out (firewall.py)."""
LOOPBACK = 1
"""The index of lo in every namespace (LOOPBACK_IFINDEX in include/net/net_namespace.h)."""


@dataclass(frozen=True, kw_only=True)
class LiveNic:
    """A NIC, and where its other end is."""

    name: str
    """Its full name, "server.nic-a"."""
    host: str
    ifname: str
    index: int
    """Its interface index in the host's namespace."""
    mac: str
    spec: Nic
    switch: str
    """The switch or wire it is plugged into; "" for none."""
    bridge: str
    """The bridge that its port is in: the switch, the wire, or its own cable's, which is called as the NIC is."""
    port: str
    """Its capture point in the fabric: "router:server.nic-a". With a cable of its own that is the cable's end at the
    switch, and this is the one at the NIC: "server.nic-a:router"."""
    port_ifname: str
    port_index: int
    """The interface index of its port in the fabric's namespace."""
    cable: Trunk | None = None
    """Its own cable, from its bridge to the switch or wire."""
    far_port_indexes: tuple[int, ...] = ()
    """Ports that lose their carrier when this NIC does: its cable's end at the switch; on a wire the other NIC's."""

    @cached_property
    def ips(self) -> tuple[Interface, ...]:
        """Its addresses, as the lab gives them."""
        return tuple(ip_interface(ip) for ip in self.spec.ip)

    @cached_property
    def all_ips(self) -> tuple[Interface, ...]:
        """Its addresses; one that speaks IPv6 has a link-local address too (RFC 4291 section 2.1 requires it)."""
        six = [ip for ip in self.ips if ip.version == 6]
        return self.ips + ((link_local(self.mac),) if six and not any(ip.ip.is_link_local for ip in six) else ())


@dataclass(frozen=True)
class Bridge:
    """A switch, a wire, or the near end of a cable."""

    name: str
    ifname: str
    index: int
    mac: str
    kind: Kind


@dataclass(frozen=True)
class Trunk:
    """A cable between two bridges; its ends are the capture points "a:b" and "b:a"."""

    ends: tuple[str, str]
    ifnames: tuple[str, str]
    indexes: tuple[int, int]
    mtu: int = TRUNK_MTU
    """That of the NIC, where it is a NIC's own."""


@dataclass(frozen=True)
class Plan:
    """All links of a topology."""

    nics: dict[str, LiveNic]
    bridges: dict[str, Bridge]
    trunks: tuple[Trunk, ...]

    def ports(self) -> dict[int, str]:
        """The capture points of the fabric: indexes of ports to their names.

        The end of a NIC's own cable in its bridge is none: the other end sees the same frames at the same time.
        """
        named = {nic.port_index: nic.port for nic in self.nics.values()}
        for trunk in self.trunks:
            a, b = trunk.ends
            named |= {trunk.indexes[1]: f"{b}:{a}"} | ({} if a in self.nics else {trunk.indexes[0]: f"{a}:{b}"})
        return named

    def links(self) -> dict[int, str]:
        """Every link of the fabric but its bridges: index to interface name."""
        ends = {index: name for trunk in self.trunks for index, name in zip(trunk.indexes, trunk.ifnames, strict=True)}
        return {nic.port_index: nic.port_ifname for nic in self.nics.values()} | ends


def plan(topology: Topology) -> Plan:
    """Name and number everything. Raises: UsageError, for what no kernel could build."""
    specs = topology.nics()
    plugged = _plugged(topology)
    numbers = {name: FIRST_PORT + n for n, name in enumerate(specs)}
    macs = _macs(topology)
    trunks = tuple(_trunks(topology, plugged, FIRST_PORT + len(specs)))
    cables = {trunk.ends[0]: trunk for trunk in trunks if trunk.ends[0] in specs}
    nics = {}
    for number, (name, spec) in enumerate(specs.items()):
        host, ifname = name.split(".", 1)
        switch, cable = plugged.get(name, ""), cables.get(name)
        peers = tuple(numbers[end] for end in topology.wires.get(switch, ()) if end != name)
        nics[name] = LiveNic(
            name=name,
            host=host,
            ifname=ifname,
            index=FIRST_NIC + number,
            mac=macs[name],
            spec=spec,
            switch=switch,
            bridge=name if cable else switch,
            port=f"{name}:{switch}" if cable else f"{switch or 'unplugged'}:{name}",
            port_ifname=f"{PORT}{numbers[name]}",
            port_index=numbers[name],
            cable=cable,
            far_port_indexes=(*((cable.indexes[1],) if cable else ()), *peers),
        )
    named: list[tuple[str, Kind]] = [*_bridges(topology), *((name, "cable") for name in cables)]
    bridges = {
        name: Bridge(
            name,
            f"{CABLE if kind == 'cable' else SWITCH}{index}",
            index,
            f"02:ff:00:00:{index >> 8 & 255:02x}:{index & 255:02x}",
            kind,
        )
        for index, (name, kind) in enumerate(named, FIRST_SWITCH)
    }
    return _feasible(Plan(nics, bridges, trunks))


def _bridges(topology: Topology) -> Iterator[tuple[str, Kind]]:
    yield from ((name, "switch") for name in topology.switches)
    yield from ((name, "wire") for name in topology.wires)


def _plugged(topology: Topology) -> dict[str, str]:
    """NIC to the switch or wire it is plugged into."""
    places = [*topology.switches.items(), *topology.wires.items()]
    return {member: name for name, members in places for member in members if member not in topology.switches}


def _trunks(topology: Topology, plugged: dict[str, str], first: int) -> Iterator[Trunk]:
    """One trunk for each pair of switches, however often the lab names the pair; one for each cable that can be
    impaired."""
    pairs: dict[frozenset[str], tuple[str, str]] = {}
    for name, members in topology.switches.items():
        for member in members:
            if member in topology.switches:
                pairs.setdefault(frozenset((name, member)), (name, member))
    specs = topology.nics()
    cables = [(name, plugged[name]) for name in topology.own_cables() if name in plugged]
    for number, ends in enumerate(pairs.values()):
        a, b = first + 2 * number, first + 2 * number + 1
        yield Trunk(ends, (f"{PORT}{a}", f"{PORT}{b}"), (a, b))
    first += 2 * len(pairs)
    for number, (name, switch) in enumerate(cables):
        a, b = FIRST_NEAR_END + number, first + number
        yield Trunk((name, switch), (f"{CABLE}{a}", f"{PORT}{b}"), (a, b), specs[name].mtu)


def _macs(topology: Topology) -> dict[str, str]:
    """The MAC of each NIC: the lab's, or 02:00:00:HH:HH:NN by its host's and its own place, both counted from 1.

    A place whose MAC the lab has given to another NIC gets the next free one with another third byte.
    """
    given = {nic.mac.lower() for nic in topology.nics().values() if nic.mac}
    macs = {}
    for place, (host, spec) in enumerate(topology.hosts.items(), 1):
        for number, (ifname, nic) in enumerate(spec.nics.items(), 1):
            candidates = (f"02:00:{n:02x}:{place >> 8:02x}:{place & 255:02x}:{number:02x}" for n in range(255))
            macs[f"{host}.{ifname}"] = nic.mac.lower() if nic.mac else next(c for c in candidates if c not in given)
    return macs


def _feasible(wanted: Plan) -> Plan:
    ports: dict[str, int] = {}
    for nic in wanted.nics.values():
        ports[nic.switch] = ports.get(nic.switch, 0) + 1
    for switch, count in ports.items():
        if switch and count > MOST_PORTS:
            raise UsageError(
                f"plug {count} NICs into {switch}: a Linux bridge has {MOST_PORTS} ports; use two and a trunk"
            )
    return wanted


def link_local(mac: str) -> IPv6Interface:
    """The link-local address of a MAC. Source: RFC 4291 section 2.5.6 and appendix A (modified EUI-64)."""
    octets = packed_mac(mac)
    identifier = bytes((octets[0] ^ 2, *octets[1:3], 0xFF, 0xFE, *octets[3:]))
    return IPv6Interface((IPv6Address(bytes.fromhex("fe80000000000000") + identifier), 64))
