"""nftables inside a host, or in the fabric: packets dropped or rejected, and exactly as before afterwards.

    drop(host, "in", ["10.0.0.2"], port=80)      table inet netlab-1 {
                                                     chain input   { … ip saddr 10.0.0.2 tcp sport 80 drop; … }
                                                     chain forward { … }
                                                 }

Rules: each call makes one table of its own in one transaction, and removing it deletes that table and nothing else:
what a program in the host set up itself stays. "in" is what arrives at the host or is forwarded from the peers, "out"
what the host sends or forwards to them. A packet dropped on its way in was seen by the captures; one dropped on its way
out was not, and its sender is told (EPERM: TCP takes it for a local problem, not for loss). Loss on the path is "in" at
the other host. ARP and neighbour discovery pass: the first is no IP, the second is let through. The chains stand before
connection tracking: a dropped packet makes no entry there. How nftables is spoken to is in nftables.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Literal

from netlab.kernel import nftables
from netlab.kernel.namespaces import Namespace
from netlab.kernel.nftables import NFPROTO_BRIDGE, NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6
from netlab.kernel.plan import CABLE

Direction = Literal["in", "out", "both"]
IcmpError = tuple[int, int, int | None]
"""Version of IP, type, and code (None: any)."""
How = Literal["rst", "icmp-port", "icmp-host", "icmp-net", "icmp-admin"]

ETHERTYPES = {4: b"\x08\x00", 6: b"\x86\xdd"}
CHAINS = {"in": ("input", "forward"), "out": ("output", "forward")}
ADDRESS_AT = {(4, "in"): 12, (4, "out"): 16, (6, "in"): 8, (6, "out"): 24}
"""Where the source (for "in") or destination address is. Source: RFC 791 section 3.1, RFC 8200 section 3."""
SOURCE_PORT, TARGET_PORT = 0, 2

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Rules:
    """What was set up in one host; `remove` takes it away again."""

    namespace: Namespace
    table: str
    family: int = NFPROTO_INET

    def remove(self) -> None:
        """Delete the table with all that is in it. Raises: KernelError (ENOENT: somebody else did)."""
        nftables.transact(self.namespace, [nftables.delete_table(self.table, self.family)])


def drop(namespace: Namespace, direction: Direction, peers: Iterable[str] = (), port: int | None = None) -> Rules:
    """Drop packets between this host and these addresses (default: everybody), of this TCP port only where given.

    A port counts at either end: both the segments to a server and its answers match. Raises: KernelError.
    """
    action = nftables.verdict(nftables.NF_DROP)
    return _install(namespace, direction, peers, port, action, tcp_only=port is not None)


def reject(
    namespace: Namespace,
    how: How,
    direction: Direction = "in",
    peers: Iterable[str] = (),
    port: int | None = None,
) -> Rules:
    """Like `drop`, but answer: with a TCP reset ("rst": TCP only) or with an ICMP error. Raises: KernelError."""
    tcp_only = how == "rst" or port is not None
    return _install(namespace, direction, peers, port, nftables.reject(how), tcp_only)


def drop_on_path(
    fabric: Namespace, flows: Iterable[tuple[str, str]], port: int | None = None, log_group: int | None = None
) -> Rules:
    """Drop packets on their way through the switches and wires, for each flow (source address, destination address).

    They were sent, and the switch port saw them come in; nothing saw them go out: loss on the path, at neither end.
    What passes the bridge in a NIC's own cable is left alone there, so that it meets these rules once.
    A port counts at either end. `log_group`: who listens to it is given each packet. Raises: KernelError.
    """
    refuse = [nftables.log(log_group)] if log_group is not None else []
    matches = []
    for source, target in flows:
        path = [*_version(source), *_address("in", source), *_address("out", target)]
        matches += [[*path, *rest] for rest in _protocol(port, port is not None)]
    return _on_path(fabric, matches, refuse)


def drop_larger(fabric: Namespace, port: str, size: int) -> Rules:
    """Drop packets that pass this port of the fabric and are larger than so many bytes, in either direction.

    Nobody is told: as where something between two routers takes less than either knows. Raises: KernelError.
    """
    too_large = nftables.larger_than(size)
    ends = (nftables.META_IIFNAME, nftables.META_OIFNAME)
    return _on_path(fabric, [[*nftables.interface(end, port), *too_large] for end in ends], everywhere=True)


def drop_icmp(fabric: Namespace, targets: Iterable[str], kinds: Iterable[IcmpError]) -> Rules:
    """Drop ICMP errors of these kinds on their way to these addresses. Raises: KernelError."""
    wanted = list(kinds)
    matches = [
        [*_version(target), *_address("out", target), *nftables.icmp(version, kind, code)]
        for target in targets
        for version, kind, code in wanted
        if version == ip_address(target).version
    ]
    return _on_path(fabric, matches)


def _on_path(
    fabric: Namespace, matches: Iterable[list[Any]], before: Iterable[Any] = (), *, everywhere: bool = False
) -> Rules:
    """One table in the bridges: neighbour discovery passes, then what matches is dropped, `before` that done to it.

    Bridges in NICs' own cables are left out, unless it is `everywhere`.
    """
    table, family = f"netlab-{next(_numbers)}", NFPROTO_BRIDGE
    accept, drop = nftables.verdict(nftables.NF_ACCEPT), nftables.verdict(nftables.NF_DROP)
    passing = [nftables.neighbour_discovery()]
    if not everywhere:
        passing += [nftables.named_like(end, CABLE) for end in (nftables.META_IIFNAME, nftables.META_OIFNAME)]
    rules = [*([*match, accept] for match in passing), *([*match, *before, drop] for match in matches)]
    messages = [nftables.new_table(table, family), nftables.chain(table, "forward", family)]
    messages += [nftables.rule(table, "forward", rule, family) for rule in rules]
    nftables.transact(fabric, messages)
    return Rules(fabric, table, family)


def _install(
    namespace: Namespace, direction: Direction, peers: Iterable[str], port: int | None, action: Any, tcp_only: bool
) -> Rules:
    """One table with a chain for each hook: neighbour discovery passes, then what matches meets the action."""
    table = f"netlab-{next(_numbers)}"
    ways: list[Literal["in", "out"]] = ["in", "out"] if direction == "both" else [direction]
    addresses = list(peers)
    accept = nftables.verdict(nftables.NF_ACCEPT)
    messages = [nftables.new_table(table)]
    for chain in dict.fromkeys(chain for way in ways for chain in CHAINS[way]):
        messages += [
            nftables.chain(table, chain),
            nftables.rule(table, chain, [*nftables.neighbour_discovery(), accept]),
        ]
    for way in ways:
        matches = [[*address, *rest] for address in _peers(way, addresses) for rest in _protocol(port, tcp_only)]
        messages += [nftables.rule(table, chain, [*match, action]) for chain in CHAINS[way] for match in matches]
    nftables.transact(namespace, messages)
    return Rules(namespace, table)


def _peers(way: Literal["in", "out"], addresses: list[str]) -> Iterator[list[Any]]:
    """A match for each address; one that matches everybody where there is none."""
    if not addresses:
        yield []
    for text in addresses:
        family = NFPROTO_IPV4 if ip_address(text).version == 4 else NFPROTO_IPV6
        yield [*nftables.meta(nftables.META_NFPROTO, bytes([family])), *_address(way, text)]


def _version(text: str) -> list[Any]:
    """In a bridge: it is a packet of this address's version of IP."""
    return nftables.meta(nftables.META_PROTOCOL, ETHERTYPES[ip_address(text).version])


def _address(way: Literal["in", "out"], text: str) -> list[Any]:
    """The source ("in") or destination address is this one."""
    address = ip_address(text)
    return nftables.payload(nftables.NETWORK_HEADER, ADDRESS_AT[address.version, way], address.packed)


def _protocol(port: int | None, tcp_only: bool) -> Iterator[list[Any]]:
    """A match for all of IP, for TCP, or for each end's port."""
    tcp = nftables.tcp() if tcp_only else []
    if port is None:
        yield tcp
    else:
        for at in (SOURCE_PORT, TARGET_PORT):
            yield [*tcp, *nftables.payload(nftables.TRANSPORT_HEADER, at, port.to_bytes(2))]
