"""Checks hosts one by one: names, NICs, addresses, routes, sysctls, programs.

Rules: everything here is checked on text and nodes after the types were found right. What the kernel would refuse, or
would quietly ignore, is refused with the line where it stands.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field

from netlab.lab.middlebox import Middlebox
from netlab.lab.mistakes import Report, did_you_mean, quoted
from netlab.lab.names import WORD, check_word
from netlab.lab.nodes import Node, Scalar, key, near
from netlab.spec import Host, Nic, Program

NIC = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}")
"""An interface name. Source: include/uapi/linux/if.h IFNAMSIZ (16 with the NUL); net/core/dev.c dev_valid_name()."""
TAKEN = ("lo", "all", "default")
"""Every namespace has a `lo`; net.ipv4.conf has `all` and `default` (Documentation/networking/ip-sysctl.rst)."""
MAC = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")
SYSCTL = re.compile(r"net(\.[A-Za-z0-9_-]+){2,}")
MIN_MTU, MIN_MTU_6, MAX_MTU = 68, 1280, 65535
"""RFC 791 section 3.2; RFC 8200 section 5 (Linux turns IPv6 off below it); include/linux/if_ether.h ETH_MAX_MTU."""

Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface


@dataclass
class Hosts:
    """Checks hosts, and remembers which addresses were seen where."""

    report: Report
    nics: tuple[str, ...] = ()
    """Every NIC of the lab by its full name."""
    ips: dict[str, str] = field(default_factory=dict)
    macs: dict[str, str] = field(default_factory=dict)

    def check(self, name: str, host: Host, node: Node) -> None:
        """Everything about one host."""
        networks = [
            address
            for nic, spec in host.nics.items()
            for address in self.nic(f"{name}.{nic}", spec, near(node, "nics", nic), key(node, "nics", nic))
        ]
        for sysctl, value in host.sysctls.items():
            self.sysctl(key(node, "sysctls", sysctl), value)
        for i, route in enumerate(host.routes):
            self.route(route.to, route.via, networks, near(node, "routes", i))
        for i, neighbour in enumerate(host.neighbours):
            self.neighbour(name, neighbour, near(node, "neighbours", i))
        Middlebox(self.report, host).check(node)
        for program, spec in host.programs.items():
            if check_word(key(node, "programs", program), WORD, "program", self.report):
                self.program(spec, near(node, "programs", program))

    def nic(self, name: str, nic: Nic, node: Node, at: Scalar) -> list[Interface]:
        """One NIC; its addresses, as far as they are right."""
        short = name.partition(".")[2]
        if not NIC.fullmatch(short) or short in TAKEN:
            allowed = "at most 15 letters, digits, . _ and -; not lo, all or default"
            self.report.wrong(at, f"{quoted(short)} is not an interface name", allowed)
        if nic.mac is not None:
            self.mac(name, nic.mac, near(node, "mac"))
        ips = [self.ip(name, text, near(node, "ip", i)) for i, text in enumerate(nic.ip)]
        addresses = [ip for ip in ips if ip is not None]
        least = MIN_MTU_6 if any(ip.version == 6 for ip in addresses) else MIN_MTU
        if not least <= nic.mtu <= MAX_MTU:
            what = "an MTU with IPv6 is" if least == MIN_MTU_6 else "an MTU is"
            self.report.wrong(near(node, "mtu"), f"mtu {nic.mtu}", f"{what} {least} to {MAX_MTU} bytes")
        return addresses

    def mac(self, name: str, text: str, node: Node) -> None:
        """A unicast hardware address that no other NIC has. Source: IEEE 802, the I/G bit of the first octet."""
        if not MAC.fullmatch(text):
            self.report.wrong(node, f"{quoted(text)} is not a MAC", 'write it like "02:00:00:00:00:0a"')
        elif int(text[:2], 16) & 1 or not int(text.replace(":", ""), 16):
            self.report.wrong(node, f"{text} is not the MAC of one NIC", "its first octet is even, as in 02:...")
        elif text.lower() in self.macs:
            self.report.wrong(node, f"{text} is the MAC of {self.macs[text.lower()]} already", "each NIC has its own")
        self.macs.setdefault(text.lower(), name)

    def ip(self, name: str, text: str, node: Node) -> Interface | None:
        """An address with prefix length that no other NIC has."""
        try:
            if "/" not in text or "%" in text:
                raise ValueError
            ip = ipaddress.ip_interface(text)
        except ValueError:
            allowed = "write address and prefix length: 10.77.0.1/24 or fd77::1/64"
            self.report.wrong(node, f"{quoted(text)} is not an address of a NIC", allowed)
            return None
        if ip.is_multicast or ip.is_unspecified or ip.is_loopback or not_a_host(ip):
            self.report.wrong(
                node, f"{text} is not the address of one NIC", "give a unicast address inside its network"
            )
            return None
        if str(ip.ip) in self.ips:
            owner = self.ips[str(ip.ip)]
            self.report.wrong(node, f"{ip.ip} is an address of {owner} already", "each address stands once in a lab")
        self.ips.setdefault(str(ip.ip), name)
        return ip

    def sysctl(self, at: Scalar, value: str) -> None:
        if not SYSCTL.fullmatch(at.text):
            allowed = "sysctls of a host are dotted names below net.: net.ipv4.tcp_orphan_retries"
            self.report.wrong(at, f"sysctl {quoted(at.text)}", allowed)
        elif not value or "\n" in value:
            self.report.wrong(at, f"{at.text}: {quoted(value)}", "a value of one line")

    def route(self, to: str, via: str, networks: list[Interface], node: Node) -> None:
        """A prefix or `default`, and a next hop of the same family on a network of the host."""
        prefix = None
        try:
            prefix = None if to == "default" else ipaddress.ip_network(to)
        except ValueError as error:
            self.report.wrong(near(node, "to"), f"route to {quoted(to)}: {error}", "write 10.78.0.0/24 or default")
        try:
            hop = ipaddress.ip_address(via)
        except ValueError:
            self.report.wrong(near(node, "via"), f"{quoted(via)} is not an address", "give the next hop: 10.77.0.254")
            return
        if prefix is not None and prefix.version != hop.version:
            self.report.wrong(near(node, "via"), f"{via} is IPv{hop.version}, {to} is not", "one family in one route")
        if not any(hop in own.network for own in networks):
            allowed = ", ".join(str(own.network) for own in networks) or "the host has no address"
            self.report.wrong(near(node, "via"), f"{via} is on no network of the host", f"its networks: {allowed}")
        elif any(hop == own.ip for own in networks):
            self.report.wrong(near(node, "via"), f"{via} is the host itself", "give the next hop's address")

    def neighbour(self, host: str, nic: str, node: Node) -> None:
        if nic not in self.nics:
            self.report.wrong(node, f"no NIC {quoted(nic)}", did_you_mean(nic, self.nics, "NIC"))
        elif nic.partition(".")[0] == host:
            self.report.wrong(node, f"{nic} is the host's own NIC", "neighbours are NICs of other hosts")

    def program(self, program: Program, node: Node) -> None:
        """A command that can be run, and a way to tell that it is ready."""
        self.command(program, node)
        for name in program.env:
            if not name or "=" in name:
                self.report.wrong(key(node, "env", name), f"{quoted(name)} is not a variable's name", "no = in it")
        ready = program.ready
        if ready is None:
            return
        if (ready.port is None) == (ready.line is None):
            self.report.wrong(near(node, "ready"), "ready needs port or line, one of them", "write ready: {port: 80}")
        if ready.port is not None and not 1 <= ready.port <= 65535:
            self.report.wrong(near(node, "ready", "port"), f"port {ready.port}", "a port is a number from 1 to 65535")
        try:
            re.compile(ready.line or "")
        except (re.error, OverflowError, RecursionError) as error:
            allowed = "a regular expression of Python's re"
            self.report.wrong(near(node, "ready", "line"), f"{quoted(ready.line or '')}: {error}", allowed)

    def command(self, program: Program, node: Node) -> None:
        """What is run: one of argv and command, and not nothing."""
        if program.command is not None and program.argv:
            self.report.wrong(near(node, "command"), "argv and command, both", "give one of them")
            return
        field = "argv" if program.command is None else "command"
        try:
            words = program.words
        except ValueError as error:
            self.report.wrong(near(node, "command"), f"command: {error}", "quotes come in pairs, as in a shell")
            return
        if not words or not words[0]:
            example = "[nc, -l]" if field == "argv" else "nc -l"
            self.report.wrong(near(node, field), f"{field} is empty", f"give the command and its arguments: {example}")


def not_a_host(ip: Interface) -> bool:
    """The first or last address of an IPv4 network of more than two. Source: RFC 1122 section 3.2.1.3, RFC 3021."""
    network = ip.network
    return ip.version == 4 and network.prefixlen < 31 and ip.ip in (network.network_address, network.broadcast_address)
