"""The words of checks: how a segment, a time or a socket is shown, and what a check says when nobody can tell.

Rules: evidence names a place in the record that a reader can look up: a packet number and a time, a table and a time.
"""

from __future__ import annotations

from netlab.records import Check, RunRecord, Segment, SocketInfo, SocketTable, Trouble, Verdict
from netlab.units import human_duration


def at(time_ns: int) -> str:
    """A moment of the run: "0.912345 s"."""
    return f"{time_ns / 1e9:.6f} s"


_TEXT = frozenset(b"\t\n\r") | frozenset(range(0x20, 0x7F))
"""The bytes of plain text, in ASCII."""


def about(time_ns: int) -> str:
    """A moment for a sentence, to the millisecond: "0.912 s"."""
    return f"{time_ns / 1e9:.3f} s"


def quoted(payload: bytes, room: int = 40) -> str:
    """Payload as text in quotes, cut to `room` characters."""
    text = payload[:room].decode("latin-1").encode("unicode_escape").decode("ascii").replace('"', '\\"')
    return f'"{text}…"' if len(payload) > room else f'"{text}"'


def carried(segment: Segment) -> str:
    """A segment's payload in quotes where it is text, else its length: "world", 37 bytes."""
    text = all(byte in _TEXT for byte in segment.payload)
    return quoted(segment.payload) if segment.payload and text else f"{segment.length} bytes"


def who(segment: Segment) -> str:
    """ "client > server", with addresses where no host owns them."""
    return f"{segment.from_ or segment.source} > {segment.to or segment.target}"


def segment_text(segment: Segment, seq: int | None = None, ack: int | None = None) -> str:
    """ "client > server P. seq 6 ack 1 "world"" with relative numbers where they are given, else absolute ones."""
    words = [who(segment), segment.flags, f"seq {segment.seq if seq is None else seq}"]
    if "." in segment.flags:
        words.append(f"ack {segment.ack if ack is None else ack}")
    if segment.length:
        words.append(carried(segment))
    if segment.by:
        words.append(f"(put there by {segment.by})")
    return " ".join(words)


def packet(segment: Segment) -> str:
    """ "packet 27 at 0.912345 s"."""
    return f"packet {segment.packet} at {at(segment.time_ns)}"


def row_text(row: SocketInfo) -> str:
    """ "10.77.0.2:40000 > 10.77.0.1:9000 ESTABLISHED"; an orphan says that no process holds it."""
    holder = " (held by no process)" if row.inode == 0 and row.state in ORPHAN_STATES else ""
    return f"{row.local} > {row.remote} {row.state}{holder}"


def timed_text(row: SocketInfo) -> str:
    """ "10.77.0.2:40000 > 10.77.0.1:9000 TIME-WAIT, timer time-wait 59.8 s"."""
    return f"{row_text(row)}, timer {f'{row.timer} {human_duration(row.timer_ms * 10**6)}' if row.timer else 'none'}"


ORPHAN_STATES = frozenset({"FIN-WAIT-1", "CLOSING", "LAST-ACK", "FIN-WAIT-2"})
"""The states in which a socket that its process has closed lives on in the kernel. Source: tcp(7), tcp_orphan_retries;
RFC 9293 section 3.3.2."""


def table_text(table: SocketTable, rows: list[SocketInfo] | None = None) -> str:
    """ "sockets of server at 0.900000 s: none"."""
    shown = list(table.sockets) if rows is None else rows
    return f"sockets of {table.host} at {at(table.time_ns)}: {', '.join(map(row_text, shown)) or 'none'}"


def doubt(record: RunRecord, witness: str) -> str:
    """Why this witness ("wire", "program", "clock") cannot be relied on in this run; "" where it can."""
    troubles = [trouble.what for trouble in record.of(Trouble) if trouble.witness == witness]
    if troubles:
        return f"the {witness} witness: {troubles[0]}"
    if witness == "wire" and (state := record.environment.witnesses.get("wire", "missing")) != "full":
        return f"the wire witness: {state}"
    return ""


def wire_doubt(record: RunRecord) -> str:
    """Why what was (not) on the wire, and in which order, cannot be told; "" where it can."""
    return doubt(record, "wire") or doubt(record, "clock")


def unknown(name: str, expected: str, why: str, evidence: tuple[str, ...] = ()) -> Check:
    """The check that nobody can decide."""
    return Check(name, Verdict.UNKNOWN, expected, "unknown", evidence, why)


def failed(name: str, expected: str, seen: str, why: str, evidence: tuple[str, ...] = ()) -> Check:
    """The check that failed, and why."""
    return Check(name, Verdict.FAIL, expected, seen, evidence, why)


def passed(name: str, expected: str, seen: str, shown: str = "", evidence: tuple[str, ...] = ()) -> Check:
    """The check that passed, and (where it tells something) what was shown."""
    return Check(name, Verdict.PASS, expected, seen, evidence, shown)
