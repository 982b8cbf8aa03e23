"""The timeline, the checks and the verdict, as plain text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from netlab.outputs import OUTPUTS, Report
from netlab.outputs._ladder import MOST_LINES
from netlab.outputs.terminal import Terminal
from netlab.records import (
    Address,
    Cable,
    Call,
    Check,
    Event,
    Exit,
    Fault,
    Frame,
    Lookup,
    Output,
    RunRecord,
    SocketInfo,
    Trouble,
    Verdict,
)
from tests.outputs import samples
from tests.outputs.samples import CLIENT, EVENTS, SERVER, STATES, call, segment, state, step, table


def shown(record: RunRecord) -> list[str]:
    pieces: list[str] = []
    Terminal().write(record, pieces.append)
    return "".join(pieces).splitlines()


def line(lines: list[str], *words: str) -> str:
    """The one line that holds all of these."""
    found = [text for text in lines if all(word in text for word in words)]
    assert len(found) == 1, (words, found)
    return found[0]


def test_half_open_reads_as_a_ladder_with_faults_calls_states_and_reset() -> None:
    lines = shown(samples.record())
    assert lines[2].split()[2:] == ["client", "10.77.0.2", "│", "│", "server", "10.77.0.1"]
    assert "─ S seq 0 ─" in line(lines, "1.250", "▶")
    assert "client" not in line(lines, "◀", "ack 6")
    assert line(lines, "✗ unplug server.nic-a (remove)").startswith("    9.100")
    assert line(lines, "✓ replug server.nic-a").startswith("  670.000")
    assert line(lines, "R seq 1").endswith("│ NO_SOCKET")
    assert line(lines, "ESTABLISHED → FIN-WAIT-1").startswith("   21.500")
    assert "took 619 ms" in line(lines, "wait: server has no socket")
    assert line(lines, "receive: ECONNRESET").split()[0] == "672.300"


def test_a_lookup_says_what_it_found_at_its_host() -> None:
    ends = Address("10.77.0.1", 9000), Address("10.77.0.2", 9001)
    found = Lookup(5_000_000, 1, "server", *ends, SocketInfo("SYN-RECV", *ends, 7, 0))
    nobody = Lookup(6_000_000, 1, "server", *ends, None)
    lines = shown(samples.record((*EVENTS, found, nobody)))
    assert line(lines, "finds SYN-RECV").split()[0] == "5.000"
    assert line(lines, "finds no socket").split()[0] == "6.000"


def test_faults_alike_are_told_apart_by_their_names_and_a_healing_comes_before_what_it_let_through() -> None:
    holds = [
        Fault(int(at), int(at) + 1000, index, "hold", "inject", "server") for index, at in ((20, 700e6), (21, 701e6))
    ]
    names = [step(700, 700.1, 20, "hold server", name="fins"), step(701, 701.1, 21, "hold server", name="acks")]
    heal = Fault(710_000_000, 760_000_000, 22, "hold", "heal", "server")
    held = replace(segment(702, CLIENT, "P.", 11, 1, payload=b"held"), arrived_ns=711_000_000)
    lines = shown(samples.record((*EVENTS, *holds, *names, heal, held)))
    assert line(lines, "✗ hold server (fins)") and line(lines, "✗ hold server (acks)")
    assert line(lines, "✓", "hold server").split()[0] == "711.000"


def test_timeline_is_ordered_by_time() -> None:
    times = [float(text.split()[0]) for text in shown(samples.record())[3:33] if text[:9].strip()[:1].isdigit()]
    assert len(times) > 20
    assert times == sorted(times)


def test_every_line_fits_the_width() -> None:
    assert max(map(len, shown(samples.record()))) <= 98


def test_plain_text_holds_no_escape_sequence_even_when_a_program_wrote_one() -> None:
    evil = Output(5_000_000, "server.web", "stdout", "\x1b[31mred\x07\r\n")
    attack = segment(6, CLIENT, "P.", 11, 1, payload=b"\x1b]0;owned\x07")
    check = Check("wire", Verdict.FAIL, "x", "\x1b[2J", explanation="\x1b[1m")
    text = "\n".join(shown(samples.record((*EVENTS, evil, attack), checks=(check,), sentence="\x1b[5m")))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\\x1b[31mred" in text


def test_failed_check_says_expected_seen_where_and_why_and_stands_last() -> None:
    wrong = Check("reset", Verdict.FAIL, "NO_SOCKET", "TCP_ABORT_ON_DATA", ("packet 23 at 0.672 s",), "an orphan")
    lines = shown(samples.record(checks=(wrong, *samples.CHECKS), verdict=Verdict.FAIL, sentence="not half-open"))
    at = lines.index("  ✗ reset")
    assert lines[at + 1 : at + 5] == [
        "      expected  NO_SOCKET",
        "      seen      TCP_ABORT_ON_DATA",
        "      where     packet 23 at 0.672 s",
        "      because   an orphan",
    ]
    assert lines[-1] == "✗ FAIL  half-open: not half-open"


def test_passed_steps_are_one_line_together() -> None:
    assert "  ✓ 2 steps went as written" in shown(samples.record())


def test_what_cables_dropped_is_a_line_for_each_direction_that_dropped_something() -> None:
    dropped = {"loss": 12, "queue": 3}
    cables = [
        Cable(700_000_000, 9, "client.nic-b", "outbound", 1018, dropped, waiting=1),
        Cable(700_000_000, 9, "client.nic-b", "inbound", 500, {}),
        Cable(700_000_000, 9, "server.nic-a", "inbound", 3, {"loss or queue": 1}),
    ]
    lines = shown(samples.record((*EVENTS, *cables)))
    assert [text for text in lines if text.startswith("  cable of")] == [
        "  cable of client.nic-b, outbound: 12 of 1,034 packets lost by netem, 3 dropped by its full queue",
        "  cable of server.nic-a, inbound: 1 of 4 packets lost by netem or dropped by its full queue",
    ]


def test_unknown_names_the_witness_that_could_not_see() -> None:
    witnesses = {"wire": "full", "kernel": "socket table and counters only: rootless"}
    environment = replace(samples.ENVIRONMENT, rootless=True, witnesses=witnesses)
    lines = shown(samples.record(environment=environment, verdict=Verdict.UNKNOWN, variant="down", sentence="no"))
    assert "? UNKNOWN  half-open (down): no" in lines
    assert "  kernel witness: socket table and counters only: rootless" in lines


def test_a_reason_that_no_tracepoint_told_is_marked() -> None:
    (reset,) = samples.record().resets
    lines = shown(samples.record(resets=(replace(reset, reason_by="counters"),)))
    assert line(lines, "R seq 1").endswith("│ NO_SOCKET (inferred)")


def test_rootless_states_come_from_the_socket_tables() -> None:
    tables = (
        table(2, "client", "ESTABLISHED"),
        table(2, "server", "ESTABLISHED"),
        table(30, "server", "FIN-WAIT-1"),
        table(640, "server"),
        table(650, "client", "ESTABLISHED"),
    )
    lines = shown(samples.record((*EVENTS, *tables)))
    assert line(lines, "ESTABLISHED → FIN-WAIT-1").startswith("   30.000")
    assert line(lines, "FIN-WAIT-1 → gone").startswith("  640.000")
    assert not [text for text in lines if text.startswith("  650.000")]


def test_lost_segment_breaks_off_and_says_where() -> None:
    lost = segment(15, CLIENT, "P.", 6, 1, payload=b"x", arrived_ns=None, lost_after="client.nic-b")
    text = line(shown(samples.record((*EVENTS, lost))), "15.000")
    assert "─✗" in text
    assert "▶" not in text
    assert text.endswith("lost after client.nic-b")


def test_late_segment_says_when_it_arrived() -> None:
    late = segment(15, CLIENT, ".", 6, 1, arrived_ns=115_000_000)
    assert line(shown(samples.record((*EVENTS, late))), "15.000").endswith("arrives 100 ms later")


def test_several_connections_are_told_apart_by_number() -> None:
    other = replace(segment(30, CLIENT, "S", 5), source=Address("10.77.0.2", 40002))
    lines = shown(samples.record((*EVENTS, other)))
    assert "[2] S seq 0" in line(lines, "30.000")
    assert "[1] S seq 0" in line(lines, "    1.250")


def test_three_hosts_become_a_list() -> None:
    third = replace(segment(30, CLIENT, "S", 5), from_="nat", source=Address("10.0.0.9", 40002))
    lines = shown(samples.record((*EVENTS, third)))
    assert line(lines, "nat → server").split()[-3:] == ["S", "seq", "0"]
    assert line(lines, "✗ unplug server.nic-a")


def test_step_that_could_not_be_played_says_why() -> None:
    events = (*EVENTS, step(700, 5700, 11, "wait: client has no socket", error="waited 5 s for it"))
    assert line(shown(samples.record(events)), "wait: client has no socket: waited 5 s for it")


def test_trouble_of_a_witness_is_in_the_timeline() -> None:
    trouble = Trouble(3_000_000, "wire", "the capture dropped 12 packets")
    assert line(shown(samples.record((*EVENTS, trouble))), "wire: the capture dropped 12 packets")


def test_step_that_only_looks_shows_what_each_socket_table_held() -> None:
    events = (
        *EVENTS,
        step(671, 671.5, 11, "half-open survivor=client peer=server"),
        replace(table(671.3, "server", "LISTEN"), step=11),
        replace(table(671.4, "client", "ESTABLISHED", "TIME-WAIT", "TIME-WAIT"), step=11),
    )
    lines = shown(samples.record(events + STATES))
    assert line(lines, "│ has no socket").startswith("  671.300                               │")
    assert line(lines, "has ESTABLISHED, 2 × TI…").startswith("  671.400      has")


def test_a_socket_that_waits_for_time_alone_shows_how_long() -> None:
    waiting = table(671.3, "client", "TIME-WAIT")
    row = replace(waiting.sockets[0], timer="time-wait", timer_ms=59_840, inode=0)
    events = (*EVENTS, step(671, 671.5, 11, "check host=client"), replace(waiting, step=11, sockets=(row,)))
    assert line(shown(samples.record(events + STATES)), "has TIME-WAIT (59.8 s)")


def test_frames_show_but_not_what_every_ipv6_interface_says_by_itself() -> None:
    asking = Frame(1_240_000, "client", None, "arp", "who-has 10.77.0.1 tell 10.77.0.2", packet=1)
    report = Frame(1_241_000, "server", None, "icmp6", "multicast listener report", packet=2)
    lines = shown(samples.record((*EVENTS, asking, report)))
    assert "╌ arp who-has 10.77.0.1 ╌" in line(lines, "1.240")
    assert not [text for text in lines if "multicast" in text]


def test_variant_shows_its_own_title() -> None:
    definition = {"title": "the lab", "played": {"variants": {"down": "the NIC is set down"}}}
    assert shown(samples.record(variant="down", definition=definition))[0] == "half-open (down)  the NIC is set down"


def test_check_that_passed_says_what_it_showed() -> None:
    check = Check("half-open: survivor=client", Verdict.PASS, explanation="at 0.671 s server held no socket", step=9)
    lines = shown(samples.record(checks=(check, *samples.CHECKS)))
    assert "  ✓ half-open: at 0.671 s server held no socket" in lines
    assert "  ✓ 2 steps went as written" in lines


def bulk(count: int) -> tuple[Event, ...]:
    start = EVENTS[:19]
    data = [segment(30 + i / 100, CLIENT, ".", 6 + i, 1, payload=b"x") for i in range(count)]
    return (*start, *data, *EVENTS[19:])


def test_long_run_is_abbreviated_but_keeps_faults_and_resets() -> None:
    lines = shown(samples.record(bulk(2000)))
    assert len(lines) < 60
    assert "1994 segments left out" in line(lines, "left out")
    assert line(lines, "R seq 1")
    assert line(lines, "✗ unplug server.nic-a")


def test_run_full_of_state_changes_is_cut_in_the_middle() -> None:
    flood = tuple(state(30 + i, "server", "LISTEN", "SYN-RECV") for i in range(1000))
    lines = shown(samples.record((*EVENTS, *flood)))
    assert len(lines) < MOST_LINES + 20
    assert line(lines, "lines left out")


@pytest.mark.parametrize("changes", [{"events": ()}, {"events": (), "checks": (), "sentence": "", "definition": {}}])
def test_empty_run_is_shown_without_a_timeline(changes: dict[str, Any]) -> None:
    assert shown(samples.record(**changes))[0].startswith("half-open")


def test_interrupted_run_says_so() -> None:
    assert "  interrupted: Ctrl-C" in shown(samples.record(interrupted="Ctrl-C"))


def test_one_host_alone_becomes_a_list() -> None:
    alone = replace(segment(1, CLIENT, "S", 0), to="client", target=SERVER)
    assert line(shown(samples.record((alone,))), "client → client")


def test_every_output_of_the_folder_writes_every_sample() -> None:
    for word, output in OUTPUTS.all().items():
        if issubclass(output, Report):
            continue  # it needs the settings that a lab gives it
        pieces: list[str] = []
        output().write(samples.record(), pieces.append)
        assert pieces, word


@pytest.mark.parametrize(("last", "says"), [("client", "lost in router"), ("server", "lost after router")])
def test_a_segment_lost_at_a_switch_says_before_or_behind_it(last: str, says: str) -> None:
    lost = segment(15, CLIENT, "P.", 6, 1, payload=b"x", arrived_ns=None, lost_after=f"router:{last}.nic-b")
    assert line(shown(samples.record((*EVENTS, lost))), "15.000").endswith(says)


def test_a_call_that_took_long_shows_its_beginning_and_its_end() -> None:
    waited = Call(700_000_000, 900_000_000, 1, "server", "server", "listener", "accept", remote=Address("10.77.0.2", 7))
    slow = Call(710_000_000, 910_000_000, 2, "client", "client", "connection", "connect")
    lines = shown(samples.record((*EVENTS, waited, slow)))
    assert "700.000" in line(lines, "accept …") and "900.000" in line(lines, "accept: client:7")
    assert "910.000" in line(lines, "connect: done")


def test_what_was_read_before_the_end_is_shown_with_it() -> None:
    read = Call(
        0, 30_000_000, 1, "client", "client", "connection", "receive", result={"bytes": "5d41402a", "eof": True}
    )
    assert "5d41" in line(shown(samples.record((*EVENTS, read))), "receive:", "EOF")


def test_a_program_shows_how_it_ended_and_an_endpoint_that_is_done_does_not() -> None:
    ends = (Exit(1, "server.md5sum", 0), Exit(2, "server.web", 3), Exit(3, "server.ssh", None, "SIGTERM"))
    lines = shown(samples.record((*EVENTS, *ends, Exit(4, "client", 0))))
    assert line(lines, "md5sum ended: status 0") and line(lines, "web ended: status 3")
    assert line(lines, "ssh ended by SIGTERM")
    assert len([text for text in lines if "ended" in text]) == 4  # the fourth is the sample's killed server


def test_a_call_that_failed_as_asked_says_its_error_once() -> None:
    told = (
        step(700, 700.2, 11, "client: send world error=EPIPE"),
        call(700, 11, "client", "send", 700.1, error="EPIPE"),
    )
    lines = shown(samples.record((*EVENTS, *told)))
    assert "error=" not in line(lines, "700.000", "send world") and line(lines, "700.100", "send: EPIPE")


def test_a_firewall_says_how_it_answers() -> None:
    fault = Fault(30_000_000, 31_000_000, 11, "reject", "inject", "server", {"answer": "icmp-port"})
    assert line(shown(samples.record((*EVENTS, fault))), "✗ reject server (icmp-port)")


def test_an_injected_segment_is_told_in_a_word_where_it_was_injected() -> None:
    told = (
        step(700, 700.2, 11, "segment from=server like={from: server} flags=R"),
        call(700, 11, "server", "segment", 700.1, result={"flags": "R"}),
    )
    assert line(shown(samples.record((*EVENTS, *told))), "700.000", "inject R")


def test_an_icmp_error_fits_its_arrow() -> None:
    error = Frame(700_000_000, "server", "client", "icmp", "destination unreachable: port", 25)
    assert line(shown(samples.record((*EVENTS, error))), "icmp unreachable: port")
