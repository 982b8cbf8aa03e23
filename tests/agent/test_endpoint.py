"""The socket actions, each once against the real kernel, and what an endpoint makes of deadlines, names and signals."""

from __future__ import annotations

import asyncio
import time

import pytest

from netlab.agent.sockets import Place, Table
from netlab.errors import StepError
from netlab.records import Call, Exit
from tests.agent.host import Played, play


def test_both_ends_of_a_connection_know_each_other() -> None:
    async def story(host: Played) -> None:
        connect, accept = await host.connected()
        assert connect.error is None and accept.error is None
        assert connect.local == accept.remote and connect.remote == accept.local
        assert connect.cookie and accept.cookie and connect.cookie != accept.cookie
        assert (connect.socket, accept.socket) == ("connection", "connection")
        assert connect.time_ns <= connect.end_ns

    play(story)


def test_a_lab_over_ipv6_listens_on_ipv6() -> None:
    async def story(host: Played) -> None:
        connect, _ = await host.connected()
        assert connect.remote is not None and connect.remote.ip == "::1"

    play(story, family="ipv6")


def test_data_goes_through_and_exact_bytes_are_collected() -> None:
    async def story(host: Played) -> None:
        await host.connected()
        reading = asyncio.create_task(host.act("server", "receive", bytes="hello world"))
        assert (await host.act("server.peer", "send", text="hello ")).result == {"size": 6, "calls": 1}
        await host.act("server.peer", "send", hex="776f726c64")
        read = await reading
        assert read.result["bytes"] == "hello world" and read.result["calls"] >= 1 and not read.result["eof"]

    play(story)


def test_a_large_send_is_taken_in_parts_while_the_other_side_reads() -> None:
    async def story(host: Played) -> None:
        await host.connected()
        size = 20_000_000
        sending = asyncio.create_task(host.act("server.peer", "send", size=size))
        read = await host.act("server", "receive", size=size)
        sent = await sending
        assert sent.result["size"] == read.result["size"] == size
        assert sent.result["calls"] > 1

    play(story)


def test_a_send_that_cannot_finish_is_a_timeout_and_says_how_much_was_taken() -> None:
    async def story(host: Played) -> Call:
        await host.connected()
        return await host.act("server.peer", "send", size=50_000_000, within=50_000_000)

    call = play(story)
    assert call.error == "TIMEOUT" and 0 < call.result["size"] < 50_000_000
    assert call.end_ns - call.time_ns >= 50_000_000


def test_a_partial_send_makes_one_call() -> None:
    async def story(host: Played) -> Call:
        await host.connected()
        return await host.act("server.peer", "send", size=50_000_000, partial=True)

    call = play(story)
    assert call.error is None and call.result["calls"] == 1 and call.result["size"] < 50_000_000


def test_shutdown_write_is_read_as_eof_and_the_other_half_stays_open() -> None:
    async def story(host: Played) -> None:
        await host.connected()
        await host.act("server", "shutdown", how="write")
        assert (await host.act("server.peer", "receive", eof=True)).result["eof"]
        await host.act("server.peer", "send", text="still")
        assert (await host.act("server", "receive", bytes="still")).result["bytes"] == "still"

    play(story)


def test_bytes_then_eof_are_collected_together() -> None:
    async def story(host: Played) -> None:
        await host.connected()
        await host.act("server.peer", "send", text="last")
        await host.act("server.peer", "close")
        read = await host.act("server", "receive", bytes="last", eof=True)
        assert (read.result["bytes"], read.result["eof"]) == ("last", True)

    play(story)


def test_the_first_send_after_the_peers_close_succeeds_and_the_second_is_epipe() -> None:
    async def story(host: Played) -> tuple[Call, Call, Call]:
        await host.connected()
        await host.act("server.peer", "close")
        await host.act("server", "receive", eof=True)
        first = await host.act("server", "send", text="a")
        ready = await host.act("server", "poll", until="error")
        return first, ready, await host.act("server", "send", text="b")

    first, ready, second = play(story)
    assert first.error is None and "error" in ready.result["events"] and second.error == "EPIPE"


def test_linger_zero_resets_and_the_peer_reads_econnreset() -> None:
    async def story(host: Played) -> Call:
        await host.connected()
        await host.act("server.peer", "setsockopt", option="SO_LINGER", value=0)
        assert (await host.act("server.peer", "getsockopt", option="SO_LINGER")).result == {"value": 0}
        await host.act("server.peer", "close")
        return await host.act("server", "receive")

    call = play(story)
    assert call.error == "ECONNRESET" and call.remote is not None


def test_options_are_set_before_connect_and_read_back() -> None:
    async def story(host: Played) -> None:
        await host.act("server", "listen", port=9000, options={"TCP_MAXSEG": 700})
        options = {"SO_KEEPALIVE": 1, "TCP_USER_TIMEOUT": 3000, "TCP_CONGESTION": "reno", "TCP_QUICKACK": 0}
        await host.act("server.peer", "connect", to="127.0.0.1:9000", options=options, source_port=40000)
        for option, value in {"SO_KEEPALIVE": 1, "TCP_USER_TIMEOUT": 3000, "TCP_CONGESTION": "reno"}.items():
            assert (await host.act("server.peer", "getsockopt", option=option)).result == {"value": value}
        accept = await host.act("server", "accept")
        assert accept.remote is not None and accept.remote.port == 40000
        assert (await host.act("server.peer", "getsockopt", option="SO_LINGER")).result == {"value": -1}

    play(story)


def test_connecting_to_a_closed_port_is_refused() -> None:
    async def story(host: Played) -> Call:
        return await host.act("server", "connect", to="127.0.0.1:9")

    call = play(story)
    assert call.error == "ECONNREFUSED" and call.remote is not None and call.remote.port == 9


def test_listening_twice_on_a_port_is_eaddrinuse() -> None:
    async def story(host: Played) -> Call:
        await host.act("server", "listen", port=9000)
        return await host.act("server.other", "listen", port=9000)

    assert play(story).error == "EADDRINUSE"


def test_closing_a_duplicate_keeps_the_connection_and_its_cookie() -> None:
    async def story(host: Played) -> None:
        await host.connected()
        copy = await host.act("server", "duplicate", name="copy")
        close = await host.act("server", "close", socket="connection")
        assert copy.cookie == close.cookie
        await host.act("server.peer", "send", text="x")
        assert (await host.act("server", "receive", bytes="x", socket="copy")).error is None

    play(story)


def test_a_blocked_receive_blocks_nothing_else() -> None:
    async def story(host: Played) -> None:
        await host.connected()
        blocked = await host.begun("server", "receive", within=60 * 10**9)
        await host.act("server.peer", "connect", to="127.0.0.1:9000", socket="second")
        accept = await host.act("server", "accept")
        assert accept.socket == "connection-2"
        await host.act("server", "send", text="x", socket="connection-2")
        await host.act("server.peer", "receive", bytes="x", socket="second")
        await host.act("server", "send", text="y", socket="connection")
        assert not blocked.done()
        await host.act("server.peer", "send", text="z", socket="connection")
        assert (await blocked).result["bytes"] == "z"

    play(story)


def test_a_deadline_is_kept_to_the_millisecond_or_so() -> None:
    async def story(host: Played) -> Call:
        await host.connected()
        return await host.act("server", "receive", within=30_000_000)

    call = play(story)
    assert call.error == "TIMEOUT" and 30_000_000 <= call.end_ns - call.time_ns < 500_000_000


def test_sigpipe_at_its_default_ends_the_process_in_the_call() -> None:
    async def story(host: Played) -> tuple[Call, Exit]:
        _, accept = await host.connected()
        await host.act("server.peer", "setsockopt", option="SO_LINGER", value=0)
        await host.act("server.peer", "close")
        await host.act("server", "poll", until="hangup")
        await host.act("server", "receive")
        call = await host.act("server", "send", text="x", sigpipe="default")
        assert call.cookie == accept.cookie and call.remote == accept.remote
        return call, await host.until(lambda: next(iter(host.of(Exit)), None))

    call, end = play(story)
    assert call.signal == "SIGPIPE" and call.error is None and call.socket == "connection"
    assert (end.endpoint, end.signal) == ("server", "SIGPIPE")


def test_an_action_says_which_sockets_there_are() -> None:
    async def story(host: Played) -> None:
        with pytest.raises(StepError, match="server has no sockets; connect or accept first"):
            await host.act("server", "send", text="x")
        await host.act("server", "listen", port=9000)
        with pytest.raises(StepError, match=r"server has listener \(listener\)"):
            await host.act("server", "send", text="x")
        for name in ("one", "two"):
            await host.act("server.peer", "connect", to="127.0.0.1:9000", socket=name)
        with pytest.raises(StepError, match="there are one, two; name one"):
            await host.act("server.peer", "send", text="x")
        with pytest.raises(StepError, match="has one of this name; choose another"):
            await host.act("server.peer", "connect", to="127.0.0.1:9000", socket="one")

    play(story)


def test_free_names_are_counted_up() -> None:
    table = Table(Place("server", "server"))
    assert table.name_for("connection", None) == "connection"
    table.sockets["connection"] = None  # type: ignore[assignment]
    assert table.name_for("connection", None) == "connection-2"


def test_calls_carry_the_monotonic_clock() -> None:
    before = time.monotonic_ns()

    async def story(host: Played) -> Call:
        return await host.act("server", "listen", port=9000)

    call = play(story)
    assert before < call.time_ns <= call.end_ns < time.monotonic_ns()


def test_fast_open_without_a_cookie_sends_after_the_handshake() -> None:
    """(labs/handshake-carries-data has it with one: the data rides on the SYN.)"""

    async def story(host: Played) -> None:
        await host.act("server", "listen", port=9000)
        connect = await host.act("server.peer", "connect", to="127.0.0.1:9000", fast_open="hello")
        assert (connect.error, connect.result["size"], connect.socket) == (None, 5, "connection")
        await host.act("server", "accept")
        assert (await host.act("server", "receive", bytes="hello")).error is None
        await host.act("server", "send", text="world")
        assert (await host.act("server.peer", "receive", bytes="world")).error is None

    play(story)


def test_fast_open_to_nobody_is_refused_as_any_connect() -> None:
    async def story(host: Played) -> Call:
        return await host.act("server.peer", "connect", to="127.0.0.1:9000", fast_open="hello")

    assert play(story).error == "ECONNREFUSED"
