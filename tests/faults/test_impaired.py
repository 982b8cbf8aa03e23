"""Faults of a NIC's cable: impair, mtu, black-hole; and all the others on links that are impaired."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import netlab
from netlab.api import OpenLab
from netlab.errors import LabError, NeedError, StepError
from netlab.lab import from_definition
from netlab.needs import probe_needs
from netlab.probes import PROBES
from netlab.records import Cable, Frame, RunRecord, Segment, Step, Verdict
from tests.faults.lab import DEFINITION, connected, say
from tests.faults.test_faults import moment, segments

KB = 10**3
LONG = 80 * 10**6
"""Ten segments, what TCP sends before it is answered (RFC 6928), take 190 ms at 400 kbit/s and 12 ms at 10 Mbit/s."""


def waited(record: RunRecord, step: str) -> int:
    """The longest time that a segment of what was read in this step was under way: the kernel's own, in ns."""
    begin, end = (next(event for event in record.of(Step) if event.name == name) for name in (f"send-{step}", step))
    sent = [s for s in segments(record, from_="client") if begin.time_ns < s.time_ns < end.end_ns and s.length]
    return max(s.arrived_ns - s.sent_ns for s in sent if s.arrived_ns and s.sent_ns)


def reading(lab: OpenLab, name: str, size: int) -> None:
    """Send so many bytes from client to server, and read them in a step of this name."""
    lab.do({"id": f"send-{name}", "client": {"send": {"size": size}}})
    lab.do({"id": name, "server": {"receive": {"size": size, "within": "20s"}}})


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
@pytest.mark.parametrize(("nic", "direction"), [("client.eth0", "out"), ("server.eth0", "in"), ("server.eth0", "both")])
def test_impair_holds_a_link_to_a_bandwidth_until_it_is_repaired(
    nic: str, direction: str, family: str, tmp_path: Path
) -> None:
    limited = {"rate": "200kbit", "queue": "1MB", "burst": "3100"}
    with connected(tmp_path / "run", family) as lab:
        lab.do({"impair": {"nic": nic, "direction": direction, "bandwidth": limited}})
        reading(lab, "limited", 20 * KB)
        lab.do({"repair": nic})
        reading(lab, "free", 20 * KB)
    assert waited(lab.record, "limited") > LONG > waited(lab.record, "free")
    assert not [s for s in lab.record.of(Segment) if s.copies or s.injected]


@pytest.mark.parametrize("order", [("one", "other"), ("other", "one")])
def test_impairments_stack_and_each_can_be_repaired_first(order: tuple[str, str], tmp_path: Path) -> None:
    with connected(tmp_path / "run") as lab:
        for name, rate in (("one", "10mbit"), ("other", "400kbit")):
            lab.do({"id": name, "impair": {"nic": "client.eth0", "bandwidth": {"rate": rate, "queue": "1MB"}}})
        reading(lab, "both", 20 * KB)
        lab.do({"heal": order[0]})
        reading(lab, "left", 20 * KB)
        lab.do({"heal": order[1]})
        reading(lab, "free", 20 * KB)
    assert waited(lab.record, "both") > LONG > waited(lab.record, "free")
    assert (waited(lab.record, "left") > LONG) == (order[0] == "one")


def test_what_no_rate_is_left_for_is_lost_in_the_cable(tmp_path: Path) -> None:
    with connected(tmp_path / "run") as lab:
        tight = {"rate": "8kbit", "queue": "1600", "burst": "1600"}
        lab.do({"impair": {"nic": "client.eth0", "direction": "out", "bandwidth": tight}})
        lab.do({"client": {"send": {"size": 10 * KB}}})
        lab.do({"wait": {"segment": {"from": "client", "to": "server"}}})
        lab.do({"repair": "client.eth0"})
        lab.do({"server": {"receive": {"size": 10 * KB}}})
    lost = [s for s in lab.record.of(Segment) if s.arrived_ns is None]
    assert lost and {s.lost_after for s in lost} == {"client.eth0:switch"}
    assert all(s.sent_ns is not None for s in lost)
    (cable,) = (cable for cable in lab.record.of(Cable) if cable.dropped)
    assert (cable.nic, cable.way, set(cable.dropped)) == ("client.eth0", "outbound", {"queue"})
    assert cable.dropped["queue"] >= len(lost)  # hosts speak of other things, too


@pytest.mark.parametrize("how", ["remove", "down", "cable"])
@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_every_fault_of_the_path_works_on_links_with_a_bandwidth(how: str, family: str, tmp_path: Path) -> None:
    hosts = {
        name: {**host, "nics": {"eth0": {**host["nics"]["eth0"], "link": {"bandwidth": "10mbit"}}}}
        for name, host in DEFINITION["hosts"].items()
    }
    with netlab.open({**DEFINITION, "hosts": hosts}, parameters={"family": family}, out=tmp_path / "run") as lab:
        lab.do({"server": {"listen": 9000}})
        lab.do({"client": {"connect": "server:9000"}})
        lab.do({"server": {"accept": {}}})
        lab.do({"unplug": {"nic": "server.eth0", "how": how}})
        lab.do({"impair": {"nic": "server.eth0", "bandwidth": "5mbit"}})
        lab.do({"replug": "server.eth0"})
        say(lab, "plugged in again")
        lab.do({"hold": {"host": "server", "peer": "client", "direction": "in"}})
        lab.do({"client": {"send": "held"}})
        lab.do({"wait": {"segment": {"from": "client", "to": "server"}}})
        lab.do({"release": "server"})
        lab.do({"server": {"receive": "held"}})
        lab.do({"partition": {"host": "server", "direction": "out"}})
        say(lab, "one way")
        lab.do({"join": "server"})
        lab.do({"server": {"send": "acknowledged"}})
        lab.do({"client": {"receive": "acknowledged"}})
        lab.do({"repair": "server.eth0"})
        lab.do({"power-off": "server"})
        lab.do({"boot": "server"})
        lab.do({"client": {"send": "who is there"}})
        lab.do({"client": {"receive": {"error": "ECONNRESET"}}})
    held, released = segments(lab.record, payload=b"held"), moment(lab.record, "hold", "heal")
    assert held and all(s.arrived_ns and s.arrived_ns > released.time_ns for s in held)
    cut, whole = moment(lab.record, "partition", "inject"), moment(lab.record, "partition", "heal")
    swallowed = [s for s in segments(lab.record, from_="server") if cut.end_ns < s.time_ns < whole.time_ns]
    assert swallowed and {(s.arrived_ns, s.lost_after) for s in swallowed} == {(None, "switch:server.eth0")}
    assert lab.record.verdict is Verdict.PASS


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_mtu_loses_what_is_larger_and_tells_nobody(family: str, tmp_path: Path) -> None:
    with connected(tmp_path / "run", family) as lab:
        lab.do({"mtu": {"nic": "server.eth0", "size": 1300}})
        say(lab, "small")
        lab.do({"client": {"send": {"size": 1400}}})
        lab.do({"wait": {"segment": {"from": "client", "to": "server"}}})
        lab.do({"widen": "server.eth0"})
        lab.do({"server": {"receive": {"size": 1400}}})
    large = [s for s in lab.record.of(Segment) if s.length == 1400]
    assert large[0].arrived_ns is None and large[-1].arrived_ns is not None
    assert not [frame for frame in lab.record.of(Frame) if frame.protocol.startswith("icmp") and "big" in frame.text]


def test_a_host_knows_the_mtu_of_its_nic(tmp_path: Path) -> None:
    with connected(tmp_path / "run") as lab:
        lab.do({"mtu": {"nic": "client.eth0", "size": 1290, "where": "nic"}})
        lab.do({"client": {"send": {"size": 1400}}})
        lab.do({"server": {"receive": {"size": 1400}}})
        lab.do({"widen": "client.eth0"})
        with pytest.raises(StepError, match="IPv6 needs 1280 bytes"):
            lab.do({"mtu": {"nic": "client.eth0", "size": 1279, "where": "nic"}})
    assert max(s.length for s in lab.record.of(Segment)) < 1290


ROUTED: dict[str, Any] = {
    "name": "routed",
    "title": "A path that narrows behind a router",
    "hosts": {
        "client": {
            "nics": {"eth0": {"ip": ["10.8.0.2/24", "fd08::2/64"]}},
            "routes": [{"to": "10.9.0.0/24", "via": "10.8.0.1"}, {"to": "fd09::/64", "via": "fd08::1"}],
        },
        "router": {
            "forward": True,
            "nics": {
                "near": {"ip": ["10.8.0.1/24", "fd08::1/64"]},
                "far": {"ip": ["10.9.0.1/24", "fd09::1/64"], "mtu": 1300},
            },
        },
        "server": {
            "nics": {"eth0": {"ip": ["10.9.0.2/24", "fd09::2/64"]}},
            "routes": [{"to": "10.8.0.0/24", "via": "10.9.0.1"}, {"to": "fd08::/64", "via": "fd09::1"}],
        },
    },
    "switches": {"left": ["client.eth0", "router.near"], "right": ["router.far", "server.eth0"]},
    "parameters": {"family": "ipv4"},
    "family": "${family}",
}


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
@pytest.mark.parametrize("what", ["too-big", "errors"])
def test_in_a_black_hole_a_sender_is_not_told_until_it_is(what: str, family: str, tmp_path: Path) -> None:
    with netlab.open(ROUTED, parameters={"family": family}, out=tmp_path / "run") as lab:
        lab.do({"server": {"listen": 9000}})
        lab.do({"client": {"connect": "server:9000"}})
        lab.do({"server": {"accept": {}}})
        lab.do({"black-hole": {"host": "client", "what": what}})
        lab.do({"client": {"send": {"size": 1400}}})
        lab.do({"background": "read", "server": {"receive": {"size": 1400, "within": "20s"}}})
        lab.do({"wait": {"segment": {"from": "client", "to": "server", "flags": "P.", "count": 2}}})
        lab.do({"tell-again": "client"})
        lab.do({"finish": "read"})
    hole = moment(lab.record, "black-hole", "heal")
    told = [f for f in lab.record.of(Frame) if f.protocol.startswith("icmp") and ("frag" in f.text or "big" in f.text)]
    before = [frame for frame in told if frame.time_ns < hole.time_ns]
    assert before and before != told, "the router said so both times"
    large = [s for s in lab.record.of(Segment) if s.length == 1400]
    assert large and all(s.arrived_ns is None for s in large)
    assert max(s.length for s in lab.record.of(Segment) if s.arrived_ns) < 1300


def impaired(**fault: Any) -> dict[str, Any]:
    return {**DEFINITION, "steps": [{"impair": {"nic": "server.eth0", **fault}}]}


def test_what_an_impairment_needs_follows_from_what_it_asks() -> None:
    assert from_definition(impaired(bandwidth="1mbit")).needs == ("tbf",)
    assert from_definition(impaired(loss="1%")).needs == ("netem",)
    assert from_definition(impaired(delay="1ms", bandwidth="1mbit")).needs == ("netem", "tbf")


def test_only_nics_that_a_fault_will_impair_get_a_cable_of_their_own() -> None:
    assert from_definition(impaired(bandwidth="1mbit")).topology.own_cables() == ("server.eth0",)
    assert from_definition({**DEFINITION, "steps": [{"unplug": "server.eth0"}]}).topology.own_cables() == ()


@pytest.mark.parametrize(
    "lab",
    [
        impaired(loss="1%"),
        {
            **DEFINITION,
            "hosts": {
                **DEFINITION["hosts"],
                "client": {"nics": {"eth0": {"ip": ["10.9.0.2/24", "fd09::2/64"], "link": "satellite"}}},
            },
        },
    ],
    ids=["fault", "link"],
)
def test_before_a_run_a_kernel_without_netem_is_told_with_the_remedy(lab: dict[str, Any]) -> None:
    finding = PROBES["netem"]().probe()
    if finding.status == "yes":
        probe_needs(from_definition(lab))
        return
    with pytest.raises(NeedError, match=r"lacks netem .*sch_netem"):
        probe_needs(from_definition(lab))


@pytest.mark.parametrize(
    ("step", "wrong"),
    [
        ({"impair": "server.eth0"}, "nothing is impaired"),
        ({"impair": {"nic": "server.eth1", "loss": "1%"}}, "no NIC 'server.eth1'"),
        ({"impair": {"nic": "server.eth0", "loss": "101%"}}, "more than the whole"),
        ({"mtu": {"nic": "server.eth0", "size": 67}}, "give 68 to 65535"),
        ({"mtu": "server.eth0"}, "size is missing"),
        ({"black-hole": "nobody"}, "no host 'nobody'"),
    ],
)
def test_mistakes_are_told_before_the_run(step: dict[str, Any], wrong: str) -> None:
    with pytest.raises(LabError, match=wrong):
        from_definition({**DEFINITION, "steps": [step]})


def test_netem_is_refused_where_a_host_leaves_its_segments_uncut(tmp_path: Path) -> None:
    hosts = {**DEFINITION["hosts"], "client": {**DEFINITION["hosts"]["client"], "offloads": True}}
    with netlab.open({**DEFINITION, "hosts": hosts}, out=tmp_path / "run") as lab:
        with pytest.raises(StepError, match="client leaves checksums and segmentation"):
            lab.do({"mtu": {"nic": "server.eth0", "size": 1300}})
        lab.do({"impair": {"nic": "server.eth0", "bandwidth": "1mbit"}})
