"""What a name of the lab stands for on the network. Pure: a Topology in, addresses out."""

from __future__ import annotations

from ipaddress import ip_interface

from netlab.errors import StepError
from netlab.spec import Nic, Topology


def ips(nic: Nic) -> list[str]:
    """A NIC's addresses without their prefix length, in the compressed form the kernel prints."""
    return [str(ip_interface(ip).ip) for ip in nic.ip]


def owners(topology: Topology) -> dict[str, str]:
    """Every address of the lab to the host that owns it."""
    return {ip: name.split(".")[0] for name, nic in topology.nics().items() for ip in ips(nic)}


def ip_of(topology: Topology, name: str, from_host: str = "") -> str:
    """The address a host's or NIC's name stands for, as seen from a host.

    A NIC's name: its first address of the lab's family. A host's name: its first one on a network that it shares with
    `from_host`, else its first. Raises: StepError.
    """
    family = 6 if topology.family == "ipv6" else 4
    candidates = [
        ip_interface(ip)
        for full, nic in topology.nics().items()
        if full == name or full.split(".")[0] == name
        for ip in nic.ip
        if ip_interface(ip).version == family
    ]
    if not candidates:
        raise StepError(f"find the address of {name}: it has no {topology.family} address; give its NIC one")
    near = [
        ip_interface(ip).network
        for full, nic in topology.nics().items()
        if full.split(".")[0] == from_host
        for ip in nic.ip
    ]
    shared = [candidate for candidate in candidates if candidate.network in near]
    return str((shared or candidates)[0].ip)


def resolve(topology: Topology, address: str, from_host: str) -> tuple[str, int]:
    """ip and port of "server:9000", "server.nic-a:9000", "10.0.0.1:80" or "[fd00::1]:80". Raises: StepError."""
    name, _, port = address.rpartition(":")
    if not name or not port.isdigit():
        raise StepError(f"find {address}: no port in it; write it like server:9000")
    literal = name.strip("[]")
    if name != literal or literal.replace(".", "").isdigit():
        return literal, int(port)
    return ip_of(topology, name, from_host), int(port)
