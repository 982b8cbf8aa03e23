"""The labs about how a connection ends: over both families, and with the claims that Linux refutes put in their place.

Each claim here is what a document says, written as the expectation that would confirm it. The lab must fail then, and
its explanation must name what was seen instead: the packet, the call, the socket.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import netlab
from netlab.lab import load
from netlab.records import Verdict
from tests.labs.contrary import LABS, claimed, definition

NAMES = (
    "four-way-close",
    "three-segment-close",
    "talkative-server",
    "send-after-peer-close",
    "sigpipe",
    "close-vs-shutdown",
    "shutdown-read",
    "close-refcount",
    "time-wait",
)
TALKING = {
    None: "TCP_TIMEWAIT_SOCKET",
    "at-once": "TCP_ABORT_ON_DATA",
    "whole-socket": "TCP_ABORT_ON_DATA",
    "forgotten": "NO_SOCKET",
}


@pytest.mark.parametrize("name", NAMES)
def test_it_passes_over_ipv6(name: str, tmp_path: Path) -> None:
    record = netlab.run(load(LABS / name / "lab.yaml", parameters={"family": "ipv6"}), out=tmp_path / "run")
    wrong = [check for check in record.checks if check.verdict is not Verdict.PASS]
    assert record.verdict is Verdict.PASS and not wrong, wrong


@pytest.mark.parametrize("variant", TALKING)
def test_one_and_the_same_rst_for_three_reasons(variant: str | None, tmp_path: Path) -> None:
    record = netlab.run(load(LABS / "talkative-server" / "lab.yaml", variant), out=tmp_path / "run")
    assert [(reset.flags, reset.reason) for reset in record.resets] == [("R", TALKING[variant])]


def test_four_segments_are_not_what_a_quick_server_sends(tmp_path: Path) -> None:
    script = definition("three-segment-close")["expect"]["wire"].replace(
        "server > client  F.", "server > client  .   ack=seq(first)+1\nserver > client  F."
    )
    why = claimed("three-segment-close", tmp_path / "run", {"wire": script})
    assert re.search(r"line 8 is missing: packet \d+ fits the line after it", why)


def test_the_server_cannot_go_on_talking(tmp_path: Path) -> None:
    why = claimed("talkative-server", tmp_path / "run", {"never": {"from": "client", "flags": "R"}})
    assert re.search(r"packet \d+ at .* client > server R ", why)


def test_the_first_send_does_not_fail(tmp_path: Path) -> None:
    why = claimed("send-after-peer-close", tmp_path / "run", {"call": {"step": "first-send", "error": "EPIPE"}})
    assert "send gave success where EPIPE was expected" in why


def test_the_first_recv_does_not_fail(tmp_path: Path) -> None:
    why = claimed("send-after-peer-close", tmp_path / "run", {"call": {"step": "first-recv", "error": "ECONNRESET"}})
    assert "receive gave success where ECONNRESET was expected" in why


def test_nothing_is_reset_after_shut_rd(tmp_path: Path) -> None:
    why = claimed("shutdown-read", tmp_path / "run", {"reset": {"from": "server", "after": "talk"}})
    assert "no RST: server sent none after talk" in why


def test_tcp_fin_timeout_is_not_how_long_time_wait_lasts(tmp_path: Path) -> None:
    asked = {
        "host": "server",
        "peer": "client",
        "state": "TIME-WAIT",
        "timer": "time-wait",
        "most": "5s",
        "at": "timer",
    }
    why = claimed("time-wait", tmp_path / "run", {"socket": asked})
    assert "TIME-WAIT, timer time-wait" in why and "most 5 s was expected" in why


def test_a_closed_descriptor_sends_no_fin(tmp_path: Path) -> None:
    script = definition("close-refcount")["expect"]["wire"].replace(
        "-- close-one --\n", "-- close-one --\nserver > client  F.\n"
    )
    why = claimed("close-refcount", tmp_path / "run", {"wire": script})
    assert re.search(r"line 7 is missing: packet \d+ fits the line after it", why)
