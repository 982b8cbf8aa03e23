"""What each expectation passes, fails and leaves open."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from netlab.errors import Mistake
from netlab.expectations import EXPECTATIONS, Expectation
from netlab.expectations.call import Call
from netlab.expectations.counters import Counters
from netlab.expectations.exit import Exit
from netlab.expectations.never import Never
from netlab.expectations.output import Output
from netlab.expectations.reset import Reset
from netlab.expectations.socket import Socket
from netlab.expectations.wire import Wire
from netlab.judge.script import ScriptError
from netlab.records import Check, RunRecord, Verdict
from netlab.records import Exit as Ended
from netlab.records import Output as Written
from netlab.units import Duration
from tests.judge.builder import CLIENT, SERVER, Builder, half_open, ns

PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN


def check(expectation: Expectation, run: Builder | RunRecord) -> Check:
    """Its only check."""
    (found,) = expectation.judge(run.record() if isinstance(run, Builder) else run)
    assert found.name
    assert found.expected
    assert found.verdict is PASS or found.explanation, "what is not passed explains itself"
    return found


# --- the folder ---


@pytest.mark.parametrize("word", EXPECTATIONS.words)
def test_every_expectation_describes_itself_and_its_fields(word: str) -> None:
    import dataclasses

    kind = EXPECTATIONS[word]
    assert kind.__doc__
    assert kind.example.startswith(f"{word}:")
    assert all(field.metadata.get("description") for field in dataclasses.fields(kind))


# --- wire ---


def test_a_wire_script_is_read_when_it_is_made() -> None:
    with pytest.raises(ScriptError) as caught:
        Wire(script="client > server Q")
    assert [(m.line, m.column) for m in caught.value.mistakes if isinstance(m, Mistake)] == [(1, 17)]


def test_a_wire_script_mentions_hosts_and_barriers() -> None:
    mentions = Wire(script="client > any S\n-- replug --").mentions()
    assert [(m.kind, m.name, m.line, m.column) for m in mentions] == [
        ("host", "client", 1, 1),
        ("barrier", "replug", 2, 1),
    ]


# --- reset ---


@pytest.mark.parametrize(
    ("asked", "verdict", "why"),
    [
        ({}, PASS, '"world" (packet 6) was answered by RST (NO_SOCKET), packet 7'),
        ({"to": "client", "flags": "R", "reason": "NO_SOCKET", "rule": True, "count": 1}, PASS, ""),
        ({"after": "replug"}, PASS, ""),
        ({"after": "read"}, FAIL, "no RST: server sent none after read"),
        ({"flags": "R."}, FAIL, "packet 7: its flags are R, not R."),
        (
            {"reason": "TCP_ABORT_ON_DATA"},
            FAIL,
            "its reason is NO_SOCKET, not TCP_ABORT_ON_DATA; packet 7: server",
        ),
        ({"count": 2}, FAIL, "1 such RSTs, not 2"),
        ({"count": 0}, FAIL, "1 such RSTs, not 0"),
        ({"from_": "client"}, FAIL, "no RST: client sent none"),
        ({"to": "elsewhere"}, FAIL, "no RST"),
        ({"after": "nowhere"}, UNKNOWN, "nowhere was not played"),
    ],
)
def test_reset(asked: dict[str, Any], verdict: Verdict, why: str) -> None:
    found = check(Reset(**{"from_": "server", **asked}), half_open())
    assert (found.verdict, why in found.explanation) == (verdict, True), found


@pytest.mark.parametrize(
    ("reasons", "verdict"),
    [
        (("TCP_ABORT_ON_DATA", "NO_SOCKET"), PASS),
        (("TCP_ABORT_ON_DATA", "TCP_TIMEWAIT_SOCKET"), FAIL),
        ((), PASS),  # no reason is asked for
    ],
)
def test_one_of_several_reasons_will_do(reasons: tuple[str, ...], verdict: Verdict) -> None:
    found = check(Reset(from_="server", reason=reasons), half_open())
    assert found.verdict is verdict
    if verdict is FAIL:
        assert "not TCP_ABORT_ON_DATA or TCP_TIMEWAIT_SOCKET" in found.explanation


def test_a_reason_that_follows_from_the_counters_counts_and_is_told() -> None:
    run = half_open()
    run.resets = [replace(run.resets[0], reason_by="counters")]
    found = check(Reset(from_="server", reason="NO_SOCKET"), run)
    assert (found.verdict, "follows from the counters" in found.explanation) == (PASS, True)


def test_a_reason_that_nobody_can_tell_is_unknown_where_it_is_asked_for() -> None:
    run = half_open()
    run.resets = [replace(run.resets[0], reason=None, reason_by=None, why_unknown="Linux 6.1 does not say")]
    found = check(Reset(from_="server", reason="NO_SOCKET"), run)
    assert (found.verdict, "Linux 6.1 does not say" in found.explanation) == (UNKNOWN, True)
    assert check(Reset(from_="server", flags="R", rule=True), run).verdict is PASS
    assert check(Reset(from_="server", flags="R.", reason="NO_SOCKET"), run).verdict is FAIL


def test_one_of_several_resets_is_enough_unless_they_are_counted() -> None:
    run = half_open()
    run.reset(run.segment(760, "server", "R", 1), reason="TCP_ABORT_ON_DATA")
    assert check(Reset(from_="server", reason="NO_SOCKET"), run).verdict is PASS
    assert check(Reset(from_="server", reason="NO_SOCKET", count=1), run).verdict is PASS
    assert check(Reset(from_="server", count=1), run).verdict is FAIL


def test_the_rule_of_rfc_9293_with_ack() -> None:
    """<SEQ=SEG.ACK><CTL=RST>"""
    for field, wrong in (({"seq": 2}, "its seq is"), ({"flags": "R.", "ack": 6}, "its flags are R.; packet 1 has ACK")):
        run = Builder()
        run.segment(1, "client", "P.", 6, 1, b"world")
        rst = run.segment(1.1, "server", **{"flags": "R", "seq": 1, **field})  # type: ignore[arg-type]
        run.reset(rst)
        found = check(Reset(from_="server", rule=True), run)
        assert (found.verdict, wrong in found.explanation) == (FAIL, True), found


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({"ack": 1, "absolute": 0}, PASS),
        ({"ack": 1, "absolute": 5}, FAIL),
        ({"ack": 0, "absolute": 0}, FAIL),
        ({"flags": "R", "absolute": 0}, FAIL),
    ],
)
def test_the_rule_of_rfc_9293_without_ack(fields: dict[str, Any], verdict: Verdict) -> None:
    """<SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>, where SYN counts as one."""
    run = Builder()
    run.segment(1, "client", "S", 0)
    run.reset(run.segment(1.1, "server", **{"flags": "R.", "seq": 0, **fields}))
    assert check(Reset(from_="server", rule=True), run).verdict is verdict


def test_an_rst_that_answers_nothing_breaks_the_rule() -> None:
    run = Builder()
    run.reset(run.segment(1.1, "server", "R.", 0, 0))
    assert check(Reset(from_="server", rule=True), run).verdict is FAIL


def test_a_record_that_contradicts_itself_is_unknown() -> None:
    run = half_open()
    run.resets = [replace(run.resets[0], packet=6)]
    found = check(Reset(from_="server"), run)
    assert (found.verdict, "contradicts itself" in found.explanation) == (UNKNOWN, True)


# --- never ---


@pytest.mark.parametrize(
    ("asked", "verdict"),
    [
        ({"from_": "server", "flags": "F"}, PASS),
        ({"flags": "R"}, FAIL),
        ({"flags": "R", "from_": "client"}, PASS),
        ({"flags": "R", "to": "server"}, PASS),
        ({"flags": "R."}, PASS),
        ({"flags": "R", "before": "look"}, PASS),
        ({"flags": "R", "after": "look"}, FAIL),
        ({"flags": "R", "after": "read"}, PASS),
        ({"flags": "S", "after": "pull"}, PASS),
        ({"payload": "orl"}, FAIL),
        ({"payload": "orl", "from_": "server"}, PASS),
        ({"from_": "server", "after": "pull", "before": "look"}, PASS),
        ({"flags": "R", "after": "nowhere"}, UNKNOWN),
    ],
)
def test_never(asked: dict[str, Any], verdict: Verdict) -> None:
    found = check(Never(**asked), half_open())
    assert found.verdict is verdict, found
    assert (verdict is FAIL) == bool(found.evidence)


@pytest.mark.parametrize(("witness", "seen"), [("wire", FAIL), ("clock", FAIL)])
def test_absence_needs_a_witness_that_missed_nothing(witness: str, seen: Verdict) -> None:
    run = half_open()
    run.trouble(witness, "holes")
    assert check(Never(flags="F"), run).verdict is UNKNOWN
    assert check(Never(flags="R"), run).verdict is seen
    run = half_open()
    run.more["interrupted"] = "Ctrl-C"
    assert check(Never(flags="F"), run).verdict is UNKNOWN


def test_a_clock_that_was_set_puts_windows_in_doubt() -> None:
    run = half_open()
    run.trouble("clock", "set")
    assert check(Never(flags="R", after="look"), run).verdict is UNKNOWN


def test_never_refuses_flags_that_are_none() -> None:
    with pytest.raises(ValueError, match="no flags; tcpdump"):
        Never(flags="Q")


# --- socket ---


@pytest.mark.parametrize(
    ("asked", "verdict"),
    [
        ({"host": "client", "state": "ESTABLISHED", "at": "step 4"}, PASS),
        ({"host": "client", "state": "ESTABLISHED", "at": "step 4", "peer": "server", "port": 9000}, PASS),
        ({"host": "client", "state": "ESTABLISHED", "at": "step 4", "port": 9001}, FAIL),
        ({"host": "client", "state": "none", "at": "step 4", "port": 9001}, PASS),
        ({"host": "client", "state": "none", "at": "step 4"}, FAIL),
        ({"host": "client", "state": "CLOSE-WAIT", "at": "look"}, FAIL),
        ({"host": "server", "state": "none", "at": "look"}, PASS),
        ({"host": "server", "state": "none", "at": "step 4"}, UNKNOWN),
        ({"host": "client", "state": "ESTABLISHED", "at": "nowhere"}, UNKNOWN),
    ],
)
def test_socket(asked: dict[str, Any], verdict: Verdict) -> None:
    found = check(Socket(**asked), half_open())
    assert found.verdict is verdict, found
    assert (verdict is UNKNOWN) != bool(found.evidence)


def test_a_listener_is_no_connection() -> None:
    run = half_open()
    run.table(732.5, 3, "server", "LISTEN")
    assert check(Socket(host="server", state="none", at="step 4"), run).verdict is PASS
    assert check(Socket(host="server", state="LISTEN", at="step 4"), run).verdict is PASS


@pytest.mark.parametrize(
    ("asked", "verdict"),
    [
        ({"timer": "time-wait", "least": Duration(59 * 10**9)}, PASS),
        ({"timer": "time-wait", "most": Duration(59 * 10**9)}, FAIL),
        ({"timer": "none"}, FAIL),
    ],
)
def test_socket_judges_its_timer(asked: dict[str, Any], verdict: Verdict) -> None:
    run = half_open()
    run.table(732.5, 3, "client", "TIME-WAIT")
    run.timer(3, "client", "time-wait", 60_000)
    found = check(Socket(host="client", state="TIME-WAIT", at="step 4", **asked), run)
    assert (found.verdict, found.seen) == (verdict, f"{CLIENT} > {SERVER} TIME-WAIT, timer time-wait 60 s"), found


# --- call ---


@pytest.mark.parametrize(
    ("asked", "verdict", "why"),
    [
        ({"step": "read", "error": "ECONNRESET"}, PASS, ""),
        ({"step": "read"}, FAIL, "receive gave ECONNRESET where success was expected"),
        ({"step": "read", "error": "ECONNRESET", "most": Duration(ns(0.1))}, PASS, ""),
        ({"step": "read", "error": "ECONNRESET", "most": Duration(ns(0.05))}, FAIL, "took 100 µs"),
        ({"step": "read", "error": "ECONNRESET", "least": Duration(ns(5))}, FAIL, "took 100 µs"),
        ({"step": "read", "error": "ECONNRESET", "since": "pull", "least": Duration(ns(732))}, PASS, ""),
        ({"step": "read", "error": "ECONNRESET", "since": "pull", "most": Duration(ns(700))}, FAIL, "after pull began"),
        ({"step": "read", "error": "ECONNRESET", "since": "nowhere", "least": Duration(1)}, UNKNOWN, "not played"),
        ({"step": "step 5", "size": 5}, PASS, ""),
        ({"step": "step 5", "size": 6}, FAIL, "returned size 5, not 6"),
        ({"step": "step 5", "eof": True}, FAIL, "returned eof False, not True"),
        ({"step": "step 5", "bytes": "x"}, FAIL, "returned bytes None, not 'x'"),
        ({"step": "look"}, UNKNOWN, "left no call"),
        ({"step": "nowhere"}, UNKNOWN, "was not played"),
    ],
)
def test_call(asked: dict[str, Any], verdict: Verdict, why: str) -> None:
    found = check(Call(**asked), half_open())
    assert (found.verdict, why in found.explanation) == (verdict, True), found


def test_a_call_returns_text() -> None:
    run = Builder()
    run.step(1, 2, 0, "server: receive", "read")
    run.call(1, 2, 0, "server", "receive", result={"bytes": "h\xc3\xa9", "size": 3, "eof": True})
    assert check(Call(step="read", bytes="hé", size=3, eof=True), run).verdict is PASS


def test_a_signal_is_an_outcome() -> None:
    run = Builder()
    run.step(1, 2, 0, "server: send", "write")
    run.call(1, 2, 0, "server", "send", signal="SIGPIPE")
    assert check(Call(step="write", signal="SIGPIPE"), run).verdict is PASS
    assert check(Call(step="write", error="EPIPE"), run).verdict is FAIL


# --- counters ---


def counted() -> Builder:
    """Read at 0, 15, 725 and 800 ms."""
    run = half_open()
    for at, step, value in ((0, -1, 0), (15, 0, 2), (725, 1, 5), (800, 5, 6)):
        run.counters(at, step, "server", **({"TcpOutRsts": value} if value else {}))
    return run


@pytest.mark.parametrize(
    ("asked", "verdict"),
    [
        ({"delta": 6}, PASS),
        ({"delta": 5}, FAIL),
        ({"least": 6, "most": 6}, PASS),
        ({"least": 7}, FAIL),
        ({"most": 5}, FAIL),
        # pull began at 10 ms: the readings at 0 and 15 ms leave 4 to 6 open
        ({"after": "pull", "least": 4}, PASS),
        ({"after": "pull", "least": 7}, FAIL),
        ({"after": "pull", "delta": 4}, UNKNOWN),
        ({"after": "pull", "before": "step 2", "most": 5}, PASS),
        ({"after": "pull", "before": "step 2", "least": 6}, FAIL),
        ({"after": "nowhere", "delta": 1}, UNKNOWN),
        ({"name": "TcpExtTCPAbortOnData", "delta": 0}, PASS),
        ({"host": "client", "delta": 0}, UNKNOWN),
    ],
)
def test_counters(asked: dict[str, Any], verdict: Verdict) -> None:
    found = check(Counters(**{"host": "server", "name": "TcpOutRsts", **asked}), counted())
    assert found.verdict is verdict, found


@pytest.mark.parametrize(
    ("begin", "verdict"),
    [
        (12.1, PASS),  # read when the step was over
        (11.9, UNKNOWN),  # begun before its end: some counters may lack its last moments
    ],
)
def test_a_reading_counts_after_a_step_when_it_began_after_it(begin: float, verdict: Verdict) -> None:
    run = counted()
    run.events = [event for event in run.events if getattr(event, "kind", "") != "counters"]
    run.counters(9, -1, "server")
    run.counters(12.3, 0, "server", TcpOutRsts=2)
    run.events[-1] = replace(run.events[-1], begin_ns=ns(begin))
    run.counters(725, 1, "server", TcpOutRsts=3)
    asked = Counters(host="server", name="TcpOutRsts", most=2, after="pull", before="pull")
    assert check(asked, run).verdict is verdict


def test_counters_want_a_question() -> None:
    with pytest.raises(ValueError, match="nothing is asked"):
        Counters(host="server", name="TcpOutRsts")


# --- exit, output ---


def programs() -> Builder:
    run = Builder()
    run.events += [
        Written(ns(1), "client.curl", "stdout", "HTTP 200"),
        Written(ns(2), "client.curl", "stderr", "done"),
        Ended(ns(3), "client.curl", 0),
        Ended(ns(4), "server", None, "SIGKILL"),
    ]
    return run


@pytest.mark.parametrize(
    ("asked", "verdict"),
    [
        ({"endpoint": "client.curl"}, PASS),
        ({"endpoint": "client.curl", "status": 1}, FAIL),
        ({"endpoint": "server", "signal": "SIGKILL"}, PASS),
        ({"endpoint": "server"}, FAIL),
        ({"endpoint": "client", "signal": "SIGPIPE"}, FAIL),
    ],
)
def test_exit(asked: dict[str, Any], verdict: Verdict) -> None:
    assert check(Exit(**asked), programs()).verdict is verdict


def test_an_endpoint_that_still_runs_when_the_run_is_cut_short_is_unknown() -> None:
    run = programs()
    run.more["interrupted"] = "Ctrl-C"
    assert check(Exit(endpoint="client"), run).verdict is UNKNOWN
    with pytest.raises(ValueError, match="one of them"):
        Exit(endpoint="client", status=1, signal="SIGKILL")


@pytest.mark.parametrize(
    ("asked", "verdict", "interrupted"),
    [
        ({"line": "^HTTP 200$"}, PASS, PASS),
        ({"line": "HTTP", "stream": "stderr"}, FAIL, UNKNOWN),
        ({"line": "HTTP|done", "count": 2}, PASS, UNKNOWN),
        ({"line": "HTTP|done", "count": 1}, FAIL, FAIL),
        ({"line": "HTTP", "count": 2}, FAIL, UNKNOWN),
        ({"line": "500", "count": 0}, PASS, UNKNOWN),
        ({"line": "HTTP", "count": 0}, FAIL, FAIL),
    ],
)
def test_output(asked: dict[str, Any], verdict: Verdict, interrupted: Verdict) -> None:
    run = programs()
    assert check(Output(program="client.curl", **asked), run).verdict is verdict
    run.more["interrupted"] = "Ctrl-C"
    assert check(Output(program="client.curl", **asked), run).verdict is interrupted


@pytest.mark.parametrize(
    ("asked", "verdict"),
    [
        ({"line": "done", "since": "look"}, PASS),
        ({"line": "HTTP", "since": "look"}, FAIL),
        ({"line": "done", "since": "look", "most": Duration(ns(0.5))}, PASS),
        ({"line": "done", "since": "look", "most": Duration(ns(0.1))}, FAIL),
        ({"line": "done", "since": "nowhere"}, UNKNOWN),
    ],
)
def test_output_counts_from_a_step(asked: dict[str, Any], verdict: Verdict) -> None:
    run = programs()
    run.step(1.8, 1.9, 0, "half-open client", "look")
    assert check(Output(program="client.curl", **asked), run).verdict is verdict


def test_since_and_most_of_an_output_or_a_call_belong_together() -> None:
    with pytest.raises(ValueError, match="give it, too"):
        Output(program="client.curl", line="x", most=Duration(1))
    with pytest.raises(ValueError, match="give one of them"):
        Call(step="read", since="pull")


def test_output_refuses_what_is_no_regular_expression() -> None:
    with pytest.raises(ValueError, match="no regular expression"):
        Output(program="client.curl", line="(")
