"""The labs about the handshake and about half-close: over both families, and with the contrary of what they found.

Each contrary claim must fail, and its explanation must name what was seen instead.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import netlab
from netlab.lab import load, variants
from netlab.records import Call, Exit, Verdict
from tests.labs.contrary import LABS, claimed, definition

NAMES = (
    "three-way-handshake",
    "handshake-carries-data",
    "half-close",
    "half-close-eof",
    "half-close-still-acks",
    "half-close-md5sum",
)
EACH = [(name, variant) for name in NAMES for variant in (None, *variants(LABS / name / "lab.yaml"))]


@pytest.mark.parametrize(("name", "variant"), EACH)
def test_it_passes_over_ipv6(name: str, variant: str | None, tmp_path: Path) -> None:
    record = netlab.run(load(LABS / name / "lab.yaml", variant, {"family": "ipv6"}), out=tmp_path / "run")
    wrong = [check for check in record.checks if check.verdict is not Verdict.PASS]
    assert record.verdict is Verdict.PASS and not wrong, wrong


def test_md5sum_is_the_real_one(tmp_path: Path) -> None:
    """What came back is what the program makes of another text, and of no other sum."""
    other = {"text": "world", "sum": "7d793037a0760186574b0282f2f435e7"}
    record = netlab.run(load(LABS / "half-close-md5sum" / "lab.yaml", parameters=other), out=tmp_path / "run")
    assert record.verdict is Verdict.PASS, record.sentence
    assert [(end.endpoint, end.status) for end in record.of(Exit)] == [("server.md5sum", 0)]
    assert any(call.result.get("bytes") == f"{other['sum']}  -\n" for call in record.of(Call))


def test_a_wrong_sum_fails_and_names_both(tmp_path: Path) -> None:
    lab = load(LABS / "half-close-md5sum" / "lab.yaml", parameters={"sum": "0" * 32})
    record = netlab.run(lab, out=tmp_path / "run")
    assert record.verdict is Verdict.FAIL
    said = " ".join(check.explanation for check in record.checks if check.verdict is Verdict.FAIL)
    assert "5d41402abc4b2a76b9719d911017c592" in said and "0" * 32 in said


def test_md5sum_does_not_answer_before_the_fin(tmp_path: Path) -> None:
    script = definition("half-close-md5sum", "no-shutdown")["expect"]["wire"]
    sum_line = next(line for line in script.splitlines() if "as sum" in line)
    early = script.replace(sum_line + "\n", "").replace(
        "-- client-closes --", "server > client  P. len=36\n-- client-closes --"
    )
    why = claimed(
        "half-close-md5sum", tmp_path / "run", {"wire": early.replace("seq=seq(sum)+len(sum)", "")}, "no-shutdown"
    )
    assert re.search(r"packet \d+", why)


def test_a_plain_connect_leaves_the_third_segment_bare(tmp_path: Path) -> None:
    script = definition("handshake-carries-data", "quickack-off")["expect"]["wire"]
    why = claimed("handshake-carries-data", tmp_path / "run", {"wire": script})
    assert re.search(r"packet \d+", why) and "hello" in why


def test_the_bare_third_segment_does_not_connect_a_deferring_server(tmp_path: Path) -> None:
    asked = {"host": "server", "peer": "client", "state": "ESTABLISHED", "at": "deferred"}
    why = claimed("handshake-carries-data", tmp_path / "run", {"socket": asked}, "defer-accept")
    assert "SYN-RECV" in why


def test_accept_puts_nothing_on_the_wire(tmp_path: Path) -> None:
    script = definition("three-way-handshake", "no-accept")["expect"]["wire"] + "server > client  .\n"
    why = claimed("three-way-handshake", tmp_path / "run", {"wire": script}, "no-accept")
    assert why == "no ACK: the client never sent after accept"


def test_connect_does_not_return_before_the_handshake(tmp_path: Path) -> None:
    asked = {"program": "client.app", "line": "returned", "since": "lost", "most": "500ms"}
    why = claimed("three-way-handshake", tmp_path / "run", {"output": asked})
    assert re.search(r"client\.app wrote it .* after lost began", why)


def test_send_does_not_tell_of_the_fin(tmp_path: Path) -> None:
    asked = {"step": "server-talks", "error": "EPIPE"}
    why = claimed("half-close-eof", tmp_path / "run", {"call": asked}, "unread")
    assert "send gave success where EPIPE was expected" in why


def test_the_closed_side_does_not_fall_silent(tmp_path: Path) -> None:
    asked = {"from": "server", "flags": ".", "after": "client-talks"}
    why = claimed("half-close-still-acks", tmp_path / "run", {"never": asked})
    assert re.search(r"packet \d+ at .* server > client \. ", why)
