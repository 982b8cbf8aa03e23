"""The kernel's witness for real: every way to get an RST, and runs side by side with equal addresses and ports.

As root the tracepoints and the counters must agree; without root the same test goes by the counters alone.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Callable

import pytest

from netlab.judge.resets import derive
from netlab.kernel import sockets
from netlab.kernel.witness import KernelWitness
from netlab.records import Event, Reset, ResetReceived, ResetSent, SocketState, Trouble
from tests.kernel.pair import Pair, Wire, cookie, linger_zero, pair
from tests.kernel.ways import WAYS, Way, drain, until, vanish
from tests.sandbox import sandboxed

ROOT = os.getuid() == 0
as_root = pytest.mark.skipif(not ROOT, reason="needs root: tracepoints")


class Watched:
    """A pair with all that a run has around it."""

    def __init__(self) -> None:
        self.pair = pair()
        self.wire = Wire(self.pair)
        self.witness = KernelWitness()
        self.availability = self.witness.start(self.pair.hosts, self.pair.owners)
        self.pair.observe()
        self.events: list[Event] = []

    def finish(self) -> list[Event]:
        self.pair.observe()
        for host in self.pair.hosts.values():
            sockets.destroy_orphans(host)
        self.events = self.witness.finish()
        return self.events

    def of(self, kind: type) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    def resets(self, traced: bool = True) -> tuple[Reset, ...]:
        sent = [event for event in self.events if isinstance(event, ResetSent)] if traced else []
        took = [event for event in self.events if isinstance(event, ResetReceived)] if traced else []
        return derive(self.wire.segments(), sent, took, self.pair.counters, self.pair.tables)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_both_ways_of_telling_a_resets_reason_agree(way: Way) -> None:
    def play() -> tuple[str, tuple[Reset, ...], tuple[Reset, ...], list[Event]]:
        watched = Watched()
        way.play(watched.pair)
        watched.finish()
        return watched.availability, watched.resets(), watched.resets(traced=False), watched.events

    availability, told, inferred, events = sandboxed(play)
    assert [reset.from_ for reset in told] == [way.sender]
    assert [reset.reason for reset in inferred] == [way.inferred], inferred
    assert inferred[0].reason_by == ("counters" if way.inferred else None)
    assert bool(inferred[0].why_unknown) == (way.inferred is None)
    if not ROOT:
        assert availability.startswith("socket table and counters only: tracepoints: ")
        assert events == []
        return
    assert availability == "full"
    traced, counted = (way.reason, "tracepoint"), (way.inferred, "counters" if way.inferred else None)
    withheld = any(isinstance(event, Trouble) and "not delivered" in event.what for event in events)
    if withheld and told[0].reason_by != "tracepoint":  # the event of this very reset: the counters tell, and say so
        assert [(reset.reason, reset.reason_by) for reset in told] == [counted]
        return
    assert [(reset.reason, reset.reason_by) for reset in told] == [traced]
    sent = [event for event in events if isinstance(event, ResetSent)]
    assert [(event.host, event.candidates) for event in sent] == [(way.sender, 1)]
    took = [event.host for event in events if isinstance(event, ResetReceived)]
    assert took == [({"server", "client"} - {way.sender}).pop()] * way.arrives
    assert not [event for event in events if isinstance(event, Trouble) and not withheld]


@as_root
def test_states_of_both_ends_come_in_order_with_their_cookies() -> None:
    def play() -> tuple[list[Event], dict[str, int]]:
        watched = Watched()
        server, client = watched.pair.connection()
        cookies = {"server": cookie(server), "client": cookie(client)}
        client.close()
        assert server.recv(1) == b""
        server.close()
        until(lambda: not sockets.table(watched.pair.server))
        return watched.finish(), cookies

    events, cookies = sandboxed(play)
    states = [event for event in events if isinstance(event, SocketState)]
    assert states == sorted(states, key=lambda event: event.time_ns)
    seen = {host: [event.new for event in states if event.cookie == number] for host, number in cookies.items()}
    assert seen["client"] == ["SYN-SENT", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE"]
    assert seen["server"] == ["SYN-RECV", "ESTABLISHED", "CLOSE-WAIT", "LAST-ACK", "CLOSE"]
    ends = {(event.local.ip, event.remote.ip) for event in states if event.cookie == cookies["client"]}
    assert ends == {("10.77.0.2", "10.77.0.1")}
    assert all(event.local.port for event in states if event.cookie == cookies["client"])


@as_root
def test_a_socket_that_still_lives_at_the_end_is_told_too() -> None:
    def play() -> list[Event]:
        watched = Watched()
        ends = watched.pair.connection()
        events = watched.finish()
        assert len(ends) == 2
        return events

    states = [(event.host, event.new) for event in sandboxed(play) if isinstance(event, SocketState)]
    assert ("client", "ESTABLISHED") in states
    assert ("server", "ESTABLISHED") in states


@as_root
def test_a_reset_that_never_reached_the_wire_is_traced_and_matches_no_rst() -> None:
    def play() -> tuple[list[Event], tuple[Reset, ...]]:
        watched = Watched()
        server, _client = watched.pair.connection()
        watched.pair.link(watched.pair.server, "down")
        linger_zero(server)
        server.close()
        return watched.finish(), watched.resets()

    events, resets = sandboxed(play)
    assert [event.reason for event in events if isinstance(event, ResetSent)] == ["TCP_STATE"]
    assert resets == ()


@as_root
def test_a_second_finish_has_nothing_more_to_say() -> None:
    def play() -> None:
        watched = Watched()
        watched.finish()
        assert watched.witness.finish() == []
        assert watched.witness.fileno() == -1

    sandboxed(play)


# --- runs side by side ---

PORT = 40001
ROUNDS = 12


def at_once(*jobs: Callable[[], None]) -> None:
    """Run them together, and raise what one of them raises."""
    problems: list[BaseException] = []

    def guarded(job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as problem:  # raised again below
            problems.append(problem)

    threads = [threading.Thread(target=guarded, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]


def refused(both: Pair, start: threading.Barrier) -> None:
    start.wait()
    with pytest.raises(ConnectionRefusedError):
        both.client.connect("10.77.0.1", source=PORT)


def lingers(both: Pair, start: threading.Barrier) -> None:
    server, client = both.connection(source=PORT)
    linger_zero(server)
    start.wait()
    server.close()
    drain(client)
    client.close()


@as_root
def test_runs_with_equal_addresses_and_ports_at_once_are_never_mixed() -> None:
    def play() -> list[list[tuple[str | None, int]]]:
        runs = [Watched(), Watched()]
        for _ in range(ROUNDS):
            start = threading.Barrier(2)
            at_once(lambda: refused(runs[0].pair, start), lambda: lingers(runs[1].pair, start))  # noqa: B023
        for run in runs:
            run.finish()
        for run, port in zip(runs, (PORT, PORT)):
            ends = {(event.local.port, event.remote.port) for event in run.of(ResetReceived)}  # type: ignore[attr-defined]
            assert ends == {(port, 9000)}
        return [[(event.reason, event.candidates) for event in run.of(ResetSent)] for run in runs]  # type: ignore

    refusals, aborts = sandboxed(play)
    assert refusals == [("NO_SOCKET", 1)] * ROUNDS
    assert aborts == [("TCP_STATE", 1)] * ROUNDS


@as_root
def test_a_run_without_a_reset_sees_none_of_its_twins() -> None:
    def play() -> list[Event]:
        quiet, loud = Watched(), Watched()
        for _ in range(ROUNDS):
            refused(loud.pair, threading.Barrier(1))
            lonely(loud.pair)
        server, client = quiet.pair.connection(source=PORT)
        mine = {cookie(server), cookie(client)}
        until(lambda: len(loud.wire.segments()) >= 4 * ROUNDS)
        events = quiet.finish()
        assert len([event for event in loud.finish() if isinstance(event, ResetSent)]) == 2 * ROUNDS
        assert {event.cookie for event in events if isinstance(event, SocketState)} >= mine
        return events

    assert not [event for event in sandboxed(play) if isinstance(event, (ResetSent, ResetReceived))]


def lonely(both: Pair) -> None:
    """Draw an RST that no socket takes: a SYN from outside the client's TCP."""
    source, target = socket.inet_aton("10.77.0.2"), socket.inet_aton("10.77.0.1")
    header = struct.pack("!HHIIBBHHH", PORT, 9000, 1, 0, 5 << 4, 2, 1024, 0, 0)
    words = struct.unpack("!16H", source + target + struct.pack("!HH", 6, 20) + header)
    total = sum(words)
    total = (total & 0xFFFF) + (total >> 16)
    checksum = ~(total + (total >> 16)) & 0xFFFF
    with both.client.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) as raw:
        raw.sendto(header[:16] + struct.pack("!H", checksum) + header[18:], ("10.77.0.1", 0))


@as_root
def test_a_reset_that_no_socket_took_is_told_apart_from_a_twins_by_what_its_host_counted() -> None:
    def play() -> tuple[list[Event], list[Event]]:
        with_one, without = Watched(), Watched()
        lonely(with_one.pair)
        until(lambda: [segment for segment in with_one.wire.segments() if "R" in segment.flags])
        return with_one.finish(), without.finish()

    with_one, without = sandboxed(play)
    assert [(event.reason, event.candidates) for event in with_one if isinstance(event, ResetSent)] == [
        ("NO_SOCKET", 1)
    ]
    assert without == []


@as_root
def test_resets_of_twins_that_nothing_tells_apart_are_candidates() -> None:
    def play() -> list[Event]:
        runs = [Watched(), Watched()]
        for run in runs:
            lonely(run.pair)
        for run in runs:
            until(lambda: [segment for segment in run.wire.segments() if "R" in segment.flags])  # noqa: B023
        return runs[0].finish()

    assert [event.candidates for event in sandboxed(play) if isinstance(event, ResetSent)] == [2, 2]


@as_root
def test_a_vanished_socket_and_an_impostor_with_equal_four_tuples_keep_their_reasons() -> None:
    """The half-open experiment and its look-alike, at the same moment."""

    def play() -> list[tuple[str | None, str | None]]:
        runs = [Watched(), Watched()]
        ends = [run.pair.connection(source=PORT) for run in runs]
        vanish(ends[0][0])
        runs[1].pair.link(runs[1].pair.server, "down")
        ends[1][0].close()
        runs[1].pair.link(runs[1].pair.server, "up")
        for run in runs:
            run.pair.observe()
        at_once(*(lambda client=client: (client.send(b"world"), drain(client)) for _, client in ends))
        for _, client in ends:
            client.close()
        for run in runs:
            run.finish()
        return [(reset.reason, reset.reason_by) for run in runs for reset in run.resets()]

    assert sandboxed(play) == [("NO_SOCKET", "tracepoint"), ("TCP_ABORT_ON_DATA", "tracepoint")]
