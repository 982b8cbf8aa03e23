"""Checks what a host does to packets that pass it: `nat`, `firewall`, `conntrack`.

Rules: as in hosts.py: on text and nodes, after the types were found right, and with the line where the mistake stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass

from netlab.lab.mistakes import Report, did_you_mean, quoted
from netlab.lab.nodes import Node, key, near
from netlab.presets import FIREWALLS, NATS
from netlab.spec import Conntrack, Firewall, Host, Nat

SECOND = 10**9
RANGE = re.compile(r"(\d{1,5})-(\d{1,5})")


@dataclass
class Middlebox:
    """Checks one host's."""

    report: Report
    host: Host

    def check(self, node: Node) -> None:
        if self.host.nat is not None:
            self.nat(self.host.nat, near(node, "nat"), key(node, "nat"))
        if self.host.firewall is not None:
            self.firewall(self.host.firewall, near(node, "firewall"))
        if self.host.conntrack is not None:
            self.conntrack(self.host.conntrack, near(node, "conntrack"))

    def nat(self, nat: Nat, node: Node, at: Node) -> None:
        """It forwards, between NICs of its own, and lends ports that there are."""
        if not self.host.forward:
            self.report.wrong(at, "a host that translates must forward", "write forward: true")
        self.preset(nat.preset, NATS, "nat", node)
        if not nat.inside:
            self.report.wrong(near(node, "inside"), "nobody is inside", "give the NICs whose networks are translated")
        self.own((nat.outside,), near(node, "outside"))
        self.own(nat.inside, *self.items(node, "inside", nat.inside))
        if nat.outside in nat.inside:
            where = near(node, "inside", nat.inside.index(nat.outside))
            self.report.wrong(where, f"{nat.outside} is inside and outside", "a NIC is one of the two")
        found = RANGE.fullmatch(nat.ports) if nat.ports is not None else None
        if nat.ports is not None and not (found and 1 <= int(found[1]) <= int(found[2]) <= 65535):
            allowed = "write first and last port: 40000-40999"
            self.report.wrong(near(node, "ports"), f"{quoted(nat.ports)} is no range of ports", allowed)

    def firewall(self, firewall: Firewall, node: Node) -> None:
        """NICs of its own, and ports that there are."""
        self.preset(firewall.preset, FIREWALLS, "firewall", node)
        if firewall.stateful is None and firewall.preset is None:
            self.report.wrong(node, "stateful is missing", "write stateful: drop, stateful: reject, or a preset")
        self.own(firewall.inside, *self.items(node, "inside", firewall.inside))
        for i, port in enumerate(firewall.open):
            if not 1 <= port <= 65535:
                self.report.wrong(near(node, "open", i), f"port {port}", "a port is a number from 1 to 65535")

    def conntrack(self, conntrack: Conntrack, node: Node) -> None:
        """Something is tracked, and for whole seconds. Source: proc_dointvec_jiffies in kernel/sysctl.c."""
        if not self.host.tracks:
            self.report.wrong(node, "this host tracks nothing", "conntrack belongs to a host with nat or firewall")
        for name, timeout in conntrack.timeouts.items():
            if timeout < SECOND or timeout % SECOND:
                allowed = "the kernel takes whole seconds, 1s or more"
                self.report.wrong(near(node, "timeouts", name), f"a timeout of {timeout / SECOND:g} s", allowed)

    def preset(self, name: str | None, known: AnyMapping[str, object], noun: str, node: Node) -> None:
        if name is not None and name not in known:
            allowed = did_you_mean(name, known, "preset")
            self.report.wrong(near(node, "preset"), f"no preset {quoted(name)} of {noun}", allowed)

    def items(self, node: Node, field: str, values: tuple[str, ...]) -> Iterator[Node]:
        return (near(node, field, i) for i in range(len(values)))

    def own(self, names: tuple[str, ...], *nodes: Node) -> None:
        """Each names a NIC of this host."""
        for name, node in zip(names, nodes, strict=True):
            if name not in self.host.nics:
                self.report.wrong(node, f"no NIC {quoted(name)} here", did_you_mean(name, self.host.nics, "NIC"))
