"""Hosts that translate, filter and track: what the loader makes of them, and every mistake with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from netlab.lab.loading import from_definition, load, validate
from netlab.spec import Conntrack, Firewall, Nat
from netlab.units import Duration

LAB = """\
name: box
title: A router
hosts:
  router:
    nics: {wan: {ip: 10.77.0.254/24}, lan: {ip: 10.78.0.1/24}}
    forward: true
    nat: {inside: lan, outside: wan, kind: symmetric, ports: 4000-4999}
    firewall: {stateful: drop, inside: lan, open: 22}
    conntrack: {timeouts: {established: 2s, syn-sent: 1s}, loose: false}
switches: {out: [router.wan], home: [router.lan]}
steps:
  - forget: router
  - wait: {conntrack: {host: router, state: none, port: 9000}}
  - check: {conntrack: {host: router, state: ESTABLISHED, least: 1s}}
"""

MISTAKES = [
    ("    forward: true\n", "", "6:5: a host that translates must forward; write forward: true"),
    ("outside: wan", "outside: van", "7:33: no NIC 'van' here; did you mean wan?"),
    ("outside: wan", "outside: lan", "7:19: lan is inside and outside; a NIC is one of the two"),
    ("nat: {inside: lan", "nat: {inside: []", "7:19: nobody is inside; give the NICs"),
    ("inside: lan, outside", "inside: [lan, x], outside", "7:25: no NIC 'x' here; there are wan, lan"),
    ("4000-4999", "4999-4000", "7:62: '4999-4000' is no range of ports; write first and last port: 40000-40999"),
    ("4000-4999", "0-70000", "7:62: '0-70000' is no range of ports"),
    ("symmetric", "friendly", "7:44: kind: found 'friendly'; expected"),
    ("stateful: drop", "stateful: keep", "8:26: stateful: found 'keep'; expected"),
    ("stateful: drop, ", "", "8:15: stateful is missing"),
    ("open: 22", "open: 70000", "8:51: port 70000; a port is a number from 1 to 65535"),
    ("established: 2s", "established: 1500ms", "9:41: a timeout of 1.5 s; the kernel takes whole seconds, 1s or more"),
    ("established: 2s", "establishd: 2s", "9:28: unknown key 'establishd'"),
    ("state: none, port: 9000", "state: none, most: 2s", "13:23: conntrack: least and most belong to an entry"),
    ("host: router, state: ESTABLISHED", "host: ruter, state: ESTABLISHED", "14:31: no host 'ruter'; did you mean"),
    ("check: {", "check: {socket: none, ", "14:12: check: check takes one of socket"),
]


def saved(folder: Path, text: str) -> Path:
    file = folder / "lab.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_it_is_loaded_and_comes_back_from_its_definition(tmp_path: Path) -> None:
    lab = load(saved(tmp_path, LAB))
    host = lab.topology.hosts["router"]
    assert host.nat == Nat(inside=("lan",), outside="wan", kind="symmetric", ports="4000-4999")
    assert host.firewall == Firewall(stateful="drop", inside=("lan",), open=(22,))
    seconds = {"established": Duration(2 * 10**9), "syn-sent": Duration(10**9)}
    assert host.conntrack == Conntrack(timeouts=seconds, loose=False)  # type: ignore[arg-type]
    assert from_definition(lab.definition).topology.hosts == lab.topology.hosts


def test_what_it_needs_is_known_before_the_run(tmp_path: Path) -> None:
    lab = load(saved(tmp_path, LAB))
    assert {"nat", "conntrack"} <= set(lab.needs)


@pytest.mark.parametrize(("old", "new", "expected"), MISTAKES)
def test_a_mistake_is_told_where_it_stands(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in LAB
    file = saved(tmp_path, LAB.replace(old, new, 1))
    found = [mistake.text(str(file)).removeprefix(f"{file}:") for mistake in validate(file)]
    assert any(line.startswith(expected) for line in found), found


def test_who_tracks_nothing_has_nothing_to_set(tmp_path: Path) -> None:
    text = "\n".join(line for line in LAB.splitlines() if "nat:" not in line and "firewall:" not in line)
    found = [mistake.wrong for mistake in validate(saved(tmp_path, text))]
    assert found == ["this host tracks nothing"]
