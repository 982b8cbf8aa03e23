"""What a connection is called at its other end, and what is told of it, where a router translates addresses."""

from __future__ import annotations

from dataclasses import replace

from netlab.judge import tables
from netlab.judge.evidence import segment_text
from netlab.judge.origin import explain_reset
from netlab.judge.resets import derive
from netlab.judge.sequence import Starts
from netlab.judge.translation import faces, far_ends
from netlab.records import (
    Address,
    Environment,
    RunRecord,
    Segment,
    Side,
    SocketInfo,
    SocketTable,
    Tracked,
    TrackingTable,
    Verdict,
)

CLIENT, SERVER, LENT = Address("10.78.0.2", 40000), Address("10.77.0.1", 9000), Address("10.77.0.254", 50000)
NEAR, FAR = Side(CLIENT, SERVER), Side(LENT, SERVER)


def segment(time: int, flags: str, seq: int, ack: int = 0, *, out: bool = True, sides: bool = True) -> Segment:
    """From the client to the server, or back, seen on both sides of the router."""
    source, target = (CLIENT, SERVER) if out else (SERVER, CLIENT)
    back = (Side(SERVER, LENT), Side(SERVER, CLIENT))
    return Segment(
        time_ns=time,
        from_="client" if out else "server",
        to="server" if out else "client",
        source=source,
        target=target,
        flags=flags,
        seq=seq,
        ack=ack,
        window=1,
        payload=b"",
        length=0,
        sent_ns=time,
        arrived_ns=time + 1,
        packet=time,
        sides=((NEAR, FAR) if out else back) if sides else (),
    )


def record(*events: object) -> RunRecord:
    environment = Environment("", "", "", "", False, {})
    return RunRecord("", None, Verdict.PASS, "", environment, {}, events=events)  # type: ignore[arg-type]


def tracking() -> TrackingTable:
    entry = Tracked("tcp", "ESTABLISHED", CLIENT, SERVER, SERVER, LENT, 9, True)
    return TrackingTable(1, 2, 0, "router", (entry,))


def test_the_other_end_is_known_by_the_wire_and_by_the_tracking_table() -> None:
    for witness in (segment(1, "S", 5), segment(1, "S.", 5, out=False), tracking()):
        assert far_ends(record(witness), CLIENT, SERVER) == {(SERVER, CLIENT), (SERVER, LENT)}
        assert (CLIENT, SERVER) in far_ends(record(witness), SERVER, LENT)


def test_without_a_translation_it_is_the_four_tuple_reversed() -> None:
    assert far_ends(record(segment(1, "S", 5, sides=False)), CLIENT, SERVER) == {(SERVER, CLIENT)}


def test_a_host_is_known_by_the_port_it_was_lent_and_no_other() -> None:
    other = replace(LENT, port=50001)
    rows = [SocketInfo("ESTABLISHED", SERVER, remote, 1, 1) for remote in (LENT, other)]
    seen = record(tracking(), segment(3, "S", 5, sides=False))
    assert faces(seen, frozenset({CLIENT.ip})) == {LENT}
    table = SocketTable(3, 4, 0, "server", tuple(rows))
    assert tables.connections(seen, table, "client") == rows[:1]


def test_both_sides_of_a_router_count_from_one_start() -> None:
    starts = Starts()
    starts.learn(segment(1, "S", 100))
    starts.learn(segment(2, "S.", 500, 101, out=False))
    late = replace(segment(3, "P.", 501, 101, out=False, sides=False), target=LENT)  # the router no longer lends it
    assert starts.learn(late) == (1, 1)
    assert starts.direction(late) == ((SERVER, CLIENT), (CLIENT, SERVER))


def test_a_firewalls_rst_answers_what_it_stopped_and_no_tcp_made_it() -> None:
    stopped = replace(segment(5, "P.", 6, 77, sides=False), arrived_ns=None, lost_after="router.lan")
    rst = replace(segment(6, "R", 77, out=False, sides=False), by="router")
    [reset] = derive([stopped, rst], [], [], [], [])
    assert (reset.answers, reset.by, reset.reason) == (5, "router", None)
    assert "router put it on the wire in the name of server" in (reset.why_unknown or "")
    assert "the firewall of router made it in the name of server" in explain_reset(record(stopped, rst), reset)
    assert segment_text(rst).endswith("(put there by router)")
