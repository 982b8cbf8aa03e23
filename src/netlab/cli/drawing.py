"""A lab on paper: what it claims, its network as a drawing, its steps, its variants.

router
├── server.nic-a  10.77.0.1/24  02:00:00:00:00:0a
└── client.nic-b  10.77.0.2/24  02:00:00:00:00:0b
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING

from netlab import presets
from netlab.outputs._text import Line, clean, cut, wrapped
from netlab.records import entry
from netlab.units import Duration, Rate, Ratio, human_duration, human_rate

if TYPE_CHECKING:
    from netlab.impairment import Impairment
    from netlab.lab import Lab
    from netlab.spec import Topology

WIDTH = 98
INDENT = "  "


def lab(shown: Lab) -> Iterator[Line]:
    """The whole page."""
    name = entry(shown.name, shown.variant)
    yield ((clean(name), "bold"), (f"  {clean(shown.title)}", ""))
    yield from about(shown)
    yield from section("network", network(shown.topology))
    yield from section("links", links(shown.topology))
    yield from section("middleboxes", middleboxes(shown.topology))
    yield from section("presets", presets_of(shown.topology))
    yield from section("steps", numbered([planned.text for planned in shown.steps]))
    yield from section("expect", (text(item.word) for item in shown.expectations))
    yield from section("parameters", (text(f"{key} = {value}") for key, value in shown.parameters.items()))
    yield from section("variants", pairs(shown.variants))
    yield from section("needs", (text(f"{word} (netlab doctor)") for word in shown.needs))


def about(shown: Lab) -> Iterator[Line]:
    """The claim, where it comes from, and what was found of it."""
    told = {"claim": shown.claim, **{key.replace("_", " "): value for key, value in shown.source.items()}}
    if shown.finding is not None:
        told["finding"] = shown.finding.expected
    if shown.takes is not None:
        told["takes"] = f"{human_duration(shown.takes)}{', so the whole catalogue leaves it out' if shown.long else ''}"
    for key, value in told.items():
        if value:
            yield from wrapped(value, INDENT * 6, first=f"{INDENT}{cut(key, 9):10}")


def section(title: str, lines: Iterator[Line]) -> Iterator[Line]:
    """A heading and its lines; nothing where there are none."""
    for number, line in enumerate(lines):
        if number == 0:
            yield ()
            yield ((title, "bold"),)
        yield line


def numbered(texts: list[str]) -> Iterator[Line]:
    """Steps, counted from 1 as the run counts them."""
    width = len(str(len(texts)))
    for number, step in enumerate(texts, 1):
        yield (f"{INDENT}{number:{width}}  ", "dim"), (cut(step, WIDTH - width - 4), "")


def pairs(titles: dict[str, str]) -> Iterator[Line]:
    """Names with their titles, in columns."""
    width = max(map(len, titles), default=0)
    for name, title in titles.items():
        yield (f"{INDENT}{name:{width}}  ", "bold"), (cut(title, WIDTH - width - 4), "")


def network(topology: Topology) -> Iterator[Line]:
    """Each switch with what is plugged into it, each wire, and NICs that nothing is plugged into."""
    plugged = {member for members in (*topology.switches.values(), *topology.wires.values()) for member in members}
    for switch, members in topology.switches.items():
        yield ((f"{INDENT}{switch}", "bold"),)
        yield from branches(topology, list(members))
    for wire, ends in topology.wires.items():
        yield ((f"{INDENT}{wire} (a wire)", "bold"),)
        yield from branches(topology, list(ends))
    loose = [name for name in topology.nics() if name not in plugged]
    if loose:
        yield ((f"{INDENT}(not plugged in)", "bold"),)
        yield from branches(topology, loose)
    alone = [host for host, spec in topology.hosts.items() if not spec.nics]
    for host in alone:
        yield text(f"{host} (no NIC)")


def branches(topology: Topology, members: list[str]) -> Iterator[Line]:
    """The members of one switch or wire, as a tree with their addresses in columns."""
    nics = topology.nics()
    width = max(map(len, members), default=0)
    for member in members:
        branch = "└── " if member is members[-1] else "├── "
        nic = nics.get(member)
        facts = [*nic.ip, nic.mac or "", role(topology, member)] if nic else ["(a switch)"]
        yield (
            (f"{INDENT}{branch}", "dim"),
            (f"{member:{width}}", ""),
            (cut("  " + "  ".join(fact for fact in facts if fact), WIDTH - width - 6), "dim"),
        )


def role(topology: Topology, nic: str) -> str:
    """What sets this NIC's host apart."""
    return "(its host forwards)" if topology.hosts[nic.partition(".")[0]].forward else ""


def middleboxes(topology: Topology) -> Iterator[Line]:
    """What hosts do to packets that pass them."""
    for name, host in topology.hosts.items():
        does = []
        if host.nat:
            lent = f", ports {host.nat.ports}" if host.nat.ports else ""
            kind = host.nat.kind or "endpoint-independent"
            does.append(f"translates {', '.join(host.nat.inside)} to {host.nat.outside} ({kind}{lent})")
        if host.firewall:
            by = f" unless a connection begins by {', '.join(host.firewall.inside)}" if host.firewall.inside else ""
            does.append(f"{host.firewall.stateful}s what belongs to no connection it knows{by}")
            does += [f"lets connections to port {port} in" for port in host.firewall.open]
        if host.conntrack:
            does += [f"forgets {state} after {human_duration(t)}" for state, t in host.conntrack.timeouts.items()]
            does += [] if host.conntrack.loose else ["takes nothing up in the middle (tcp_loose 0)"]
        for number, what in enumerate(does):
            yield text(f"{'' if number else name:{max(map(len, topology.hosts))}}  {what}")


def links(topology: Topology) -> Iterator[Line]:
    """What each NIC's cable does to packets, a line for each direction."""
    impaired = {name: nic.link for name, nic in topology.nics().items() if nic.link is not None}
    width = max(map(len, impaired), default=0)
    for name, link in impaired.items():
        for number, (way, asked) in enumerate(presets.ways(link).items()):
            yield text(f"{'' if number else name:{width}}  {way:8}  {settings(asked) or 'nothing'}")


def settings(asked: Impairment) -> str:
    """One direction's settings, as they are written in a lab file: "delay 50 ms, loss 1%"."""
    given = ((each.name, getattr(asked, each.name)) for each in fields(asked))
    return ", ".join(f"{name} {spoken(value)}" for name, value in given if value is not None)


def spoken(value: object) -> str:
    """A quantity with its unit; of several, the one that a bare value stands for, then the others by name."""
    if isinstance(value, Duration):
        return human_duration(value)
    if isinstance(value, Rate):
        return human_rate(value)
    if isinstance(value, Ratio):
        return f"{value * 100:g}%"
    if not is_dataclass(value):
        return str(value)
    inner = [(each.name, getattr(value, each.name)) for each in fields(value)]
    short = getattr(value, "shorthand", None)
    said = [
        spoken(part) if name == short else f"{name.replace('_', ' ')} {spoken(part)}"
        for name, part in inner
        if part is not None
    ]
    if short is None or getattr(value, short) is None:
        return " ".join(said)
    return said[0] + (f" ({', '.join(said[1:])})" if said[1:] else "")


def presets_of(topology: Topology) -> Iterator[Line]:
    """The presets that a lab names, each with the source of its figures."""
    named: dict[str, presets.LinkPreset | presets.RouterPreset] = {}
    for nic in topology.nics().values():
        if nic.link is not None and nic.link.preset is not None:
            named[f"link {nic.link.preset}"] = presets.LINKS[nic.link.preset]
    for host in topology.hosts.values():
        if host.nat is not None and host.nat.preset is not None:
            named[f"nat {host.nat.preset}"] = presets.NATS[host.nat.preset]
        if host.firewall is not None and host.firewall.preset is not None:
            named[f"firewall {host.firewall.preset}"] = presets.FIREWALLS[host.firewall.preset]
    for name, preset in named.items():
        yield from wrapped(f"{name}, {preset.title}. Source: {preset.source}", INDENT * 3, first=INDENT)


def text(line: str) -> Line:
    """One plain line of a section."""
    return ((cut(INDENT + line, WIDTH), ""),)
