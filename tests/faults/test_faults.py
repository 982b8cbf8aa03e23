"""Each fault once against the real kernel: it is in effect when inject returns, and everything is back after heal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import netlab
from netlab.errors import LabError, StepError
from netlab.faults import FAULTS
from netlab.records import Exit, Fault, Frame, RunRecord, Segment
from tests.faults.lab import DEFINITION, connected, connections, say


def segments(record: RunRecord, **wanted: Any) -> list[Segment]:
    return [
        segment
        for segment in record.of(Segment)
        if all(getattr(segment, name) == value for name, value in wanted.items())
    ]


def moment(record: RunRecord, fault: str, action: str) -> Fault:
    return next(event for event in record.of(Fault) if (event.fault, event.action) == (fault, action))


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
@pytest.mark.parametrize("how", ["remove", "down", "cable"])
def test_unplug_lets_nothing_through_and_replug_restores_the_connection(how: str, family: str, tmp_path: Path) -> None:
    with connected(tmp_path / "run", family) as lab:
        lab.do({"unplug": {"nic": "server.eth0", "how": how}})
        lab.do({"replug": "server.eth0"})
        say(lab, "world")
    out, back = moment(lab.record, "unplug", "inject"), moment(lab.record, "unplug", "heal")
    assert not [s for s in lab.record.of(Segment) if out.end_ns < s.time_ns < back.time_ns]
    world = segments(lab.record, payload=b"world")
    assert len(world) == 1, "the first segment after replug was lost to a link that was not ready"
    assert world[0].arrived_ns is not None


@pytest.mark.parametrize("how", ["remove", "down", "cable"])
def test_replug_restores_routes_neighbours_and_sysctls_and_can_be_repeated(how: str, tmp_path: Path) -> None:
    with connected(tmp_path / "run") as lab:
        for round_ in range(3):
            lab.do({"unplug": {"nic": "server.eth0", "how": how}})
            lab.do({"replug": "server.eth0"})
            say(lab, f"round {round_}")
    faults = lab.record.of(Fault)
    assert [event.action for event in faults] == ["inject", "heal"] * 3
    assert not [frame for frame in lab.record.of(Frame) if "who-has" in frame.text and frame.from_ == "server"]


def test_a_carrier_lost_nic_is_seen_as_lost_and_nothing_is_forgotten(tmp_path: Path) -> None:
    with connected(tmp_path / "run") as lab:
        lab.do({"unplug": {"nic": "server.eth0", "how": "cable"}})
        lab.do({"client": {"send": "lost"}})
        lab.do({"replug": "server.eth0"})
        lab.do({"server": {"receive": "lost"}})
    lost = segments(lab.record, payload=b"lost")
    assert lost[0].arrived_ns is None
    assert lost[-1].arrived_ns is not None


def test_kill_is_a_real_sigkill_and_the_kernel_sends_the_fin(tmp_path: Path) -> None:
    with connected(tmp_path / "run") as lab:
        lab.do({"kill": "server"})
        lab.do({"client": {"receive": {"eof": True}}})
    assert [(event.endpoint, event.signal) for event in lab.record.of(Exit)] == [("server", "SIGKILL")]
    assert next(s.from_ for s in lab.record.of(Segment) if "F" in s.flags) == "server"


def test_restart_starts_killed_programs_again(tmp_path: Path) -> None:
    with connected(tmp_path / "run") as lab:
        lab.do({"start": "server.sleeper"})
        lab.do({"kill": "server.sleeper"})
        lab.do({"restart": "server.sleeper"})
        lab.do({"stop": "server.sleeper"})
    ends = [event.signal for event in lab.record.of(Exit) if event.endpoint == "server.sleeper"]
    assert ends == ["SIGKILL", "SIGTERM"]


def test_a_paused_server_is_acknowledged_for_by_its_kernel(tmp_path: Path) -> None:
    with connected(tmp_path / "run") as lab:
        lab.do({"pause": "server"})
        lab.do({"client": {"send": "anyone?"}})
        lab.do({"wait": {"segment": {"from": "server", "to": "client", "flags": "."}}})
        lab.do({"resume": "server"})
        lab.do({"server": {"receive": "anyone?"}})
    assert lab.record.verdict is netlab.Verdict.PASS


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_power_off_sends_no_segment_and_boot_brings_an_empty_host(family: str, tmp_path: Path) -> None:
    with connected(tmp_path / "run", family) as lab:
        lab.do({"power-off": "server"})
        assert connections(lab, "server") == []
        assert [row.state for row in connections(lab, "client")] == ["ESTABLISHED"]
        lab.do({"boot": "server"})
        lab.do({"client": {"send": "world"}})
        lab.do({"client": {"receive": {"error": "ECONNRESET"}}})
    off = moment(lab.record, "power-off", "inject")
    resets = lab.record.resets
    assert [(reset.flags, reset.reason) for reset in resets] == [("R", "NO_SOCKET")]
    assert [s.flags for s in lab.record.of(Segment) if s.from_ == "server" and s.time_ns > off.time_ns] == ["R"]


def test_a_host_that_was_booted_can_listen_again(tmp_path: Path) -> None:
    with connected(tmp_path / "run") as lab:
        lab.do({"power-off": "server"})
        lab.do({"boot": "server"})
        lab.do({"server": {"listen": 9000}})
        lab.do({"client": {"connect": {"to": "server:9000", "socket": "again"}}})
        lab.do({"server": {"accept": {}}})
    assert lab.record.verdict is netlab.Verdict.PASS


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
@pytest.mark.parametrize("direction", ["both", "in", "out"])
def test_partition_loses_segments_on_the_path(direction: str, family: str, tmp_path: Path) -> None:
    with connected(tmp_path / "run", family) as lab:
        lab.do({"partition": {"host": "server", "peer": "client", "direction": direction}})
        lab.do({"client": {"send": "lost"}})
        sender = "server" if direction == "out" else "client"
        lab.do({"wait": {"segment": {"from": sender, "to": "client" if sender == "server" else "server"}}})
        lab.do({"join": "server"})
        lab.do({"server": {"receive": "lost"}})
        say(lab, "found")
    cut, joined = moment(lab.record, "partition", "inject"), moment(lab.record, "partition", "heal")
    during = [s for s in lab.record.of(Segment) if cut.end_ns < s.time_ns < joined.time_ns]
    arrived = {s.from_ for s in during if s.arrived_ns is not None}
    assert arrived == {"both": set(), "in": set(), "out": {"client"}}[direction]
    assert all(s.lost_after == f"switch:{s.from_}.eth0" for s in during if s.arrived_ns is None)


def test_partition_of_one_port_leaves_the_others(tmp_path: Path) -> None:
    with connected(tmp_path / "run") as lab:
        lab.do({"partition": {"host": "server", "peer": "client", "port": 9999}})
        say(lab, "unharmed")
    assert lab.record.verdict is netlab.Verdict.PASS


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
@pytest.mark.parametrize("direction", ["both", "in", "out"])
def test_hold_keeps_segments_waiting_and_release_delivers_each_once(
    direction: str, family: str, tmp_path: Path
) -> None:
    with connected(tmp_path / "run", family) as lab:
        lab.do({"hold": {"host": "server", "peer": "client", "direction": direction}})
        lab.do({"client": {"send": "first"}})
        lab.do({"client": {"send": "second"}})
        sender = "server" if direction == "out" else "client"
        lab.do({"wait": {"segment": {"from": sender, "to": "client" if sender == "server" else "server"}}})
        lab.do({"release": "server"})
        lab.do({"server": {"receive": "firstsecond"}})
        say(lab, "after")
    held, released = moment(lab.record, "hold", "inject"), moment(lab.record, "hold", "heal")
    during = [s for s in lab.record.of(Segment) if held.end_ns < s.time_ns < released.time_ns]
    waited = {s.from_ for s in during if s.arrived_ns and s.arrived_ns > released.time_ns}
    assert waited and waited == {s.from_ for s in during} - {{"in": "server", "out": "client"}.get(direction)}
    every = lab.record.of(Segment)
    assert all(s.sent_ns and s.arrived_ns and not s.injected and len(s.packets) == 6 for s in every), every
    for host in ("server", "client"):
        arrivals = [s.arrived_ns or 0 for s in every if s.from_ == host]
        assert arrivals == sorted(arrivals), "in order"


def test_a_segment_repeated_during_a_hold_is_held_as_one_of_its_own(tmp_path: Path) -> None:
    with connected(tmp_path / "run") as lab:
        lab.do({"hold": {"host": "server", "peer": "client"}})
        lab.do({"client": {"send": "twice"}})
        lab.do({"wait": {"segment": {"from": "client", "to": "server", "payload": "twice", "count": 2}}})
        lab.do({"release": "server"})
        lab.do({"server": {"receive": "twice"}})
    repeated = segments(lab.record, payload=b"twice")
    released = moment(lab.record, "hold", "heal")
    assert len(repeated) >= 2 and all((s.arrived_ns or 0) > released.time_ns for s in repeated[:2])


def test_the_newest_hold_takes_what_comes_and_each_is_released_by_its_own_name(tmp_path: Path) -> None:
    with connected(tmp_path / "run") as lab:
        lab.do({"id": "one", "hold": {"host": "server", "peer": "client"}})
        lab.do({"client": {"send": "question"}})
        lab.do({"id": "two", "hold": {"host": "server", "peer": "client"}})
        lab.do({"heal": "one"})
        lab.do({"server": {"receive": "question"}})
        lab.do({"heal": "two"})
        say(lab, "after")
    ends = [fault.time_ns for fault in lab.record.of(Fault) if fault.action == "heal"]
    (question,) = segments(lab.record, payload=b"question")
    answer = next(s for s in lab.record.of(Segment) if s.from_ == "server" and s.time_ns > ends[0])
    assert ends[0] < (question.arrived_ns or 0) < ends[1] < (answer.arrived_ns or 0)


def test_what_is_held_when_the_run_ends_was_never_delivered(tmp_path: Path) -> None:
    with connected(tmp_path / "run") as lab:
        lab.do({"hold": "server"})
        lab.do({"client": {"send": "too late"}})
        lab.do({"wait": {"segment": {"from": "client", "to": "server", "payload": "too late"}}})
    assert segments(lab.record, payload=b"too late")[0].arrived_ns is None


def test_hold_of_one_port_leaves_the_others(tmp_path: Path) -> None:
    with connected(tmp_path / "run") as lab:
        lab.do({"hold": {"host": "server", "peer": "client", "port": 9999}})
        say(lab, "unharmed")
    assert lab.record.verdict is netlab.Verdict.PASS


def test_hold_refuses_a_host_whose_frames_are_not_what_a_wire_carries(tmp_path: Path) -> None:
    server = {**DEFINITION["hosts"]["server"], "offloads": True}
    definition = {**DEFINITION, "hosts": {**DEFINITION["hosts"], "server": server}}
    with netlab.open(definition, out=tmp_path / "run") as lab, pytest.raises(StepError, match="leave `offloads` out"):
        lab.do({"hold": "server"})


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_reject_answers_with_an_rst_that_no_tcp_sent(family: str, tmp_path: Path) -> None:
    with connected(tmp_path / "run", family) as lab:
        lab.do({"reject": {"host": "server", "peer": "client", "answer": "rst", "port": 9000}})
        lab.do({"client": {"send": "world"}})
        lab.do({"client": {"receive": {"error": "ECONNRESET"}}})
        assert [row.state for row in connections(lab, "server")] == ["ESTABLISHED"], "the server knows nothing of it"
    assert [(reset.from_, reset.reason) for reset in lab.record.resets] == [("server", None)]
    assert lab.record.resets[0].why_unknown


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_reject_with_icmp_refuses_a_connection(family: str, tmp_path: Path) -> None:
    with connected(tmp_path / "run", family) as lab:
        lab.do({"reject": {"host": "server", "answer": "icmp-port", "port": 9001}})
        lab.do({"client": {"connect": {"to": "server:9001", "socket": "other", "error": "ECONNREFUSED"}}})
        lab.do({"accept-again": "server"})
        lab.do({"server": {"listen": {"port": 9001, "socket": "second"}}})
        lab.do({"client": {"connect": {"to": "server:9001", "socket": "third"}}})
    assert lab.record.verdict is netlab.Verdict.PASS, lab.record.checks
    assert [frame for frame in lab.record.of(Frame) if "unreachable" in frame.text]


def test_a_step_that_is_wrong_is_the_users_mistake_and_the_lab_lives_on(tmp_path: Path) -> None:
    with connected(tmp_path / "run") as lab:
        with pytest.raises(LabError, match=r"sever"):
            lab.do({"unplug": "sever.eth0"})
        with pytest.raises(StepError, match="nobody"):
            lab.do({"client": {"send": {"text": "x", "socket": "nobody"}}})
        say(lab, "still here")
    assert json.loads((tmp_path / "run" / "record.json").read_text())["lab"] == "struck"


def test_every_fault_has_an_example_a_healing_and_a_test_in_this_folder() -> None:
    here = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    for word, fault in FAULTS.all().items():
        assert fault.example and fault.healing and fault.__doc__
        assert f'"{word}":' in here, f"{word} is not tested"
