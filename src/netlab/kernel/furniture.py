"""What a plan asks of the kernel for one NIC, one trunk, one neighbour, one route.

Rules: pure functions, parts of a plan in, Requests out; what cannot be right is the user's mistake.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from netlab.errors import UsageError
from netlab.kernel import requests, wiring
from netlab.kernel.netlink import Request
from netlab.kernel.plan import LiveNic, Trunk


def nic_pair(nic: LiveNic, master: int, fd: int) -> Request:
    """A NIC and its port. Both have the NIC's MTU: a larger frame is lost at the port, as a switch's giants are."""
    pair = wiring.Veth(
        name=nic.port_ifname,
        index=nic.port_index,
        mtu=nic.spec.mtu,
        master=master,
        peer=nic.ifname,
        peer_index=nic.index,
        peer_mtu=nic.spec.mtu,
        mac=nic.mac,
        fd=fd,
    )
    return wiring.veth(pair)


def trunk(cable: Trunk, masters: tuple[int, int]) -> list[Request]:
    """A cable between two bridges, up at both ends."""
    (name, peer), (index, peer_index) = cable.ifnames, cable.indexes
    pair = wiring.Veth(
        name=name,
        index=index,
        mtu=cable.mtu,
        master=masters[0],
        peer=peer,
        peer_index=peer_index,
        peer_mtu=cable.mtu,
    )
    return [
        wiring.veth(pair),
        requests.set_master(peer_index, peer, masters[1]),
        requests.set_up(peer_index, peer),
    ]


def bind(nics: list[LiveNic], target: LiveNic, host: str) -> list[Request]:
    """Bind each of the target's addresses to its MAC on the NIC whose network it is on. Raises: UsageError."""
    bound = [
        requests.neighbour(nic.ifname, nic.index, ip.ip, target.mac)
        for ip in target.ips
        for nic in nics
        if any(ip.ip in own.network for own in nic.ips)
    ]
    if not bound:
        raise UsageError(
            f"bind {target.name} as a neighbour of {host}: they share no network; give both an address on one"
        )
    return bound


def route(nics: list[LiveNic], to: str, via: str, host: str) -> Request:
    """A route by the NIC on whose network its next hop is. Raises: UsageError."""
    hop = ip_address(via)
    for nic in nics:
        if any(hop in own.network for own in nic.all_ips):
            target = ip_network(("0.0.0.0/0" if hop.version == 4 else "::/0") if to == "default" else to, strict=False)
            return requests.route(target, hop, nic.index, nic.ifname)
    raise UsageError(f"add the route {to} via {via} to {host}: the next hop is on none of its networks")
