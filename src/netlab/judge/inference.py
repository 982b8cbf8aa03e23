"""An RST's reason where no tracepoint tells it: from its host's counters and socket table around it.

What is certain, and nothing else:

    every RST of the host between two readings is on the wire      TcpOutRsts moved by their number
    an RST that a segment drew (a reply)      TCPAbortOnData moved for each       TCP_ABORT_ON_DATA
                                              did not move, and its host sent     the same SYN before and after:
                                                                                  TCP_INVALID_ACK_SEQUENCE
                                              did not move, and the table held    no socket: NO_SOCKET
                                                                                  a listener: TCP_FLAGS
                                                                                  TIME-WAIT: TCP_TIMEWAIT_SOCKET
                                                                                  SYN-RECV, no listener: NO_SOCKET
                                                                                  SYN-RECV, and EmbryonicRsts moved
                                                                                  for each: INVALID_SYN
    an RST of a socket's own (active)         the one counter that moved for each: ACTIVE

Rules: pure. Everything else is unknown, with the reason why. A table counts as long as nothing on the wire shows that
a socket came or went since. The counters of one reading are not read at one moment: an RST made meanwhile may be in one
of them and not in another. So a reading counts only where no RST of its host is near, and else those around it do:

    reading ──────────┤     ├─ reading ─┤          ├────────── reading
         the last clear one       R        R           the first clear one
                      └────── the interval of both RSTs ──────┘

Source: net/ipv4/tcp.c (__tcp_close: TCPAbortOnClose, TCPAbortOnData for a linger of 0, whose reset tcp_disconnect sends
as TCP_STATE; TCPAbortOnLinger), net/ipv4/tcp_timer.c (tcp_keepalive_timer, tcp_write_err: TCPAbortOnTimeout;
tcp_out_of_resources: TCPAbortOnMemory), net/ipv4/tcp_input.c (tcp_rcv_state_process: TCPAbortOnData for data to a
closed socket), net/ipv4/tcp_ipv4.c (tcp_v4_rcv). Each row was compared with the tracepoint on Linux 6.18
(tests/kernel/test_witness.py; those of SYN-RECV: labs/rst-accept-overflow, labs/syn-queue-ehash).
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from netlab.judge.rule import breach, reached_ns
from netlab.judge.sequence import flag_letters
from netlab.judge.tables import plain, same
from netlab.records import Address, Counters, Segment, SocketInfo, SocketTable

__all__ = ["ACTIVE", "Inference"]

ACTIVE = {
    "TcpExtTCPAbortOnClose": "TCP_ABORT_ON_CLOSE",
    "TcpExtTCPAbortOnLinger": "TCP_ABORT_ON_LINGER",
    "TcpExtTCPAbortOnMemory": "TCP_ABORT_ON_MEMORY",
    "TcpExtTCPAbortOnData": "TCP_STATE",
}
"""The counter that moves with an RST of a socket's own, and the reason that such an RST has."""

ON_DATA, ON_TIMEOUT = "TcpExtTCPAbortOnData", "TcpExtTCPAbortOnTimeout"

EMBRYONIC = "TcpExtEmbryonicRsts"
"""Moves where a request is dropped for good: by an RST in answer to a segment for it (or because one came).
Source: net/ipv4/tcp_minisocks.c:tcp_check_req(), embryonic_reset, whose reason is INVALID_SYN whatever the cause."""

NEAR_NS = 200_000
"""A reading that begins or ends this close to an RST may hold it in some counters only. A reply is counted after it was
stamped at the NIC, in the same softirq; a socket's own RST before, in the same system call or timer: a few microseconds
both. The rest is for the offset of the two clocks, known to some microseconds (wire/clock). Where a task lost its CPU
in between for longer, the sums do not agree, and the reason is unknown.
Source: net/ipv4/tcp_ipv4.c (tcp_v4_send_reset), net/ipv4/tcp_output.c (tcp_send_active_reset): TCP_MIB_OUTRSTS."""

Finding = tuple[str | None, str]
"""(reason, why unknown)."""


@dataclass(frozen=True)
class Interval:
    """Two readings of a host's counters, one after the other, and the RSTs it sent in between."""

    before: Counters
    after: Counters
    replies: int
    active: int

    def moved(self, name: str) -> int:
        return self.after.values.get(name, 0) - self.before.values.get(name, 0)

    def text(self) -> str:
        return f"between {self.before.time_ns / 1e9:.6f} s and {self.after.began_ns / 1e9:.6f} s"


class Inference:
    """Knows a run's segments, counters and tables; answers for one RST at a time."""

    def __init__(self, segments: list[Segment], counters: list[Counters], tables: list[SocketTable]) -> None:
        self._clear: dict[str | None, list[Counters]] = {}
        self._tables: dict[str | None, list[SocketTable]] = {}
        for table in sorted(tables, key=lambda table: table.end_ns):
            self._tables.setdefault(table.host, []).append(table)
        self._paths: dict[tuple[Address, Address], list[Segment]] = {}
        self._resets: dict[str | None, list[Segment]] = {}
        for segment in sorted(segments, key=lambda segment: segment.time_ns):
            self._paths.setdefault((segment.source, segment.target), []).append(segment)
            if "R" in flag_letters(segment) and not segment.injected and segment.by is None:
                self._resets.setdefault(segment.from_, []).append(segment)
        for reading in sorted(counters, key=lambda reading: reading.time_ns):
            if not any(_near(reading, rst) for rst in self._resets.get(reading.host, [])):
                self._clear.setdefault(reading.host, []).append(reading)
        self._intervals: dict[tuple[str | None, int], Interval] = {}

    def offending(self, rst: Segment) -> Segment | None:
        """The newest segment that had arrived when the RST left and that it answers by the rule."""
        came = [
            segment
            for segment in self._paths.get((rst.target, rst.source), [])
            if "R" not in flag_letters(segment) and reached_ns(segment, rst) <= rst.time_ns and not breach(rst, segment)
        ]
        return max(came, key=lambda segment: reached_ns(segment, rst), default=None)

    def reason(self, rst: Segment, offender: Segment | None) -> Finding:
        """The RST's reason, or None and why; `offender` is the segment it answers by the rule, if one was seen."""
        host = rst.from_
        interval = self._interval(rst)
        if interval is None:
            return None, f"no counters of {host} were read on both sides of it, with no RST near"
        made, seen = interval.moved("TcpOutRsts"), interval.replies + interval.active
        if made == 0:
            return None, f"TcpOutRsts of {host} did not move: its TCP did not make it (a firewall's reject, a forger)"
        if made != seen:
            return None, f"TcpOutRsts of {host} moved by {made} {interval.text()}, and the wire shows {seen}"
        if offender is not None:
            return self._of_reply(rst, offender, interval)
        if rst.flags != "R.":
            return None, "the segment that drew it was not seen"
        return self._of_active(rst, interval)

    def _interval(self, rst: Segment) -> Interval | None:
        readings = self._clear.get(rst.from_, [])
        place = bisect_right(readings, rst.time_ns, key=lambda reading: reading.time_ns)
        if place in (0, len(readings)):
            return None
        key = (rst.from_, place)
        if key not in self._intervals:
            before, after = readings[place - 1], readings[place]
            made = self._resets.get(rst.from_, [])
            sent = [other for other in made if before.time_ns < other.time_ns < after.began_ns]
            replies = sum(self._is_reply(other) for other in sent)
            self._intervals[key] = Interval(before, after, replies, len(sent) - replies)
        return self._intervals[key]

    def _is_reply(self, rst: Segment) -> bool:
        """A socket's own RST carries ACK and its next sequence number; a reply has one or the other, by the rule."""
        return rst.flags == "R" or self.offending(rst) is not None

    # --- a socket's own ---

    def _of_active(self, rst: Segment, interval: Interval) -> Finding:
        moved = {name: count for name in ACTIVE if (count := interval.moved(name))}
        if interval.replies and ON_DATA in moved:
            return None, f"TCPAbortOnData moved {interval.text()}, for this RST or for one that answered a segment"
        if len(moved) == 1 and set(moved.values()) == {interval.active}:
            return ACTIVE[next(iter(moved))], ""
        if not moved and interval.moved(ON_TIMEOUT) == interval.active:
            row = self._row(rst)
            if row is not None and row.timer == "keepalive":
                return "TCP_KEEPALIVE_TIMEOUT", ""
            return None, "TCPAbortOnTimeout moved, but no keepalive timer was seen to run"
        names = ", ".join(name.removeprefix("TcpExt") for name in moved) or "none of the TCPAbortOn… counters"
        return None, f"it answers no segment, and {names} moved {interval.text()}"

    # --- drawn by a segment ---

    def _of_reply(self, rst: Segment, offender: Segment, interval: Interval) -> Finding:
        aborted = interval.moved(ON_DATA)
        if aborted and aborted == interval.replies and not interval.active:
            return "TCP_ABORT_ON_DATA", ""
        if aborted:
            return None, f"TCPAbortOnData moved by {aborted} {interval.text()}, for some of several RSTs"
        if self._in_syn_sent(rst, offender):
            return "TCP_INVALID_ACK_SEQUENCE", ""
        table = self._table(rst)
        if table is None:
            return None, f"no socket table of {rst.from_} was read before it"
        if change := self._changed_since(table, rst):
            return None, change
        row = self._row(rst)
        if row is None:
            return self._of_no_connection(rst, offender, table)
        if row.timer == "time-wait" and rst.time_ns - table.time_ns < row.timer_ms * 10**6:
            return "TCP_TIMEWAIT_SOCKET", ""
        if row.state == "SYN-RECV" and not any(_listens(other, rst) for other in table.sockets):
            return "NO_SOCKET", ""  # a request without its listener is dropped, and what came for it finds nobody
        if row.state == "SYN-RECV" and interval.moved(EMBRYONIC) == interval.replies and not interval.active:
            return "INVALID_SYN", ""
        return None, f"its socket was {row.state} when {rst.from_}'s table was last read, and no counter tells more"

    def _in_syn_sent(self, rst: Segment, offender: Segment) -> bool:
        """Its socket was in SYN-SENT, and the offender acknowledged something else than its SYN.

        The same SYN before and after the RST shows that the socket lived on: another one would have another initial
        sequence number. Source: RFC 9293 section 3.10.7.3; net/ipv4/tcp_input.c:tcp_rcv_synsent_state_process().
        """
        syns = [s for s in self._paths[rst.source, rst.target] if s.flags == "S" and not s.injected]
        before = [syn.seq for syn in syns if syn.time_ns < rst.time_ns]
        after = [syn.seq for syn in syns if syn.time_ns > rst.time_ns]
        waiting = bool(before and after) and before[-1] == after[0]
        return waiting and "." in flag_letters(offender) and offender.ack != (before[-1] + 1) % 2**32

    def _of_no_connection(self, rst: Segment, offender: Segment, table: SocketTable) -> Finding:
        if not any(_listens(row, rst) for row in table.sockets):
            return "NO_SOCKET", ""
        if "." in flag_letters(offender):
            return "TCP_FLAGS", ""  # LISTEN takes no ACK: RFC 9293 section 3.10.7.2
        return None, f"{rst.from_} listened on port {rst.source.port}, and no counter tells why it refused"

    def _table(self, rst: Segment) -> SocketTable | None:
        """Its host's table as last read before it."""
        tables = self._tables.get(rst.from_, [])
        place = bisect_right(tables, rst.time_ns, key=lambda table: table.end_ns)
        return tables[place - 1] if place else None

    def _row(self, rst: Segment) -> SocketInfo | None:
        """Its connection in that table."""
        table = self._table(rst)
        rows = table.sockets if table is not None else ()
        ends = rst.as_sent
        return next((row for row in rows if same(row.local, ends.source) and same(row.remote, ends.target)), None)

    def _changed_since(self, table: SocketTable, rst: Segment) -> str:
        """What shows that a socket of this connection came or went after the table was read; "" for nothing."""
        for segment in self._paths[rst.source, rst.target]:
            if table.time_ns <= segment.time_ns <= rst.time_ns and "S" in flag_letters(segment):
                return f"its host opened the connection again (packet {segment.packet}) after its table was read"
        for segment in self._paths.get((rst.target, rst.source), []):
            if table.time_ns <= segment.time_ns <= rst.time_ns and "R" in flag_letters(segment):
                return f"an RST (packet {segment.packet}) may have ended its socket after the table was read"
        return ""


def _near(reading: Counters, rst: Segment) -> bool:
    """The RST may be in some of this reading's counters and not in others."""
    return reading.began_ns - NEAR_NS <= rst.time_ns <= reading.time_ns + NEAR_NS


def _listens(row: SocketInfo, rst: Segment) -> bool:
    """A listening socket takes what comes to this address; "::" takes IPv4 as well."""
    wildcards = ("::", "0.0.0.0") if ":" not in plain(rst.source.ip) else ("::",)
    here = row.local.ip in wildcards or plain(row.local.ip) == plain(rst.source.ip)
    return row.state == "LISTEN" and row.local.port == rst.source.port and here
