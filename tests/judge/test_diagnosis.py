"""Half-open, or an impostor: one test for each row of the table that the diagnosis stands on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from netlab.judge.diagnosis import Diagnosis, diagnose, explain_reset
from netlab.records import Address, Reset, SocketInfo, SocketTable, Step, Verdict, record_from_json
from netlab.steps.half_open import HalfOpen
from netlab.steps.impostor import Impostor
from tests.judge.builder import CLIENT, SERVER, STARTS, Builder, half_open, ns, planned

LOOK = 2
IMPOSTORS = sorted((Path(__file__).parents[1] / "data").glob("impostor-*.record.json"))
"""What real runs of the half-open lab's look-alikes left behind; the file's name says which it is."""


def looked(*states: str, inode: int = 1) -> Builder:
    """Connected; at 730 ms the client held the first state, the server the second ("" for no socket)."""
    run = Builder()
    run.hello()
    run.step(730, 731, LOOK, "half-open client", "look")
    run.look(730, LOOK, *states, inode=inode)
    return run


def diagnosed(run: Builder) -> Diagnosis:
    return diagnose(run.record(), "client", "server", LOOK)


def test_established_alone_is_half_open() -> None:
    found = diagnosed(half_open())
    assert found.kind == "half-open"
    assert found.sentence == (
        "the connection was half-open: at 0.730 s client was ESTABLISHED while server held no socket for it"
    )
    assert found.evidence[1] == "sockets of server at 0.730100 s: none"


def test_a_silent_one_stays_half_open() -> None:
    assert diagnosed(looked("ESTABLISHED", "")).kind == "half-open"


@pytest.mark.parametrize("state", ["FIN-WAIT-1", "CLOSING", "LAST-ACK"])
def test_an_orphan_that_still_closes_is_no_half_open_connection(state: str) -> None:
    found = diagnosed(looked("ESTABLISHED", state, inode=0))
    assert (found.kind, f"the orphan of it in {state}" in found.sentence) == ("orphan", True)


def test_a_program_that_closes_itself_is_no_orphan() -> None:
    assert diagnosed(looked("ESTABLISHED", "FIN-WAIT-1", inode=5)).kind == "peer-alive"


def test_a_peer_that_holds_the_connection_is_alive() -> None:
    run = looked("ESTABLISHED", "ESTABLISHED")
    assert diagnosed(run).kind == "peer-alive"
    assert "paused" not in diagnosed(run).sentence
    run.fault(10, 11, 0, "pause", "inject", "server")
    assert diagnosed(run).sentence.endswith("its program only paused")
    run.fault(20, 21, 1, "pause", "heal", "server")
    assert "paused" not in diagnosed(run).sentence


def test_a_connection_nobody_accepted_yet_is_alive() -> None:
    assert diagnosed(looked("ESTABLISHED", "ESTABLISHED", inode=0)).kind == "peer-alive"


def test_a_handshake_is_not_half_open_in_this_sense() -> None:
    assert diagnosed(looked("ESTABLISHED", "SYN-RECV", inode=0)).kind == "not-connected"


@pytest.mark.parametrize("state", ["FIN-WAIT-2", "TIME-WAIT"])
def test_a_peer_whose_fin_was_acknowledged_has_told(state: str) -> None:
    assert diagnosed(looked("ESTABLISHED", state, inode=0)).kind == "fin-escaped"


def test_a_survivor_in_close_wait_was_told() -> None:
    run = looked("CLOSE-WAIT", "")
    run.segment(725, "server", "F.", 1, 6)
    found = diagnosed(run)
    assert (found.kind, "packet 6 at 0.725000 s" in found.evidence) == ("fin-escaped", True)


def test_a_fin_that_waited_and_escapes_before_the_answer_makes_it_an_impostor() -> None:
    run = looked("ESTABLISHED", "")
    run.segment(735, "server", "F.", 1, 6)
    run.segment(740, "client", "P.", 6, 1, b"world")
    run.segment(740.1, "server", "R", 1)
    found = diagnosed(run)
    assert (found.kind, "waited, and then reached client (packet 6 at" in found.sentence) == ("fin-escaped", True)


def test_a_fin_that_never_arrived_does_not_count() -> None:
    run = looked("ESTABLISHED", "")
    run.segment(735, "server", "F.", 1, 6, arrived_ns=None)
    assert diagnosed(run).kind == "half-open"


def test_a_fin_after_the_answer_is_another_story() -> None:
    run = half_open()
    run.segment(750, "server", "F.", 1, 6)
    assert diagnosed(run).kind == "half-open"


@pytest.mark.parametrize("flags", ["F.", "R"])
def test_what_reached_the_survivor_before_the_look_counts(flags: str) -> None:
    run = looked("ESTABLISHED", "")
    run.segment(600, "server", flags, 1, 6)
    assert diagnosed(run).kind == "fin-escaped"


def test_an_earlier_connection_of_the_same_four_tuple_does_not_count() -> None:
    run = looked("ESTABLISHED", "")
    run.segment(0.5, "server", "F.", 1, 6)
    assert diagnosed(run).kind == "half-open"


def test_a_forged_segment_is_not_the_peers() -> None:
    run = looked("ESTABLISHED", "")
    run.segment(600, "server", "R", 99, injected=True)
    assert diagnosed(run).kind == "half-open"


def test_both_ends_without_a_socket_have_both_given_up() -> None:
    assert diagnosed(looked("", "")).kind == "gone-both"


def test_a_survivor_without_a_socket_is_no_survivor() -> None:
    assert diagnosed(looked("", "ESTABLISHED")).kind == "not-connected"
    run = looked("", "")
    run.events = [event for event in run.events if isinstance(event, SocketTable)]
    assert diagnosed(run).kind == "not-connected"


def test_a_survivor_that_closes_itself_is_no_survivor() -> None:
    assert diagnosed(looked("FIN-WAIT-1", "")).kind == "not-connected"


def test_a_listener_of_the_peer_is_no_socket_of_the_connection() -> None:
    assert diagnosed(looked("ESTABLISHED", "", "LISTEN")).kind == "half-open"


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_reading_that_is_missing_makes_it_unknown(lost: int) -> None:
    run = looked("ESTABLISHED", "")
    tables = [event for event in run.events if isinstance(event, SocketTable)]
    run.events.remove(tables[lost])
    assert diagnosed(run).kind == "unknown"


def test_readings_of_another_step_do_not_count() -> None:
    run = looked("ESTABLISHED", "")
    run.events = [replace(e, step=1) if isinstance(e, SocketTable) else e for e in run.events]
    assert diagnosed(run).kind == "unknown"


def test_what_was_read_when_the_step_had_ended_does_not_disturb() -> None:
    run = looked("ESTABLISHED", "")
    run.table(732, LOOK, "server", "ESTABLISHED")
    run.table(732.1, LOOK, "client")
    assert diagnosed(run).kind == "half-open"


def test_another_socket_of_the_same_four_tuple_makes_it_unknown() -> None:
    run = looked("ESTABLISHED", "")
    tables = [event for event in run.events if isinstance(event, SocketTable)]
    run.events.remove(tables[2])
    run.table(730.2, LOOK, "client", "ESTABLISHED", cookie=99)
    assert diagnosed(run).kind == "unknown"


def test_a_change_during_the_look_makes_it_unknown() -> None:
    run = looked("ESTABLISHED", "")
    tables = [event for event in run.events if isinstance(event, SocketTable)]
    run.events.remove(tables[2])
    run.table(730.2, LOOK, "client", "CLOSE-WAIT")
    assert (diagnosed(run).kind, "ESTABLISHED to CLOSE-WAIT" in diagnosed(run).sentence) == ("unknown", True)


def test_a_connection_that_the_wire_never_showed_makes_it_unknown() -> None:
    """So it is while the lab is still being played: the wire is read at the end."""
    run = looked("ESTABLISHED", "")
    run.events = [event for event in run.events if isinstance(event, SocketTable)]
    assert diagnosed(run).kind == "unknown"


@pytest.mark.parametrize("witness", ["wire", "clock"])
def test_a_wire_with_holes_makes_half_open_unknown_but_not_the_orphan(witness: str) -> None:
    run, orphan = looked("ESTABLISHED", ""), looked("ESTABLISHED", "FIN-WAIT-1", inode=0)
    for each in (run, orphan):
        each.trouble(witness, "2 packets dropped")
    assert (diagnosed(run).kind, diagnosed(orphan).kind) == ("unknown", "orphan")


def test_several_connections_need_a_port() -> None:
    run = looked("ESTABLISHED", "")
    other = SocketInfo("ESTABLISHED", Address(CLIENT.ip, 5), Address(SERVER.ip, 9001), 77, 1)
    run.events = [
        replace(e, sockets=(*e.sockets, other)) if isinstance(e, SocketTable) and e.host == "client" else e
        for e in run.events
    ]
    assert diagnosed(run).kind == "unknown"
    assert diagnose(run.record(), "client", "server", LOOK, 9000).kind == "half-open"


def test_ipv4_addresses_of_an_ipv6_socket_are_the_same_connection() -> None:
    run = looked("ESTABLISHED", "ESTABLISHED")
    mapped = Address(f"::ffff:{SERVER.ip}", 9000)
    run.events = [
        replace(e, sockets=tuple(replace(row, local=mapped) for row in e.sockets))
        if isinstance(e, SocketTable) and e.host == "server"
        else e
        for e in run.events
    ]
    assert diagnosed(run).kind == "peer-alive"


@pytest.mark.parametrize(
    ("states", "kind", "verdict"),
    [
        (("ESTABLISHED", "FIN-WAIT-1"), "orphan", Verdict.PASS),
        (("ESTABLISHED", "FIN-WAIT-1"), "peer-alive", Verdict.FAIL),
        (("ESTABLISHED", ""), "orphan", Verdict.FAIL),
        (("CLOSE-WAIT", ""), "fin-escaped", Verdict.PASS),
        (("ESTABLISHED", "ESTABLISHED"), "peer-alive", Verdict.PASS),
    ],
)
def test_the_impostor_step_passes_for_that_impostor_only(states: tuple[str, str], kind: str, verdict: Verdict) -> None:
    run = looked(*states, inode=0)
    step = Impostor(survivor="client", peer="server", kind=kind)  # type: ignore[arg-type]
    (check,) = step.judge(planned(LOOK, "step", "impostor", step, "impostor client"), run.record())
    assert (check.verdict, bool(check.explanation), len(check.evidence) >= 3) == (verdict, True, True)


@pytest.mark.parametrize(
    ("states", "verdict"),
    [(("ESTABLISHED", ""), Verdict.PASS), (("ESTABLISHED", "FIN-WAIT-1"), Verdict.FAIL), (("", ""), Verdict.FAIL)],
)
def test_the_half_open_step_passes_for_a_half_open_connection_only(states: tuple[str, str], verdict: Verdict) -> None:
    step = HalfOpen(survivor="client", peer="server")
    planned_step = planned(LOOK, "step", "half-open", step, "half-open client")
    (check,) = step.judge(planned_step, looked(*states, inode=0).record())
    assert check.verdict is verdict
    run = Builder()
    (check,) = step.judge(planned_step, run.record())
    assert (check.verdict, check.seen) == (Verdict.UNKNOWN, "not played")


def explained(run: Builder) -> str:
    record = run.record()
    return explain_reset(record, record.resets[-1])


def test_an_rst_of_a_half_open_connection_is_explained() -> None:
    assert explained(half_open()) == (
        'packet 7: server sent R to "world" (packet 6): it knew nothing of the connection any more and had never said '
        "so: a half-open connection (NO_SOCKET)"
    )


def test_an_rst_to_a_closed_port_is_explained() -> None:
    run = Builder()
    run.segment(1, "client", "S", 0)
    run.reset(run.segment(1.1, "server", "R.", 0, 1, absolute=0), answers=1)
    assert explained(run).endswith(
        "to the SYN, packet 1: it had no socket there: nobody listened, and there had been no connection (NO_SOCKET)"
    )


def test_an_rst_after_a_fin_is_no_half_open_connection() -> None:
    run = Builder()
    run.hello()
    run.segment(20, "server", "F.", 1, 6)
    run.segment(30, "client", "P.", 6, 2, b"late")
    run.reset(run.segment(30.1, "server", "R", 2), answers=7)
    assert "had given the connection up and said so (FIN, packet 6)" in explained(run)


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("TCP_ABORT_ON_DATA", "an orphan"),
        ("TCP_ABORT_ON_CLOSE", "before it had read all"),
        ("TCP_STATE", "SO_LINGER 0"),
        ("TCP_TIMEWAIT_SOCKET", "TIME-WAIT"),
        ("TCP_KEEPALIVE_TIMEOUT", "keepalive probes"),
        ("MPTCP_RST_EPROHIBIT", "the kernel's reason is MPTCP_RST_EPROHIBIT"),
    ],
)
def test_each_reason_has_its_sentence(reason: str, words: str) -> None:
    run = half_open()
    run.resets = [replace(run.resets[0], reason=reason, reason_by="counters")]
    assert words in explained(run)
    assert explained(run).endswith("the reason follows from the counters and the socket table")


def test_an_rst_without_a_reason_says_why() -> None:
    run = half_open()
    run.resets = [replace(run.resets[0], reason=None, why_unknown="Linux before 6.10 does not say")]
    assert explained(run).endswith("unknown (Linux before 6.10 does not say)")
    run.fault(735, 736, 9, "reject", "inject", "server")
    assert "firewall" in explained(run)


def test_an_injected_rst_is_nobodys() -> None:
    run = half_open()
    rst = run.segment(800, "server", "R", 9, injected=True)
    run.resets = [Reset(rst.time_ns, "server", "client", "R", rst.seq, rst.packet)]
    assert "a step of the lab put it on the wire" in explained(run)


def test_the_builders_numbers_are_what_they_seem() -> None:
    """The RST's seq is the ack of "world", in absolute numbers too."""
    rst = half_open().resets[0]
    assert (rst.seq, rst.time_ns) == (STARTS["server"] + 1, ns(740.1))


@pytest.mark.parametrize("path", IMPOSTORS, ids=lambda path: path.stem)
def test_a_real_impostor_is_told_from_a_half_open_connection(path: Path) -> None:
    record = record_from_json(json.loads(path.read_text()))
    kind = path.name.removeprefix("impostor-").removesuffix(".record.json").removesuffix("-rootless")
    look = next(step.index for step in record.of(Step) if step.text.startswith("impostor"))
    found = diagnose(record, "client", "server", look)
    assert (found.kind, found.evidence != ()) == (kind, True), found
    step = HalfOpen(survivor="client", peer="server")
    (check,) = step.judge(planned(look, "step", "half-open", step, "half-open client"), record)
    assert (check.verdict, check.explanation) == (Verdict.FAIL, found.sentence)
