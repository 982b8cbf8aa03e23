"""What a connection is called at its other end, where a host on the way translates addresses.

    client's table   10.78.0.2:40000 > 10.77.0.1:9000          far_ends ──▶   10.77.0.1:9000 > 10.77.0.254:40000
    server's table   10.77.0.1:9000 > 10.77.0.254:40000        far_ends ──▶   10.78.0.2:40000 > 10.77.0.1:9000

Rules: pure. Two witnesses tell it: a segment that was seen on both sides, and an entry of a connection tracking table.
Without a translation there is one answer, the four-tuple reversed; it is always among the answers.
"""

from __future__ import annotations

from collections.abc import Iterator

from netlab.records import Address, RunRecord, Segment, Side, TrackingTable

Ends = tuple[Address, Address]
"""(local, remote) of a socket."""


def far_ends(record: RunRecord, local: Address, remote: Address) -> set[Ends]:
    """What the socket at the other end may call itself and its peer."""
    found = {(remote, local)}
    for sent, arrived in translations(record):
        if (sent.source, sent.target) == (local, remote):
            found.add((arrived.target, arrived.source))
        if (arrived.target, arrived.source) == (local, remote):
            found.add((sent.source, sent.target))
    return found


def faces(record: RunRecord, addresses: frozenset[str]) -> set[Address]:
    """The addresses and ports under which others see a host that has these addresses."""
    return {arrived.source for sent, arrived in translations(record) if sent.source.ip in addresses} - {
        sent.source for sent, _ in translations(record)
    }


def translations(record: RunRecord) -> Iterator[tuple[Side, Side]]:
    """Every translation that a witness told: the addresses as sent, and as they arrived."""
    for segment in record.of(Segment):
        if segment.sides:
            yield segment.as_sent, segment.as_arrived
    for table in record.of(TrackingTable):
        for entry in table.entries:
            if entry.protocol == "tcp" and (entry.answer_source, entry.answer_target) != (entry.target, entry.source):
                yield Side(entry.source, entry.target), Side(entry.answer_target, entry.answer_source)
