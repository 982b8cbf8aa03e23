"""Topologies with more than one network: routers that forward, wires, trunks, several NICs, over both families."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import netlab
from netlab.records import Segment

ROUTED: dict[str, Any] = {
    "name": "routed",
    "title": "client, a wire, a router, two switches with a trunk, server",
    "parameters": {"family": "ipv4"},
    "family": "${family}",
    "hosts": {
        "client": {
            "nics": {"eth0": {"ip": ["10.1.0.2/24", "fd01::2/64"]}},
            "routes": [{"to": "default", "via": "10.1.0.1"}, {"to": "default", "via": "fd01::1"}],
        },
        "router": {
            "nics": {
                "left": {"ip": ["10.1.0.1/24", "fd01::1/64"]},
                "right": {"ip": ["10.2.0.1/24", "fd02::1/64"]},
            },
            "forward": True,
        },
        "server": {
            "nics": {"eth0": {"ip": ["10.2.0.2/24", "fd02::2/64"]}},
            "routes": [{"to": "default", "via": "10.2.0.1"}, {"to": "default", "via": "fd02::1"}],
        },
    },
    "wires": {"uplink": ["client.eth0", "router.left"]},
    "switches": {"near": ["router.right", "far"], "far": ["server.eth0"]},
    "steps": [
        {"server": {"listen": "9000"}},
        {"client": {"connect": "server:9000"}},
        {"server": {"accept": {}}},
        {"client": {"send": "hello"}},
        {"server": {"receive": "hello"}},
        {"unplug": {"nic": "router.right", "how": "down"}},
        {"replug": "router.right"},
        {"client": {"send": "again"}},
        {"server": {"receive": "again"}},
        {"unplug": {"nic": "router.left", "how": "remove"}},
        {"replug": "router.left"},
        {"client": {"send": "and again"}},
        {"server": {"receive": "and again"}},
    ],
    "expect": {"never": {"flags": "R"}},
}


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_a_segment_is_seen_all_the_way_through_a_router(family: str, tmp_path: Path) -> None:
    record = netlab.run(ROUTED, parameters={"family": family}, out=tmp_path / "run")
    assert record.verdict is netlab.Verdict.PASS, record.sentence
    hello = next(segment for segment in record.of(Segment) if segment.payload == b"hello")
    assert list(hello.packets) == [
        "client.eth0",
        "uplink:client.eth0",
        "uplink:router.left",
        "router.left",
        "router.right",
        "near:router.right",
        "near:far",
        "far:near",
        "far:server.eth0",
        "server.eth0",
    ]
    assert (hello.from_, hello.to) == ("client", "server")
    assert hello.arrived_ns is not None and hello.lost_after is None


def test_a_wire_goes_dark_at_both_ends(tmp_path: Path) -> None:
    definition = {**ROUTED, "steps": [], "expect": {}}
    with netlab.open(definition, out=tmp_path / "run") as lab:
        lab.do({"server": {"listen": 9000}})
        lab.do({"unplug": {"nic": "router.left", "how": "down"}})
        lab.do({"client": {"connect": {"to": "server:9000", "within": "100ms", "error": "TIMEOUT"}}})
        lab.do({"replug": "router.left"})
        lab.do({"client": {"connect": {"to": "server:9000", "socket": "second"}}})
    assert lab.record.verdict is netlab.Verdict.PASS, lab.record.sentence
