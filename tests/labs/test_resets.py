"""The labs about RST: a claim that Linux refutes must fail, with the packet, the counter or the call named."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import netlab
from netlab.lab import from_definition
from netlab.records import Verdict
from tests.labs.contrary import LABS, claimed, definition


def refuted(name: str, out: Path, expect: dict[str, Any], **parameters: str) -> str:
    """Play a lab with these expectations and parameters instead of its own: the explanation of what failed."""
    changed = {**definition(name), "expect": expect, "variants": {}}
    changed["parameters"] = {**changed["parameters"], **parameters}
    record = netlab.run(from_definition(changed, folder=LABS / name), out=out)
    assert record.verdict is Verdict.FAIL, record.sentence
    return " ".join(check.explanation for check in record.checks if check.verdict is Verdict.FAIL)


def test_the_firewalls_rst_is_not_of_the_hosts_tcp(tmp_path: Path) -> None:
    asked = {"counters": {"host": "server", "name": "TcpOutRsts", "least": 1}}
    assert "TcpOutRsts of server rose by 0" in refuted("rst-closed-port", tmp_path / "run", asked, port="rst")


def test_a_refused_connect_does_not_show_that_an_rst_came(tmp_path: Path) -> None:
    asked = {"reset": {"from": "server", "flags": "R."}}
    assert "no RST: server sent none" in refuted("rst-closed-port", tmp_path / "run", asked, port="icmp-port")


def test_a_close_with_data_unread_sends_no_fin(tmp_path: Path) -> None:
    script = definition("rst-close-unread")["expect"]["wire"].replace("server > client  R.", "server > client  F.")
    why = claimed("rst-close-unread", tmp_path / "run", {"wire": script})
    assert re.search(r"server sent an RST that the script does not have here: packet \d+ \(TCP_ABORT_ON_CLOSE\)", why)


def test_what_had_come_before_the_rst_is_not_taken_away(tmp_path: Path) -> None:
    steps = definition("rst-close-unread", "answered")["steps"]
    lab = {**definition("rst-close-unread"), "variants": {}, "expect": {"never": {"flags": "F"}}}
    lab["steps"] = [*steps[:-2], {"id": "reads", "client": {"receive": {"error": "ECONNRESET"}}}]
    record = netlab.run(from_definition(lab, folder=LABS / "rst-close-unread"), out=tmp_path / "run")
    assert record.verdict is Verdict.FAIL and "receive gave success where ECONNRESET was expected" in record.sentence


def test_a_close_with_linger_zero_leaves_no_time_wait(tmp_path: Path) -> None:
    asked = {"socket": {"host": "server", "peer": "client", "state": "TIME-WAIT", "at": "gone"}}
    assert "TIME-WAIT" in claimed("rst-linger-zero", tmp_path / "run", asked)


def test_with_rfc1337_the_old_duplicate_does_not_end_time_wait(tmp_path: Path) -> None:
    asked = {"socket": {"host": "client", "peer": "server", "state": "none", "at": "after"}}
    assert "TIME-WAIT" in refuted("time-wait-assassination", tmp_path / "run", asked, rfc1337="1")


def test_an_rst_beyond_the_expected_number_does_not_reset(tmp_path: Path) -> None:
    asked = {"socket": {"host": "client", "peer": "server", "state": "none", "at": "forged"}}
    assert "ESTABLISHED" in refuted("challenge-ack", tmp_path / "run", asked)
