"""Makes a Lab of a tree in which nothing is open any more: the variant chosen, every `${name}` filled in.

    tree ─▶ types ─▶ checks of hosts and links ─▶ plan of the steps ─▶ expectations, outputs ─▶ Lab

Rules: each part is looked at even where another has mistakes; they are all in the report.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

from netlab import outputs
from netlab.expectations import Expectation
from netlab.lab.hosts import Hosts
from netlab.lab.lab import Lab
from netlab.lab.links import Links
from netlab.lab.mistakes import Report, did_you_mean, quoted
from netlab.lab.model import LabFile
from netlab.lab.names import HOST, Names, check_word
from netlab.lab.nodes import Mapping, Node, Scalar, Sequence, child, key, near, plain
from netlab.lab.plan import Planner
from netlab.lab.typed import Typing, Use
from netlab.lab.words import Words
from netlab.presets import filled_in
from netlab.probes import PROBES
from netlab.spec import Capture, Host, Topology
from netlab.steps import Planned

TOLD = ("name", "title", "claim", "finding", "says", "requires", "takes")
"""The keys of a lab file that a Lab has as they are."""


@dataclass(frozen=True, kw_only=True)
class Played:
    """What a resolved tree no longer shows: kept under `played` in a definition."""

    variant: str | None = None
    variants: dict[str, str]
    parameters: dict[str, Any]
    lines: tuple[int, ...] = ()
    """The steps' lines in the lab file."""


def resolve(tree: Mapping, played: Played, folder: str, path: Path | None, words: Words, report: Report) -> Lab | None:
    """The lab of this tree; None where the report has mistakes."""
    names = Names.of(tree)
    fields = Typing(report).fields(LabFile, without_hosts(tree))
    hosts = check_hosts(tree, names, words, report)
    check_figures(tree, fields, report)
    if not names.hosts:  # that was told; what is said of hosts below would all be wrong
        return None
    links = Links(names, report)
    links.check(fields.get("switches", {}), fields.get("wires", {}), tree)
    names.plugged = links.plugged
    links.impaired(hosts, tree)
    steps = Planner(words, names, report, played.lines).plan(child(tree, "steps"))
    expectations = expect(child(tree, "expect"), words, names, report)
    asked = reports(child(tree, "outputs"), words, names, report)
    check_finding(tree, fields, names, report)
    if not len(report):
        links.impaired_by(steps, hosts, tree)
    if len(report):
        return None
    hosts = {name: filled_in(host) for name, host in hosts.items()}
    topology = Topology(
        hosts=bind_neighbours(hosts) if fields.get("neighbours") == "bound" else hosts,
        switches=fields.get("switches", {}),
        wires=fields.get("wires", {}),
        capture=fields.get("capture", Capture()),
        family=fields.get("family", "ipv4"),
        folder=folder,
        cables=tuple(dict.fromkeys(nic for planned in steps for nic in getattr(planned.doing, "cables", ()))),
    )
    return Lab(
        **{name: fields[name] for name in TOLD if name in fields},
        source=fields.get("source", {}),
        parameters=played.parameters,
        variant=played.variant,
        variants=played.variants,
        topology=topology,
        steps=steps,
        expectations=expectations,
        outputs=asked,
        definition=definition(tree, played, steps),
        path=path,
    )


def bind_neighbours(hosts: dict[str, Host]) -> dict[str, Host]:
    """The hosts, each holding every NIC on its networks as a permanent neighbour."""
    reach = {
        f"{host}.{name}": {ip_interface(ip).network for ip in nic.ip}
        for host, spec in hosts.items()
        for name, nic in spec.nics.items()
    }

    def near(host: str) -> tuple[str, ...]:
        own = set().union(*(networks for nic, networks in reach.items() if nic.partition(".")[0] == host))
        return tuple(nic for nic, networks in reach.items() if nic.partition(".")[0] != host and networks & own)

    return {
        host: replace(spec, neighbours=tuple(dict.fromkeys((*spec.neighbours, *near(host)))))
        for host, spec in hosts.items()
    }


def without_hosts(tree: Mapping) -> Mapping:
    """The tree with its hosts emptied: they are looked at one by one."""
    hosts = tree.items.get("hosts")
    return tree.with_("hosts", Mapping(line=hosts.line, column=hosts.column)) if isinstance(hosts, Mapping) else tree


def check_hosts(tree: Mapping, names: Names, words: Words, report: Report) -> dict[str, Host]:
    """Every host that has the right form, checked."""
    node = tree.items.get("hosts")
    if node is None:
        return {}
    if not isinstance(node, Mapping) or not node.items:
        if isinstance(node, Mapping) or (isinstance(node, Scalar) and node.nothing):
            report.wrong(key(tree, "hosts"), "no hosts", "a lab has at least one host")
        return {}
    checks = Hosts(report, tuple(names.nics))
    hosts: dict[str, Host] = {}
    for name, inner in node.items.items():
        if check_word(node.keys[name], HOST, "host", report) and name in words.reserved():
            report.wrong(node.keys[name], f"a host called {name}", "that word is a verb; give the host another name")
        host = Typing(report).build(Host, inner, name)
        if host is not None:
            hosts[name] = host
            checks.check(name, host, inner)
    return hosts


def check_figures(tree: Mapping, fields: dict[str, Any], report: Report) -> None:
    """The lab's name, the probes it requires, the capture's figures."""
    name = fields.get("name")
    if name is not None and not HOST.fullmatch(name):
        report.wrong(near(tree, "name"), f"{quoted(name)} is not a lab's name", "letters, digits, hyphens")
    for i, word in enumerate(fields.get("requires", ())):
        if word not in PROBES:
            report.wrong(near(tree, "requires", i), f"no probe {quoted(word)}", did_you_mean(word, PROBES.words))
    capture = fields.get("capture", Capture())
    if not 64 <= capture.snap <= 262144:
        report.wrong(near(tree, "capture", "snap"), f"snap {capture.snap}", "64 to 262144 bytes of each frame")
    if capture.ring is not None and not 1 << 16 <= capture.ring <= 1 << 30:
        report.wrong(near(tree, "capture", "ring"), f"a ring of {capture.ring} bytes", "64KiB to 1GiB")


def check_finding(tree: Mapping, fields: dict[str, Any], names: Names, report: Report) -> None:
    """What a finding is shown by must be there."""
    finding = fields.get("finding")
    expected = tree.items.get("expect")
    known = [*names.steps, *(expected.items if isinstance(expected, Mapping) else ())]
    if finding is not None and finding.shown_by not in (None, *known):
        allowed = did_you_mean(finding.shown_by, known, "step id or word of expect")
        at = near(tree, "finding", "shown_by")
        report.wrong(at, f"no step with the id {quoted(finding.shown_by)}, and no such word in expect", allowed)


def expect(node: Node | None, words: Words, names: Names, report: Report) -> tuple[Expectation, ...]:
    """Every expectation: the value of a word is one of them, or a list of them."""
    found: list[Expectation] = []
    if not isinstance(node, Mapping):
        return ()
    for word, value in node.items.items():
        if word not in words.expectations:
            allowed = did_you_mean(word, words.expectations.words, "expectation")
            report.wrong(node.keys[word], f"no expectation {quoted(word)}", allowed)
            continue
        for item in value.items if isinstance(value, Sequence) else (value,):
            typing_ = Typing(report)
            expectation = typing_.build(words.expectations[word], item, word)
            uses = typing_.take_uses()
            if expectation is not None:
                found.append(expectation)
                uses += mentioned(expectation, item)
            for use in uses:
                names.check(use, report)
    return tuple(found)


def reports(node: Node | None, words: Words, names: Names, report: Report) -> tuple[outputs.Report, ...]:
    """Every output that the lab asks for: the value of a word is one of them, or a list of them."""
    found: list[outputs.Report] = []
    if not isinstance(node, Mapping):
        return ()
    for word, value in node.items.items():
        kind = words.outputs[word] if word in words.outputs.words else None
        if kind is None or not issubclass(kind, outputs.Report):
            report.wrong(node.keys[word], f"no output {quoted(word)}", did_you_mean(word, words.reports(), "output"))
            continue
        for item in value.items if isinstance(value, Sequence) else (value,):
            typing_ = Typing(report)
            asked = typing_.build(kind, item, word)
            found += [] if asked is None else [asked]
            for use in typing_.take_uses():
                names.check(use, report)
    return tuple(found)


def mentioned(expectation: Expectation, node: Node) -> list[Use]:
    """Names inside the expectation's text, at their places in the file."""
    short = near(node, expectation.shorthand or "")
    if not isinstance(short, Scalar):
        return []
    return [
        Use(mention.kind, Scalar(mention.name, "", *short.spot(mention.line, mention.column)))
        for mention in expectation.mentions()
    ]


def definition(tree: Mapping, played: Played, steps: tuple[Planned, ...]) -> dict[str, Any]:
    """The resolved tree as JSON values, with what it no longer shows under `played`."""
    more = {
        "variant": played.variant,
        "variants": played.variants,
        "parameters": played.parameters,
        "lines": [planned.line for planned in steps],
    }
    return {**plain(tree), "played": more}
