"""Checks the names that steps, faults and expectations use: hosts, NICs, endpoints, addresses, earlier steps.

Rules: a step may only name steps and background steps before it; an expectation may name any. What each kind of name
looks like is said in `netlab.spec.Ref`. Sockets are not checked: they come and go while a lab is played.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from netlab.lab.mistakes import Report, did_you_mean, quoted, there_are
from netlab.lab.nodes import Mapping, Node, Scalar, scalars
from netlab.lab.typed import Use

HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
"""A host name's label: letters, digits, hyphens. Source: RFC 1123 section 2.1."""
WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
"""Endpoints, programs, step ids, background names."""


@dataclass
class Names:
    """What can be named at one point of a lab. Taken from the tree, so that mistakes elsewhere do not hide any."""

    hosts: tuple[str, ...] = ()
    nics: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Full names, "server.nic-a", to addresses as the file has them."""
    programs: tuple[str, ...] = ()
    """Full names, "server.postgres"."""
    plugged: Collection[str] = ()
    """Those that are in a switch or wire."""
    family: str = "ipv4"
    actors: set[str] = field(default_factory=set)
    """Endpoints of their own that act in some step: "server.worker"."""
    steps: dict[str, int] = field(default_factory=dict)
    """Ids of the steps so far."""
    background: dict[str, int] = field(default_factory=dict)
    """Background names of the steps so far."""
    verbs: dict[str, int] = field(default_factory=dict)
    """How many of the steps so far have this verb of the lab: a barrier may name the only one by it."""

    @classmethod
    def of(cls, root: Mapping) -> Names:
        """The names that this lab file's `hosts` give."""
        hosts = children(root, "hosts")
        family = root.items.get("family")
        return cls(
            hosts=tuple(hosts),
            nics={
                f"{host}.{nic}": addresses_of(node)
                for host, spec in hosts.items()
                for nic, node in children(spec, "nics").items()
            },
            programs=tuple(f"{host}.{name}" for host, spec in hosts.items() for name in children(spec, "programs")),
            family=family.text if isinstance(family, Scalar) else "ipv4",
        )

    def check(self, use: Use, report: Report) -> None:
        """Report a use of a name that does not exist."""
        checks: dict[str, Callable[[str], tuple[str, str] | None]] = {
            "host": lambda text: self.among(text, self.hosts, "host"),
            "nic": lambda text: self.among(text, self.nics, "NIC"),
            "plugged-nic": self.plugged_nic,
            "program": lambda text: self.among(text, self.programs, "program"),
            "endpoint": self.endpoint,
            "address": self.address,
            "port": port,
            "step": lambda text: self.among(text, self.steps, "step before this one with the id"),
            "background": lambda text: self.among(text, self.background, "step before this one in the background"),
            "barrier": self.barrier,
        }
        wrong = checks[use.kind](use.at.text) if use.kind in checks else None
        if wrong:
            report.wrong(use.at, *wrong)

    def among(self, text: str, known: Collection[str], noun: str) -> tuple[str, str] | None:
        if text in known:
            return None
        return f"no {noun} {quoted(text)}", did_you_mean(text, known, noun)

    def plugged_nic(self, text: str) -> tuple[str, str] | None:
        if text in self.nics and text not in self.plugged:
            return f"{text} is plugged into nothing", "it has no cable; put it into a switch or a wire"
        return self.among(text, self.nics, "NIC")

    def endpoint(self, text: str) -> tuple[str, str] | None:
        return self.among(text, [*self.hosts, *sorted(self.actors), *self.programs], "endpoint")

    def barrier(self, text: str) -> tuple[str, str] | None:
        """A step by its id, or by its verb where no other step has it."""
        count = 1 if text in self.steps else self.verbs.get(text, 0)
        if count > 1:
            return f"{text} stands for {count} steps", "give the one meant an id"
        return None if count else self.among(text, [*self.steps, *self.verbs], "step with the id or verb")

    def address(self, text: str) -> tuple[str, str] | None:
        """host:port, host.nic:port, ip:port or [ip]:port."""
        place, colon, number = text.rpartition(":")
        if not colon:
            return f"{quoted(text)} is not an address with a port", "write it like server:9000 or 10.77.0.1:9000"
        wrong = port(number)
        if wrong:
            return wrong
        if place.startswith("[") and place.endswith("]"):
            place = place[1:-1]
        elif place in self.hosts or place in self.nics:
            return self.has_family(place)
        try:
            ipaddress.ip_address(place)
        except ValueError:
            known = [*self.hosts, *self.nics]
            return f"no host, NIC or address {quoted(place)}", did_you_mean(place, known, "host")
        return None

    def has_family(self, place: str) -> tuple[str, str] | None:
        """A name stands for an address of the lab's family: there must be one."""
        version = 6 if self.family == "ipv6" else 4
        mine = [ips for name, ips in self.nics.items() if place in (name, name.partition(".")[0])]
        addresses = [ip for ips in mine for ip in ips]
        if any((":" in ip) == (version == 6) for ip in addresses):
            return None
        return f"{place} has no IPv{version} address (family: {self.family})", there_are(addresses, "address")


def children(node: Node, key: str) -> dict[str, Node]:
    """The mapping under a key, as far as there is one."""
    inner = node.items.get(key) if isinstance(node, Mapping) else None
    return inner.items if isinstance(inner, Mapping) else {}


def addresses_of(nic: Node) -> tuple[str, ...]:
    """The addresses that a NIC's node lists."""
    ips = nic.items.get("ip") if isinstance(nic, Mapping) else None
    return tuple(scalar.text for scalar in scalars(ips)) if ips is not None else ()


def port(text: str) -> tuple[str, str] | None:
    """A TCP port number. Source: RFC 9293 section 3.1, a 16-bit field; 0 is reserved (RFC 6335 section 6)."""
    if text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= 65535:
        return None
    return f"port {quoted(text)}", "a port is a number from 1 to 65535"


def check_word(key: Scalar, pattern: re.Pattern[str], noun: str, report: Report) -> bool:
    """Whether a name is well formed; reported where it is not."""
    if pattern.fullmatch(key.text):
        return True
    extra = "" if pattern is HOST else ", underscores"
    report.wrong(key, f"{quoted(key.text)} is not a {noun} name", f"letters, digits, hyphens{extra}")
    return False
