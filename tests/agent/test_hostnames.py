"""The lab's names in /etc/hosts: in the lab's family, for programs only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import netlab
from netlab.agent.hostnames import text
from netlab.records import Output
from netlab.spec import Host, Nic, Topology

HOSTS = {
    "server": Host(nics={"eth0": Nic(ip=("10.0.0.1/24", "fd00::1/64")), "eth1": Nic(ip=("10.0.1.1/24",))}),
    "client": Host(nics={"eth0": Nic(ip=("10.0.0.2/24", "fd00::2/64"))}),
}


def test_a_name_stands_first_for_what_it_stands_for_in_a_lab_file() -> None:
    assert text(Topology(hosts=HOSTS)).splitlines()[2:] == [
        "10.0.0.1 server server.eth0",
        "10.0.1.1 server server.eth1",
        "10.0.0.2 client client.eth0",
    ]


def test_a_lab_over_ipv6_has_no_other_addresses() -> None:
    lines = text(Topology(hosts=HOSTS, family="ipv6")).splitlines()[2:]
    assert lines == ["fd00::1 server server.eth0", "fd00::2 client client.eth0"]


@pytest.mark.parametrize(("family", "address"), [("ipv4", "10.0.0.1"), ("ipv6", "fd00::1")])
def test_a_program_finds_the_hosts_of_its_lab_by_name(family: str, address: str, tmp_path: Path) -> None:
    before = Path("/etc/hosts").read_bytes()
    definition: dict[str, Any] = {
        "name": "names",
        "title": "A program looks a host up",
        "family": family,
        "hosts": {
            "server": {"nics": {"eth0": {"ip": ["10.0.0.1/24", "fd00::1/64"]}}},
            "client": {
                "nics": {"eth0": {"ip": ["10.0.0.2/24", "fd00::2/64"]}},
                "programs": {"it": {"argv": ["getent", "ahosts", "server"]}},
            },
        },
        "switches": {"sw": ["server.eth0", "client.eth0"]},
        "steps": [{"start": "client.it"}, {"wait": {"exit": "client.it"}}],
        "expect": {"exit": "client.it"},
    }
    record = netlab.run(definition, out=tmp_path / "run")
    assert record.verdict is netlab.Verdict.PASS, record.sentence
    assert {output.line.split()[0] for output in record.of(Output)} == {address}
    assert Path("/etc/hosts").read_bytes() == before
