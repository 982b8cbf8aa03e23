"""One RST and three witnesses, by hand: which event is which RST's, and what follows without any."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from netlab.judge.resets import derive
from netlab.records import (
    NO_REASONS,
    Address,
    Counters,
    Reset,
    ResetReceived,
    ResetSent,
    Segment,
    SocketInfo,
    SocketTable,
)

CLIENT, SERVER = Address("10.77.0.2", 40001), Address("10.77.0.1", 9000)
MS = 1_000_000
TOP = 2**32


@dataclass
class Story:
    """What the witnesses saw; times are milliseconds."""

    segments: list[Segment] = field(default_factory=list)
    sent: list[ResetSent] = field(default_factory=list)
    received: list[ResetReceived] = field(default_factory=list)
    counters: list[Counters] = field(default_factory=list)
    tables: list[SocketTable] = field(default_factory=list)
    witness: str = "full"

    def segment(self, at: float, sender: str, flags: str, seq: int = 100, ack: int = 0, **more: object) -> Story:
        ends = (CLIENT, SERVER) if sender == "client" else (SERVER, CLIENT)
        to = "server" if sender == "client" else "client"
        time = round(at * MS)
        made = Segment(time, sender, to, *ends, flags, seq, ack, 512, b"", 0, sent_ns=time, arrived_ns=time + 20_000)
        more.setdefault("packet", len(self.segments) + 1)
        self.segments.append(replace(made, **more))  # type: ignore[arg-type]
        return self

    def world(self, at: float = 10) -> Story:
        """The client's data: a segment with ACK 7001."""
        return self.segment(at, "client", "P.", 200, 7001, length=5)

    def reset(self, at: float = 10.1, flags: str = "R", seq: int = 7001, ack: int = 0, **more: object) -> Story:
        return self.segment(at, "server", flags, seq, ack, **more)

    def traced(self, at: float, reason: str | None = "NO_SOCKET", candidates: int = 1, **more: object) -> Story:
        event = ResetSent(round(at * MS), SERVER, CLIENT, "none", reason, 0, None, candidates, "server")
        self.sent.append(replace(event, **more))  # type: ignore[arg-type]
        return self

    def counted(self, at: float, since: float | None = None, **values: int) -> Story:
        """TcpOutRsts by `rsts`, the others by their name without its group; read from `since` until `at`."""
        names = {("TcpOutRsts" if name == "rsts" else f"TcpExt{name}"): value for name, value in values.items()}
        begin = None if since is None else round(since * MS)
        self.counters.append(Counters(round(at * MS), 0, "server", names, begin))
        return self

    def table(self, at: float, *rows: SocketInfo) -> Story:
        self.tables.append(SocketTable(round(at * MS), round(at * MS) + 1000, 0, "server", rows))
        return self

    def told(self) -> Reset:
        (reset,) = self.all()
        return reset

    def all(self) -> tuple[Reset, ...]:
        return derive(self.segments, self.sent, self.received, self.counters, self.tables, self.witness)


def row(state: str, timer: str | None = None, timer_ms: int = 0) -> SocketInfo:
    return SocketInfo(state, SERVER, CLIENT, 7, 0, timer, timer_ms)


LISTENER = SocketInfo("LISTEN", Address("::", 9000), Address("::", 0), 9, 1)


def quiet(*rows: SocketInfo, **moved: int) -> Story:
    """ "world" is answered by an RST, between two readings; no tracepoint saw it."""
    return Story().counted(0, rsts=3).table(1, *rows).world().reset().counted(20, rsts=4, **moved)


# --- the entry itself ---


def test_one_rst_is_one_entry_with_what_was_on_the_wire() -> None:
    reset = Story().world().reset().traced(10.09).told()
    assert (reset.from_, reset.to, reset.flags, reset.seq, reset.packet) == ("server", "client", "R", 7001, 2)
    assert (reset.reason, reset.reason_by, reset.why_unknown, reset.answers) == ("NO_SOCKET", "tracepoint", None, 1)


def test_an_rst_that_its_sender_was_not_seen_to_send_is_no_entry() -> None:
    assert Story().world().reset(sent_ns=None).all() == ()


def test_an_rst_that_a_step_injected_is_a_forgers() -> None:
    reset = Story().world().reset(injected=True).traced(10.09).told()
    assert reset.reason is None
    assert "forger" in str(reset.why_unknown)


# --- which segment it answers ---


def test_a_segment_with_ack_is_answered_with_its_ack_number_and_without_ack() -> None:
    assert Story().world().reset(seq=7001).told().answers == 1
    assert Story().world().reset(seq=7002).told().answers is None
    assert Story().world().reset(flags="R.", seq=7001).told().answers is None


def test_a_segment_without_ack_is_answered_with_seq_0_and_the_ack_of_its_end() -> None:
    syn = Story().segment(10, "client", "S", TOP - 1)
    assert replace_resets(syn, flags="R.", seq=0, ack=0).told().answers == 1  # the SYN counts one, and the space wraps
    assert replace_resets(syn, flags="R.", seq=0, ack=1).told().answers is None
    assert replace_resets(syn, flags="R.", seq=1, ack=0).told().answers is None


def replace_resets(story: Story, **reset: object) -> Story:
    return Story(list(story.segments)).reset(**reset)  # type: ignore[arg-type]


def test_the_newest_segment_that_fits_is_the_one_answered() -> None:
    assert Story().world(5).world(9).reset().told().answers == 2


def test_a_segment_that_had_not_arrived_drew_nothing() -> None:
    late = Story().segment(10, "client", "P.", 200, 7001, arrived_ns=round(10.2 * MS)).reset(10.1)
    lost = Story().segment(10, "client", "P.", 200, 7001, arrived_ns=None).reset(10.1)
    assert late.told().answers is None
    assert lost.told().answers is None


def test_an_rst_never_answers_an_rst() -> None:
    assert Story().segment(10, "client", "R.", 200, 7001).reset().all()[1].answers is None


# --- the kernel's word ---


def test_an_event_long_before_is_still_the_only_one_that_fits() -> None:
    """The RST waited for a neighbour's address, or in a queue."""
    assert Story().world().reset(900).traced(10.09).told().reason == "NO_SOCKET"


def test_a_reset_traced_after_its_rst_was_stamped_is_its_own() -> None:
    assert Story().reset(flags="R.").traced(10.6, "TCP_STATE").told().reason == "TCP_STATE"


def test_an_event_of_another_connection_is_not_its_own() -> None:
    reset = Story().world().reset().traced(10.09, target=Address("10.77.0.2", 40002)).told()
    assert reset.reason is None
    assert str(reset.why_unknown).startswith("no tracepoint event fits it; ")


def test_a_kernel_that_has_no_reasons_is_not_blamed_for_a_missing_event() -> None:
    """Linux before 6.10 traces no reset of no socket."""
    story = Story().world().reset().traced(10.09, None, target=Address("10.77.0.2", 40002))
    story.witness = f"{NO_REASONS}; and so on"
    assert str(story.told().why_unknown).startswith("its reason is unknown to this kernel; no counters of server")


def test_a_kernel_that_has_no_reasons_leaves_them_to_the_counters() -> None:
    story = quiet()
    story.witness = NO_REASONS
    assert (story.told().reason, story.told().reason_by) == ("NO_SOCKET", "counters")


def test_a_listening_sockets_event_fits_by_its_port_alone() -> None:
    ends = {"source": Address("0.0.0.0", 9000), "target": Address("0.0.0.0", 0)}
    assert Story().world().reset().traced(10.09, "TCP_FLAGS", **ends).told().reason == "TCP_FLAGS"
    ends["source"] = Address("0.0.0.0", 9001)
    assert Story().world().reset().traced(10.09, "TCP_FLAGS", **ends).told().reason is None


def test_a_mapped_address_is_the_ipv4_one() -> None:
    ends = {"source": Address("::ffff:10.77.0.1", 9000), "target": Address("::ffff:10.77.0.2", 40001)}
    assert Story().world().reset().traced(10.09, **ends).told().reason == "NO_SOCKET"


def test_a_reset_traced_while_the_nic_was_away_is_not_the_later_rst() -> None:
    story = Story().traced(5, "TCP_STATE").world().reset().traced(10.09, "NO_SOCKET")
    assert story.told().reason == "NO_SOCKET"


def test_two_rsts_take_an_event_each_in_order() -> None:
    story = Story().world(10).reset(10.1).traced(10.09, "TCP_ABORT_ON_DATA")
    story.world(30).reset(30.1).traced(30.09, "NO_SOCKET")
    assert [reset.reason for reset in story.all()] == ["TCP_ABORT_ON_DATA", "NO_SOCKET"]


def test_an_answers_event_cannot_come_after_it() -> None:
    story = Story().world(10).reset(10.1).traced(10.09, "TCP_ABORT_ON_DATA")
    story.world(11).reset(11.1).traced(11.09, "NO_SOCKET")
    assert [reset.reason for reset in story.all()] == ["TCP_ABORT_ON_DATA", "NO_SOCKET"]


def test_two_events_with_one_reason_leave_no_doubt_about_it() -> None:
    assert Story().world().reset().traced(10.08).traced(10.09).told().reason == "NO_SOCKET"


def test_two_events_with_two_reasons_leave_it_unknown() -> None:
    reset = Story().world().reset().traced(10.08, "TCP_ABORT_ON_DATA").traced(10.09).told()
    assert reset.reason is None
    assert reset.why_unknown == "2 resets that the kernel traced could be this one"


def test_two_runs_events_leave_it_unknown_even_with_one_reason() -> None:
    reset = Story().world().reset().traced(10.08, candidates=2).traced(10.09, candidates=2).told()
    assert (reset.reason, reset.reason_by) == (None, None)


def test_another_runs_event_at_another_time_is_no_rival() -> None:
    reset = Story().world().reset().traced(2, candidates=2).traced(10.09, candidates=2).told()
    assert reset.reason == "NO_SOCKET"


def test_a_candidate_alone_but_far_away_is_not_believed() -> None:
    assert Story().world().reset(900).traced(10.09, candidates=2).told().reason is None


def test_an_event_without_a_reason_leaves_it_to_the_counters() -> None:
    story = quiet()
    story.traced(10.09, reason=None)
    assert (story.told().reason, story.told().reason_by) == ("NO_SOCKET", "counters")


# --- counters and socket table ---


def test_no_socket_and_no_counter_is_no_socket() -> None:
    reset = quiet().told()
    assert (reset.reason, reset.reason_by, reset.why_unknown) == ("NO_SOCKET", "counters", None)


def test_an_orphan_that_gave_up_in_between_does_not_change_that() -> None:
    assert quiet(TCPAbortOnTimeout=1).told().reason == "NO_SOCKET"


def test_data_for_an_orphan_is_told_by_its_counter() -> None:
    assert quiet(row("FIN-WAIT-1"), TCPAbortOnData=1).told().reason == "TCP_ABORT_ON_DATA"


def test_a_listener_without_the_connection_refuses_its_flags() -> None:
    assert quiet(LISTENER).told().reason == "TCP_FLAGS"


def test_a_request_that_was_refused_is_told_by_its_counter() -> None:
    assert quiet(LISTENER, row("SYN-RECV"), EmbryonicRsts=1).told().reason == "INVALID_SYN"


def test_a_request_without_its_listener_is_nobody() -> None:
    assert quiet(row("SYN-RECV")).told().reason == "NO_SOCKET"


def test_a_listener_on_another_address_is_no_listener() -> None:
    assert quiet(replace(LISTENER, local=Address("10.77.0.9", 9000))).told().reason == "NO_SOCKET"
    assert quiet(replace(LISTENER, local=Address("::", 9001))).told().reason == "NO_SOCKET"


def test_time_wait_counts_while_it_lasts() -> None:
    assert quiet(row("TIME-WAIT", "time-wait", 60_000)).told().reason == "TCP_TIMEWAIT_SOCKET"
    assert quiet(row("TIME-WAIT", "time-wait", 5)).told().reason is None


@pytest.mark.parametrize("state", ["ESTABLISHED", "FIN-WAIT-1", "SYN-RECV", "LAST-ACK"])
def test_a_socket_that_was_there_leaves_it_unknown(state: str) -> None:
    assert state in str(quiet(LISTENER, row(state)).told().why_unknown)


@pytest.mark.parametrize(
    ("counter", "reason"),
    [
        ("TCPAbortOnClose", "TCP_ABORT_ON_CLOSE"),
        ("TCPAbortOnLinger", "TCP_ABORT_ON_LINGER"),
        ("TCPAbortOnMemory", "TCP_ABORT_ON_MEMORY"),
        ("TCPAbortOnData", "TCP_STATE"),
    ],
)
def test_a_sockets_own_rst_is_told_by_the_counter_that_moved_with_it(counter: str, reason: str) -> None:
    story = Story().counted(0, rsts=3).table(1, row("ESTABLISHED")).reset(flags="R.", seq=8000, ack=205)
    assert story.counted(20, rsts=4, **{counter: 1}).told().reason == reason


def test_a_keepalive_that_gave_up_needs_a_keepalive_timer() -> None:
    for timer, reason in (("keepalive", "TCP_KEEPALIVE_TIMEOUT"), ("retransmit", None)):
        story = Story().counted(0).table(1, row("ESTABLISHED", timer)).reset(flags="R.", seq=8000, ack=205)
        assert story.counted(20, rsts=1, TCPAbortOnTimeout=1).told().reason == reason


def test_a_sockets_own_rst_without_a_counter_is_unknown() -> None:
    story = Story().counted(0).table(1, row("ESTABLISHED")).reset(flags="R.", seq=8000, ack=205).counted(20, rsts=1)
    assert "none of the TCPAbortOn… counters" in str(story.told().why_unknown)


def test_an_rst_that_its_host_did_not_count_was_not_its_tcps() -> None:
    story = Story().counted(0, rsts=3).table(1).world().reset().counted(20, rsts=3)
    assert "its TCP did not make it" in str(story.told().why_unknown)


def test_more_counted_than_seen_is_unknown() -> None:
    story = Story().counted(0, rsts=3).table(1).world().reset().counted(20, rsts=5)
    assert "moved by 2" in str(story.told().why_unknown)


def test_an_injected_rst_is_not_counted_against_its_host() -> None:
    story = Story().counted(0).table(1).world().reset().reset(12, seq=9, injected=True).counted(20, rsts=1)
    assert [reset.reason for reset in story.all()] == ["NO_SOCKET", None]


def test_two_rsts_in_one_interval_are_both_told_where_all_is_accounted_for() -> None:
    story = Story().counted(0).table(1).world(10).reset(10.1).world(11).reset(11.1).counted(20, rsts=2)
    assert [reset.reason for reset in story.all()] == ["NO_SOCKET", "NO_SOCKET"]


@pytest.mark.parametrize(
    ("at", "in_reading"),
    [
        (9.7, {"rsts": 4, "TCPAbortOnData": 1}),  # well before the reading: all of it is in it
        (9.9, {"rsts": 3, "TCPAbortOnData": 1}),  # just before: one counter had moved when it was read, the other not
        (9.9, {"rsts": 3}),
        (10.2, {"rsts": 3, "TCPAbortOnData": 1}),  # meanwhile: /proc/net/snmp was read before it, netstat after it
        (10.2, {"rsts": 3}),
        (10.2, {"rsts": 4, "TCPAbortOnData": 1}),
        (10.5, {"rsts": 3, "TCPAbortOnData": 1}),  # just after: counted before it was stamped
        (10.5, {"rsts": 3}),
        (10.7, {"rsts": 3}),  # well after: none of it is in it
    ],
)
def test_a_reading_counts_only_where_no_rst_is_near(at: float, in_reading: dict[str, int]) -> None:
    story = Story().counted(0.3, since=0, rsts=3).table(1, row("FIN-WAIT-1")).world(at - 0.05).reset(at)
    story.counted(10.4, since=10, **in_reading).counted(20.3, since=20, rsts=4, TCPAbortOnData=1)
    assert (story.told().reason, story.told().reason_by) == ("TCP_ABORT_ON_DATA", "counters")


def test_an_rst_in_a_reading_is_not_taken_for_the_next_one() -> None:
    """The second is a firewall's, which no TCP counts; the first was counted when snmp had been read."""
    story = Story().counted(0).table(1).world(10).reset(10.1).counted(10.4, since=10, rsts=0)
    story.world(12).reset(12.1).counted(20.3, since=20, rsts=1)
    assert [reset.reason for reset in story.all()] == [None, None]
    assert "moved by 1 between 0.000000 s and 0.020000 s, and the wire shows 2" in str(story.all()[1].why_unknown)


def test_an_rst_in_the_last_reading_is_unknown() -> None:
    story = Story().counted(0, rsts=3).table(1).world().reset().counted(10.4, since=10, rsts=4)
    assert "no counters of server were read on both sides of it" in str(story.told().why_unknown)


def test_another_hosts_rst_does_not_spoil_a_reading() -> None:
    story = Story().counted(0, rsts=3).table(1).world().reset().counted(20.4, since=20, rsts=4)
    story.segment(20.2, "client", "R", 200, packet=99)
    assert story.all()[0].reason == "NO_SOCKET"


def test_two_rsts_and_one_counter_are_told_apart_by_their_kind_or_not_at_all() -> None:
    story = Story().counted(0).table(1).world().reset().reset(12, flags="R.", seq=8000, ack=205)
    story.counted(20, rsts=2, TCPAbortOnClose=1)
    assert [reset.reason for reset in story.all()] == ["NO_SOCKET", "TCP_ABORT_ON_CLOSE"]
    story.counters[-1] = replace(story.counters[-1], values={"TcpOutRsts": 2, "TcpExtTCPAbortOnData": 1})
    assert [reset.reason for reset in story.all()] == [None, None]


def test_without_readings_on_both_sides_it_is_unknown() -> None:
    story = quiet()
    story.counters.pop()
    assert "no counters of server" in str(story.told().why_unknown)


def test_without_a_table_before_it_no_socket_cannot_be_said() -> None:
    story = quiet()
    story.tables.clear()
    assert "no socket table of server" in str(story.told().why_unknown)


def test_a_connection_opened_after_the_table_was_read_makes_it_unknown() -> None:
    story = quiet()
    story.segment(5, "server", "S.", 7000, 200, packet=99)
    assert "packet 99" in str(story.told().why_unknown)


def test_an_rst_that_may_have_ended_time_wait_makes_it_unknown() -> None:
    story = quiet(row("TIME-WAIT", "time-wait", 60_000))
    story.segment(5, "client", "R", 200, packet=99)
    assert story.all()[-1].reason is None
    assert "packet 99" in str(story.all()[-1].why_unknown)


def test_another_hosts_readings_say_nothing() -> None:
    story = quiet()
    story.counters = [replace(reading, host="client") for reading in story.counters]
    assert story.told().reason is None


def opening_again(*after: float, ack: int = 7001) -> Story:
    """The server sends a SYN, is told the ACK of another connection, and resets it; its SYN again at `after`."""
    story = Story().counted(0, rsts=3).table(1).segment(9, "server", "S", 50).segment(10, "client", ".", 200, ack)
    story.reset(10.1, seq=ack)
    for at in after:
        story.segment(at, "server", "S", 50)
    return story.counted(40, rsts=4)


def test_a_syn_that_is_sent_again_shows_that_its_socket_refused_an_ack() -> None:
    assert opening_again(20).told().reason == "TCP_INVALID_ACK_SEQUENCE"


@pytest.mark.parametrize("story", [opening_again(), opening_again(20, ack=51)], ids=["no SYN after", "its own ACK"])
def test_nothing_follows_where_the_socket_may_be_gone_or_was_answered_rightly(story: Story) -> None:
    assert story.told().reason is None
