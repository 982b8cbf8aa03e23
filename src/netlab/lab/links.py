"""Checks how NICs are connected: switches, trunks between them, wires; and what is asked of their cables.

Rules: a NIC is in one switch or wire at most (in none it has no carrier, which a lab may want). Trunks form no loop:
the switches run no spanning tree. Switch names and host names differ, since both stand in captures.
"""

from __future__ import annotations

from collections.abc import Mapping as AnyMapping
from collections.abc import Sequence
from typing import TYPE_CHECKING

from netlab.impairment import Impairment, check, merge
from netlab.lab.mistakes import Report, did_you_mean, quoted
from netlab.lab.names import HOST, Names, check_word
from netlab.lab.nodes import Mapping, Node, key, near
from netlab.presets import LINKS, Way, ways
from netlab.spec import Host

if TYPE_CHECKING:
    from netlab.steps import Planned

Members = AnyMapping[str, Sequence[str]]


class Links:
    """Where each NIC is plugged in, and which switches hang together."""

    def __init__(self, names: Names, report: Report) -> None:
        self.names = names
        self.report = report
        self.plugged: dict[str, str] = {}
        self.islands: dict[str, str] = {}
        """Each switch to one that it hangs together with; following it ends at the island's own."""

    def check(self, switches: Members, wires: Members, root: Mapping) -> None:
        """Everything about switches and wires."""
        self.islands = {name: name for name in switches}
        for name, members in switches.items():
            self.name(root, "switches", name, "switch")
            for i, member in enumerate(members):
                self.member(name, member, near(root, "switches", name, i))
        for name, ends in wires.items():
            self.name(root, "wires", name, "wire")
            for i, nic in enumerate(ends):
                self.plug(nic, f"wire {name}", near(root, "wires", name, i))

    def impaired(self, hosts: AnyMapping[str, Host], root: Mapping) -> None:
        """Every `link`: its NIC has a cable, its preset is there, and what it asks of a direction can be."""
        unfinished = [name for name, host in hosts.items() if host.offloads]
        for host, spec in hosts.items():
            for nic, link in ((name, nic.link) for name, nic in spec.nics.items() if nic.link is not None):
                node = near(root, "hosts", host, "nics", nic, "link")
                if f"{host}.{nic}" not in self.plugged:
                    self.report.wrong(node, f"{host}.{nic} is plugged into nothing", "a link is that of a cable")
                elif link.preset is not None and link.preset not in LINKS:
                    allowed = did_you_mean(link.preset, LINKS, "preset")
                    self.report.wrong(near(node, "preset"), f"no preset {quoted(link.preset)} of links", allowed)
                else:
                    self.possible(ways(link), unfinished, node)

    def impaired_by(self, steps: Sequence[Planned], hosts: AnyMapping[str, Host], root: Mapping) -> None:
        """What links and faults ask together of each direction, step after step, in steps without a mistake.

        Up to the first mistake, or the first such fault in the background: what is in effect after it is not certain.
        """
        linked = {
            (f"{host}.{name}", way): asked
            for host, spec in hosts.items()
            for name, nic in spec.nics.items()
            if nic.link is not None
            for way, asked in ways(nic.link).items()
        }
        unfinished = [name for name, host in hosts.items() if host.offloads]
        active: list[Planned] = []
        for planned in (step for step in steps if step.kind in ("inject", "heal")):
            begins = planned.kind == "inject"
            changed = planned if begins else next(old for old in reversed(active) if planned.ends(old.name, old.doing))
            active = [*active, changed] if begins else [old for old in active if old is not changed]
            if changed.doing.asks and planned.background:
                return
            whole = {
                way: merge([linked.get((nic, way), Impairment()), *_asked(active, nic, way)])
                for nic, way in changed.doing.asks
            }
            self.possible(whole, unfinished if begins else (), near(root, "steps", planned.index))
            if len(self.report):
                return

    def possible(self, asked: AnyMapping[Way, Impairment], unfinished: Sequence[str], node: Node) -> None:
        """What is asked of directions."""
        for way, impairment in asked.items():
            try:
                check(impairment)
            except ValueError as error:
                wrong, _, allowed = str(error).partition("; ")
                self.report.wrong(node, f"{way}: {wrong}", allowed)
        if unfinished and any(impairment.needs_netem for impairment in asked.values()):
            allowed = f"{unfinished[0]} leaves it to its NIC to cut segments: leave `offloads` out, or give bandwidth"
            self.report.wrong(node, "netem takes up to 64 KiB for one packet here", allowed)

    def name(self, root: Mapping, section: str, name: str, noun: str) -> None:
        at = key(root, section, name)
        if check_word(at, HOST, noun, self.report) and name in self.names.hosts:
            self.report.wrong(at, f"{name} is a host already", f"give the {noun} a name of its own")

    def member(self, switch: str, member: str, node: Node) -> None:
        """A NIC, or a trunk to another switch."""
        if member not in self.islands:
            self.plug(member, f"switch {switch}", node, [*self.names.nics, *self.islands])
        elif self.island(switch) == self.island(member):
            loop = "to itself" if switch == member else "closes a loop"
            self.report.wrong(
                node, f"the trunk from {switch} to {member} {loop}", "trunks form a tree, each named once"
            )
        else:
            self.islands[self.island(switch)] = self.island(member)

    def island(self, switch: str) -> str:
        while self.islands[switch] != switch:
            switch = self.islands[switch]
        return switch

    def plug(self, nic: str, into: str, node: Node, known: list[str] | None = None) -> None:
        """A NIC goes into a switch or wire."""
        if nic not in self.names.nics:
            noun = "NIC or switch" if known else "NIC"
            self.report.wrong(node, f"no {noun} {quoted(nic)}", did_you_mean(nic, known or self.names.nics, noun))
        elif nic in self.plugged:
            self.report.wrong(node, f"{nic} is in {self.plugged[nic]} already", "a NIC is in one switch or wire")
        else:
            self.plugged[nic] = into


def _asked(active: Sequence[Planned], nic: str, way: Way) -> list[Impairment]:
    """What the faults in effect ask of one direction."""
    return [fault.doing.asks[nic, way] for fault in active if (nic, way) in fault.doing.asks]
