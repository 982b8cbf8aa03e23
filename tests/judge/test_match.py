"""The wire script against what was on the wire."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.expectations.wire import Wire
from netlab.judge.match import Failure, TooAmbiguous, match
from netlab.judge.moments import moment
from netlab.judge.script import parse
from netlab.judge.tape import tape
from netlab.records import Address, Check, Frame, ResetSent, Segment, Verdict
from tests.judge.builder import CLIENT, HALF_OPEN, HELLO, SERVER, Builder, half_open, ns, without


def wire(run: Builder, script: str) -> Check:
    """The check of this script."""
    (check,) = Wire(script=script).judge(run.record())
    return check


def hello() -> Builder:
    """The handshake and "hello"."""
    run = Builder()
    run.hello()
    return run


def failure(run: Builder, script: str) -> Failure | None:
    """Where record and script part."""
    record, read = run.record(), parse(script)
    moments = {barrier.word: moment(record, barrier.word) for barrier in read.barriers()}
    return match(read, moments, tape(record, read))


def assert_fails(check: Check, line: str, seen: str, why: str) -> None:
    assert check.verdict is Verdict.FAIL, check
    assert check.expected.startswith(line), check
    assert seen in check.seen, check
    assert why in check.explanation, check


def test_the_half_open_script_matches_the_half_open_wire() -> None:
    check = wire(half_open(), HALF_OPEN)
    assert check.verdict is Verdict.PASS, check
    assert check.seen == "7 packets"


def test_an_escaped_fin_fails_and_is_named() -> None:
    run = half_open()
    run.segment(725, "server", "F.", 1, 6)
    assert_fails(
        wire(run, HALF_OPEN), 'line 7: client > server  P. "world"', "packet 8", "the FIN of server escaped after"
    )
    assert "healing of unplug server.nic-a: packet 8" in wire(run, HALF_OPEN).explanation


def test_a_retransmission_names_the_packet_it_repeats() -> None:
    run = hello()
    run.segment(4, "client", "P.", 1, 1, b"hello")
    assert_fails(wire(run, HELLO), "nothing more", "packet 6", "packet 6 is a retransmission of packet 4")


def test_a_retransmission_of_a_lost_segment_says_where_it_was_lost() -> None:
    run = Builder()
    run.segment(1, "client", "S", 0, arrived_ns=None, lost_after="router:server.nic-a")
    run.segment(1001, "client", "S", 0)
    check = wire(run, "client > server S\nserver > client S.")
    assert check.explanation == "packet 2 is a retransmission of packet 1, which was lost after router:server.nic-a"


def test_a_missing_rst_is_explained_by_a_client_that_never_sent() -> None:
    run = half_open()
    run.events = [event for event in run.events if not (isinstance(event, Segment) and event.packet > 5)]
    assert_fails(wire(run, HALF_OPEN), "line 7", "the last was packet 5", "client never sent it after replug")
    assert_fails(
        wire(run, f"{HELLO}-- replug --\nserver > client R"), "line 7", "", "no RST: the client never sent after replug"
    )


def test_a_missing_rst_is_explained_by_a_segment_that_was_lost() -> None:
    run = half_open()
    world = next(event for event in run.record().of(Segment) if event.payload == b"world")
    lost = replace(world, arrived_ns=None, lost_after="client.nic-b")
    run.events = [lost if e is world else e for e in run.events if not (isinstance(e, Segment) and "R" in e.flags)]
    check = wire(run, HALF_OPEN)
    assert_fails(check, "line 8", "the last was packet 6", "packet 6 at 0.740050 s, was lost after client.nic-b")


def test_a_missing_rst_that_the_kernel_made_is_told() -> None:
    run = half_open()
    run.events = [event for event in run.events if not (isinstance(event, Segment) and "R" in event.flags)]
    assert "server did not answer packet 6" in wire(run, HALF_OPEN).explanation
    run.events.append(ResetSent(ns(740.1), SERVER, CLIENT, "CLOSE", "NO_SOCKET", 0))
    assert "the kernel made one at 0.740100 s, but it never reached the wire" in wire(run, HALF_OPEN).explanation


def test_an_unexpected_rst_gives_its_reason() -> None:
    run = half_open()
    check = wire(run, HALF_OPEN.replace("server > client  R    seq=ack(previous)", "server > client ."))
    assert_fails(
        check, "line 8", "packet 7", "server sent an RST that the script does not have here: packet 7 (NO_SOCKET"
    )


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('client > server P. "hallo"', 'its payload is "hello", not "hallo"'),
        ('client > server P. "hello" seq=2', "its seq is 1, not 2"),
        ('client > server P. "hello" ack=0', "its ack is 1, not 0"),
        ('client > server P. "hello" win=1', "its window is 65535, not 1"),
        ("client > server P. len=4", "it carries 5 bytes, not 4"),
        ("client > server P. <nop>", "it has no option nop"),
        ("client > server P. within 1ms", "it was sent 1.8 ms after packet 3, more than 1 ms"),
        ("client > server .|F.", "its flags are P., not .|F."),
    ],
)
def test_what_differs_is_said(line: str, why: str) -> None:
    script = HELLO.replace('client > server  P. "hello"', line)
    assert_fails(wire(hello(), script), f"line 4: {line}", "packet 4", why)


@pytest.mark.parametrize(
    "line",
    [
        "client > server P.",
        "client > server P.|. len=any",
        "client > server any",
        "any > any P.",
        "10.77.0.2 > server:9000 P. len=5",
        "10.77.0.2:40001 > 10.77.0.1 P.",
        'client > server P. "hello" seq=1 ack=1 within 1.8ms',
        "client > server P. seq=seq(syn)+1 len=4+len(syn)+1",
        "? client > server P.",
        "* client > server P.",
    ],
)
def test_a_line_may_say_more_or_less(line: str) -> None:
    script = HELLO.replace('client > server  P. "hello"', line).replace(
        "client > server  S\n", "client > server S as syn\n"
    )
    assert wire(hello(), script).verdict is Verdict.PASS


def test_a_bare_ack_has_no_payload() -> None:
    run = hello()
    run.segment(4, "client", ".", 6, 1, b"x")
    assert_fails(
        wire(run, f"{HELLO}client > server ."), "line 6", "packet 6", "carries 1 bytes where the line names none"
    )
    assert wire(run, f"{HELLO}client > server . len=1").verdict is Verdict.PASS


def test_numbers_are_relative_and_wrap() -> None:
    """The builder's client starts at 2**32 - 3: "hello" crosses the end of the sequence space."""
    script = 'client > server S as syn\n* any > any any\nclient > server P. "hello" as data seq=1\n'
    run = hello()
    assert wire(run, script + "server > client . ack=6 seq=1").verdict is Verdict.PASS
    assert wire(run, script + "server > client . ack=seq(data)+len(data)").verdict is Verdict.PASS
    assert wire(run, script + "server > client . ack=seq(syn)+6").verdict is Verdict.PASS


def test_the_reset_of_a_closed_port_has_sequence_number_0() -> None:
    run = Builder()
    run.segment(1, "client", "S", 0)
    run.segment(1.1, "server", "R.", 0, 1, absolute=0)
    assert wire(run, "client > server S\nserver > client R. seq=0 ack=1").verdict is Verdict.PASS


def test_optional_lines_do_not_hide_a_match() -> None:
    ambiguous = '? client > server P.\n? client > server P.\nclient > server P. "hello"\n'
    script = HELLO.replace('client > server  P. "hello"\n', ambiguous)
    assert wire(hello(), script).verdict is Verdict.PASS
    run = hello()
    for at in (4, 5):
        run.segment(at, "client", "P.", 6, 1, b"more")
    assert wire(run, f"{HELLO}* client > server P.\nclient > server P.").verdict is Verdict.PASS
    assert wire(run, f"{HELLO}? client > server P.").verdict is Verdict.FAIL


def fins(*order: str) -> Builder:
    run = hello()
    for at, sender in enumerate(order, 5):
        run.segment(at, sender, "F.", 6 if sender == "client" else 1, 1 if sender == "client" else 6)
    return run


ANY_ORDER = f"{HELLO}{{\nclient > server F.\nserver > client F.\n? client > server .\n}}\n"


@pytest.mark.parametrize("order", [("client", "server"), ("server", "client")])
def test_a_group_matches_in_any_order(order: tuple[str, str]) -> None:
    assert wire(fins(*order), ANY_ORDER).verdict is Verdict.PASS


AFTER_THE_FAULT = """
...
-- replug --
client > server  P. "world"
server > client  R    seq=ack(previous)
"""


def test_three_dots_pass_over_what_came_before_a_barrier() -> None:
    assert wire(half_open(), AFTER_THE_FAULT).verdict is Verdict.PASS
    assert wire(half_open(), "...").verdict is Verdict.PASS


def test_three_dots_hide_nothing_after_the_barrier_and_explain_nothing() -> None:
    late = half_open()
    late.segment(740, "server", "F.", 1, 6)
    check = wire(late, AFTER_THE_FAULT)
    assert_fails(check, 'line 4: client > server  P. "world"', "packet 8", "the FIN of server escaped after")
    other = wire(half_open(), AFTER_THE_FAULT.replace("world", "word"))
    assert_fails(other, 'line 4: client > server  P. "word"', "world", 'its payload is "world", not "word"')


def test_a_group_wants_each_of_its_lines_once() -> None:
    check = wire(fins("client"), ANY_ORDER)
    assert_fails(check, "line 8: server > client F.", "nothing more", "no FIN: server never sent it")
    assert wire(fins("client", "server", "server"), ANY_ORDER).verdict is Verdict.FAIL


def test_alike_lines_of_a_group_are_interchangeable() -> None:
    """Sixteen lines alike have 2**16 subsets; only how many of them matched makes a difference."""
    run = hello()
    for at in range(16):
        run.segment(5 + at, "client", "P.", 6 + at, 1, b"x")
    script = HELLO + "{\n" + "client > server P.\n" * 16 + "}"
    assert wire(run, script).verdict is Verdict.PASS
    assert wire(run, script.replace("P.\n}", "F.\n}")).verdict is Verdict.FAIL


def test_a_barrier_parts_before_from_after() -> None:
    run = half_open()
    early = HALF_OPEN.replace("-- replug --\n", "").replace('P. "hello"\n', 'P. "hello"\n-- replug --\n')
    check = wire(run, early)
    assert_fails(check, "line 6: server > client  .", "packet 5", "it was sent before replug began at 0.700000 s")
    late = HALF_OPEN.replace("-- replug --\n", "") + "-- replug --"
    assert_fails(wire(run, late), "line 6", "packet 6", "it was sent after replug had ended at 0.720000 s")


@pytest.mark.parametrize("name", ["replug", "step 2", "pull", "unplug", "look"])
def test_a_barrier_is_a_step_id_or_a_verb(name: str) -> None:
    assert wire(half_open(), HALF_OPEN.replace("replug", name)).verdict is Verdict.PASS


def test_a_barrier_that_stands_for_two_steps_is_unknown() -> None:
    run = half_open()
    run.step(800, 801, 9, "replug server.nic-a")
    check = wire(run, HALF_OPEN)
    assert (check.verdict, "2 steps" in check.explanation) == (Verdict.UNKNOWN, True)


def test_within_counts_from_the_barrier_where_one_stands_between() -> None:
    script = HALF_OPEN.replace('P. "world"', 'P. "world" within {}')
    assert wire(half_open(), script.format("21ms")).verdict is Verdict.PASS
    check = wire(half_open(), script.format("20ms"))
    assert_fails(check, "line 7", "packet 6", "it was sent 20.1 ms after replug, more than 20 ms")


def test_a_barrier_whose_step_was_not_played_is_unknown_if_what_came_before_is_right() -> None:
    run = hello()
    check = wire(run, HALF_OPEN)
    assert check.verdict is Verdict.UNKNOWN
    assert "replug was not played" in check.explanation
    assert wire(run, HALF_OPEN.replace("S.", "R.")).verdict is Verdict.FAIL


def test_an_interrupted_run_is_unknown_where_a_line_is_missing() -> None:
    run = hello()
    run.more["interrupted"] = "Ctrl-C"
    assert wire(run, f"{HELLO}client > server F.").verdict is Verdict.UNKNOWN
    assert wire(run, "client > server S").verdict is Verdict.FAIL


@pytest.mark.parametrize("witness", ["wire", "clock"])
@pytest.mark.parametrize("script", [HALF_OPEN, HELLO])
def test_a_witness_with_holes_makes_the_wire_unknown(witness: str, script: str) -> None:
    run = half_open()
    run.trouble(witness, "3 packets dropped")
    check = wire(run, script)
    assert (check.verdict, "3 packets dropped" in check.explanation) == (Verdict.UNKNOWN, True)


def second() -> Builder:
    """Two connections of one client; its calls give their names."""
    run = hello()
    other = Address(CLIENT.ip, 40002)
    run.call(0.5, 1.5, 0, "client", "connect", socket="first", remote=SERVER)
    run.call(5.5, 6.5, 1, "client", "connect", socket="second", local=other, remote=SERVER)
    run.segment(6, "client", "S", 0, source=other)
    run.segment(6.1, "server", "S.", 0, 1, target=other)
    return run


def test_a_line_names_its_connection_by_socket() -> None:
    script = HELLO.replace("client > server  S\n", "client:first > server:9000  S\n")
    assert wire(second(), f"{script}client:second > server S\nserver > client:second S.").verdict is Verdict.PASS
    check = wire(second(), f"{script}client:first > server S\nserver > client S.")
    assert_fails(check, "line 6", "packet 6", "it is not of the socket client:first")


def test_segments_of_a_host_to_itself_count_only_where_a_line_names_them() -> None:
    run = hello()
    loop: dict[str, Any] = {"source": Address("127.0.0.1", 1), "target": Address("127.0.0.1", 2), "to": "client"}
    run.segment(4, "client", "S", 0, **loop)
    assert wire(run, HELLO).verdict is Verdict.PASS
    assert wire(run, f"{HELLO}client > client S").verdict is Verdict.PASS
    assert wire(run, f"{HELLO}client > client R").verdict is Verdict.FAIL


def test_a_segment_of_nobody_counts_too() -> None:
    run = hello()
    run.segment(4, "client", "S", 0, to=None, target=Address("10.77.0.99", 9000))
    assert wire(run, HELLO).verdict is Verdict.FAIL
    assert wire(run, f"{HELLO}client > 10.77.0.99 S").verdict is Verdict.PASS


def test_frames_that_are_not_tcp_must_be_there_and_others_may_be_besides() -> None:
    run = hello()
    for at, protocol, text in (
        (0.1, "arp", "who-has 10.77.0.1 tell 10.77.0.2"),
        (0.2, "icmp6", "neighbour solicitation"),
    ):
        run.events.append(Frame(ns(at), "client", None, protocol, text, 50))
    run.events.append(Frame(ns(0.15), "server", "client", "arp", "reply 10.77.0.1", 51))
    assert wire(run, HELLO).verdict is Verdict.PASS
    assert wire(run, f"client > any arp who-has 10.77.0.1\n{HELLO}").verdict is Verdict.PASS
    assert wire(run, f"client > any arp who-has 10.77.0.1\nclient > any icmp\n{HELLO}").verdict is Verdict.PASS
    missing = wire(run, f"{HELLO}client > any arp who-has 10.77.0.1")
    assert_fails(missing, "line 6", "nothing more", "no arp: client never sent it")


def test_a_missing_line_is_told_from_a_wrong_one() -> None:
    run = hello()
    ack = run.record().of(Segment)[2]
    run.events = list(without(run.record(), ack).events)
    assert_fails(wire(run, HELLO), "line 3", "packet 4", "line 3 is missing: packet 4 fits the line after it")


def test_the_order_is_that_of_sending_not_of_the_record() -> None:
    run = hello()
    run.events.reverse()
    assert wire(run, HELLO).verdict is Verdict.PASS


def test_a_script_that_can_be_read_in_too_many_ways_is_unknown() -> None:
    run = hello()
    for at in range(100):
        run.segment(5 + at, "client", "P.", 6 + at, 1, b"x")
    several = "".join(f"* client > server P.\n? client > server P. as x{n}\n" for n in range(4))
    last = "client > server F. seq=" + "+".join(["seq(x0)", "len(x1)", "len(x2)", "len(x3)"])
    with pytest.raises(TooAmbiguous):
        failure(run, HELLO + several + last)
    assert wire(run, HELLO + several + last).verdict is Verdict.UNKNOWN


def bulk(count: int) -> tuple[Builder, str]:
    run = hello()
    for at in range(count):
        run.segment(5 + at * 0.01, "client", "P.", 6 + at, 1, b"x")
        run.segment(5.005 + at * 0.01, "server", ".", 1, 7 + at)
    return run, HELLO + "* client > server P.\n* server > client .\n"


def test_ten_thousand_segments_are_matched_in_a_moment() -> None:
    run, _ = bulk(5000)
    script = HELLO + "{\n* client > server P.\n* server > client .\n}\n"
    started = time.monotonic()
    assert wire(run, script).verdict is Verdict.PASS
    assert time.monotonic() - started < 5


LETTERS = st.lists(st.sampled_from("SPF"), max_size=8)


@given(LETTERS, st.lists(st.tuples(st.sampled_from(["", "?", "*"]), st.sampled_from("SPF")), min_size=1, max_size=6))
def test_the_matcher_agrees_with_a_regular_expression(sent: list[str], lines: list[tuple[str, str]]) -> None:
    import re

    run = Builder()
    for at, flag in enumerate(sent):
        run.segment(1 + at, "client", flag, at, payload=b"")
    script = "\n".join(f"{repeat} client > server {flag} len=any" for repeat, flag in lines)
    pattern = "".join(flag + repeat for repeat, flag in lines)
    assert (failure(run, script) is None) == bool(re.fullmatch(pattern, "".join(sent)))


@given(st.randoms(use_true_random=False), st.integers(1, 5))
def test_a_group_matches_every_order_of_its_lines(order: random.Random, size: int) -> None:
    run, chosen = Builder(), order.sample("SPFRU", size)
    for at, flag in enumerate(chosen):
        run.segment(1 + at, "client", flag, at)
    order.shuffle(chosen)
    script = "{\n" + "\n".join(f"client > server {flag} len=any" for flag in chosen) + "\n}"
    assert failure(run, script) is None
    run.segment(9, "client", "W", 9)
    assert failure(run, script) is not None
