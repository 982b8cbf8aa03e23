"""Half-open, or an impostor: what a connection really is, from the tables of both ends and the wire.

    survivor's table ──▶ peer's table ──▶ survivor's table again        three readings at one moment
      ESTABLISHED          no socket         the same socket, ESTABLISHED   = half-open, unless the FIN escapes later
      ESTABLISHED          FIN-WAIT-1 …      …                              = orphan: the peer's kernel still holds it
      ESTABLISHED          ESTABLISHED       …                              = peer-alive: only slow, paused or cut off
      CLOSE-WAIT           …                 …                              = fin-escaped: the survivor was told

Rules: pure. A connection is half-open when one end has closed or aborted it without the knowledge of the other (RFC
9293 section 3.5.1). Any socket of the reversed four-tuple in the peer's table, in whatever state, says that it has not.
What cannot be seen is unknown: a missing table, a capture with holes, a connection that the wire never showed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from netlab.judge import tables
from netlab.judge.evidence import about, packet, row_text, table_text, wire_doubt
from netlab.judge.origin import explain_reset
from netlab.judge.sequence import flag_letters
from netlab.judge.tables import same
from netlab.judge.translation import far_ends
from netlab.records import Fault, RunRecord, Segment, SocketInfo, SocketTable

__all__ = ["KINDS", "Diagnosis", "Kind", "diagnose", "explain_reset"]

Kind = Literal["half-open", "orphan", "fin-escaped", "peer-alive", "gone-both", "not-connected", "unknown"]
KINDS: tuple[Kind, ...] = (
    "half-open",
    "orphan",
    "fin-escaped",
    "peer-alive",
    "gone-both",
    "not-connected",
    "unknown",
)
_CLOSING = frozenset({"FIN-WAIT-1", "CLOSING", "LAST-ACK"})
"""The states of a socket whose own FIN is not acknowledged yet. Source: RFC 9293 section 3.3.2."""


@dataclass(frozen=True)
class Diagnosis:
    """What a connection is, in one word and one sentence, and where to look."""

    kind: Kind
    sentence: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Look:
    """Three readings at one moment."""

    record: RunRecord
    survivor: str
    peer: str
    first: SocketTable
    between: SocketTable
    last: SocketTable

    def evidence(self, row: SocketInfo) -> tuple[str, ...]:
        """What each reading showed of this connection."""
        again = [other for other in self.last.sockets if other.cookie == row.cookie]
        return (
            table_text(self.first, [row]),
            table_text(self.between, self.theirs(row)),
            table_text(self.last, again),
        )

    def theirs(self, row: SocketInfo) -> list[SocketInfo]:
        """The peer's rows of the same connection, whose four-tuple is the reversed one unless a NAT translates it."""
        ends = far_ends(self.record, row.local, row.remote)
        return [
            other
            for other in self.between.sockets
            if other.state != "LISTEN"
            and any(same(other.local, local) and same(other.remote, remote) for local, remote in ends)
        ]

    def sent(self, row: SocketInfo) -> list[Segment]:
        """The segments that the peer's side sent on this connection, in order of time.

        The survivor's last SYN or SYN-ACK before the look begins it: the four-tuple may have been used before.
        """
        segments = [s for s in self.record.of(Segment) if not s.injected]
        ours = [s for s in segments if same(s.as_sent.source, row.local) and same(s.as_sent.target, row.remote)]
        began = [s.time_ns for s in ours if "S" in s.flags and s.time_ns <= self.first.time_ns]
        since = max(began, default=0)
        theirs = [s for s in segments if same(s.as_arrived.source, row.remote) and same(s.as_arrived.target, row.local)]
        return [s for s in theirs if s.time_ns >= since or "S" in s.flags]


def diagnose(record: RunRecord, survivor: str, peer: str, step: int, port: int | None = None) -> Diagnosis:
    """What the connection between two hosts was when step `step` looked; `port` (of either end) tells several apart."""
    look = _look(record, survivor, peer, step)
    if look is None:
        why = f"the socket tables of {survivor}, {peer} and {survivor} again were not all read at this moment"
        return Diagnosis("unknown", why)
    rows = tables.connections(record, look.first, peer, port)
    if len(rows) > 1:
        held = [row for row in rows if row.state == "ESTABLISHED"]
        rows = held if len(held) == 1 else rows
    if len(rows) > 1:
        return Diagnosis(
            "unknown",
            f"{survivor} holds {len(rows)} connections to {peer}; name the one meant by its port",
            (table_text(look.first, rows),),
        )
    return _of_row(look, rows[0]) if rows else _without_row(look, port)


def _look(record: RunRecord, survivor: str, peer: str, step: int) -> _Look | None:
    mine = tables.tables_at(record, survivor, step)
    for between in tables.tables_at(record, peer, step):
        before = [table for table in mine if table.end_ns <= between.time_ns]
        after = [table for table in mine if table.time_ns >= between.end_ns]
        if before and after:
            return _Look(record, survivor, peer, before[-1], between, after[0])
    return None


def _without_row(look: _Look, port: int | None) -> Diagnosis:
    """The survivor holds no socket."""
    evidence = (table_text(look.first, []), table_text(look.between))
    theirs = tables.connections(look.record, look.between, look.survivor, port)
    if theirs:
        sentence = f"{look.survivor} held no socket to {look.peer}, which still held {row_text(theirs[0])}"
        return Diagnosis("not-connected", f"it was not half-open as asked: {sentence}", evidence)
    doubt = wire_doubt(look.record)
    if doubt:
        sentence = f"{look.survivor} held no socket to {look.peer}; whether a FIN had told it cannot be told: {doubt}"
        return Diagnosis("unknown", sentence, evidence)
    ends = {look.survivor, look.peer}
    said = [s for s in look.record.of(Segment) if {s.from_, s.to} == ends and s.time_ns < look.first.time_ns]
    fins = [s for s in said if "F" in flag_letters(s) and s.arrived_ns is not None]
    if fins and all(s.from_ == look.peer for s in fins):
        sentence = f"it was not half-open: the FIN of {look.peer} had reached {look.survivor} ({packet(fins[0])})"
        return Diagnosis("fin-escaped", sentence, (*evidence, packet(fins[0])))
    if said:
        return Diagnosis("gone-both", "it was not half-open: both ends had given the connection up", evidence)
    return Diagnosis("not-connected", f"{look.survivor} was not connected to {look.peer}", evidence)


def _of_row(look: _Look, row: SocketInfo) -> Diagnosis:
    evidence = look.evidence(row)
    again = [other for other in look.last.sockets if other.cookie == row.cookie]
    if not again or again[0].state != row.state:
        now = again[0].state if again else "gone"
        sentence = f"{look.survivor}'s socket went from {row.state} to {now} during the look"
        return Diagnosis("unknown", sentence, evidence)
    theirs = look.theirs(row)
    if row.state == "ESTABLISHED" and theirs:
        return _held_by_peer(look, theirs[0], evidence)
    if row.state == "CLOSE-WAIT":
        return _told(look, row, evidence)
    if row.state == "ESTABLISHED":
        return _established_alone(look, row, evidence)
    sentence = f"it was not half-open: {look.survivor} itself was in {row.state}"
    return Diagnosis("not-connected", sentence, evidence)


def _held_by_peer(look: _Look, theirs: SocketInfo, evidence: tuple[str, ...]) -> Diagnosis:
    peer, when = look.peer, about(look.between.time_ns)
    if theirs.state in ("SYN-RECV", "SYN-SENT"):
        sentence = f"it was not half-open: {peer} was still in its handshake ({theirs.state}) at {when}"
        return Diagnosis("not-connected", sentence, evidence)
    if theirs.state in _CLOSING and theirs.inode == 0:
        sentence = f"it only looked half-open: at {when} {peer}'s kernel still held the orphan of it in {theirs.state}"
        return Diagnosis("orphan", sentence, evidence)
    if theirs.state in ("FIN-WAIT-2", "TIME-WAIT"):
        sentence = f"it was not half-open: {peer} was in {theirs.state} at {when}, so its FIN had been acknowledged"
        return Diagnosis("fin-escaped", sentence, evidence)
    paused = ", its program only paused" if _paused(look) else ""
    sentence = f"it only looked half-open: at {when} {peer} held the connection too ({theirs.state}){paused}"
    return Diagnosis("peer-alive", sentence, evidence)


def _paused(look: _Look) -> bool:
    changes = [
        fault
        for fault in look.record.of(Fault)
        if fault.fault == "pause" and fault.target.split(".")[0] == look.peer and fault.end_ns <= look.between.time_ns
    ]
    return bool(changes) and changes[-1].action == "inject"


def _told(look: _Look, row: SocketInfo, evidence: tuple[str, ...]) -> Diagnosis:
    """The survivor is in CLOSE-WAIT: a FIN has reached it."""
    fins = [s for s in look.sent(row) if "F" in flag_letters(s) and s.time_ns <= look.last.end_ns]
    where = f" ({packet(fins[-1])})" if fins else ""
    sentence = f"it was not half-open: the FIN of {look.peer} had reached {look.survivor}{where}"
    return Diagnosis("fin-escaped", sentence, evidence + tuple(map(packet, fins[-1:])))


def _established_alone(look: _Look, row: SocketInfo, evidence: tuple[str, ...]) -> Diagnosis:
    """The tables say half-open; the wire has the last word."""
    doubt = wire_doubt(look.record)
    if doubt:
        sentence = f"the tables say half-open, but whether a FIN escaped cannot be told: {doubt}"
        return Diagnosis("unknown", sentence, evidence)
    sent = look.sent(row)
    if not sent:
        return Diagnosis("unknown", "the wire's witness shows nothing of this connection", evidence)
    told = _telling(sent, look.last.end_ns)
    if told is not None:
        flag = "FIN" if "F" in flag_letters(told) else "RST"
        when = "waited, and then reached" if told.time_ns > look.last.end_ns else "had reached"
        sentence = f"it only looked half-open: the {flag} of {look.peer} {when} {look.survivor} ({packet(told)})"
        return Diagnosis("fin-escaped", sentence, (*evidence, packet(told)))
    sentence = (
        f"the connection was half-open: at {about(look.between.time_ns)} {look.survivor} was ESTABLISHED "
        f"while {look.peer} held no socket for it"
    )
    return Diagnosis("half-open", sentence, evidence)


def _telling(sent: list[Segment], looked_ns: int) -> Segment | None:
    """A FIN or RST that told the survivor of the end before it asked.

    Of what the peer's side sent after the look, the first RST or SYN ends the search: an RST is the answer that a
    half-open connection gets (RFC 9293 section 3.5.1), a SYN begins another connection.
    """
    for segment in sent:
        letters = flag_letters(segment)
        if segment.time_ns <= looked_ns:
            if letters & {"F", "R"} and segment.arrived_ns is not None:
                return segment
        elif "F" in letters and segment.arrived_ns is not None:
            return segment
        elif letters & {"R", "S"}:
            return None
    return None
