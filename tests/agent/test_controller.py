"""A host's controller: the life and death of its processes, and what it answers about them."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from netlab.errors import StepError
from netlab.records import Exit, Trouble
from tests.agent.host import Played, play, processes_in


def test_a_kill_is_the_outcome_of_the_call_it_cuts_short() -> None:
    async def story(host: Played) -> None:
        _, accept = await host.connected()
        blocked = await host.begun("server", "receive")
        answer = await host.ask("signal", endpoint="server", signal="SIGKILL")
        assert answer == {"programs": [], "endpoints": ["server", "server.peer"]}
        call = await blocked
        assert (call.signal, call.error, call.cookie) == ("SIGKILL", None, accept.cookie)
        assert [end.signal for end in host.of(Exit)] == ["SIGKILL", "SIGKILL"]
        assert len(processes_in(host.namespace)) == 1  # the controller

    play(story)


def test_killing_one_endpoint_leaves_the_other() -> None:
    async def story(host: Played) -> None:
        await host.connected()
        await host.ask("signal", endpoint="server.peer", signal="SIGKILL")
        assert (await host.act("server", "receive", eof=True)).result["eof"]
        with pytest.raises(StepError, match=r"it ended before \(SIGKILL\)"):
            await host.ask("signal", endpoint="server.peer", signal="SIGKILL")

    play(story)


def test_a_killed_endpoint_comes_back_without_its_sockets() -> None:
    async def story(host: Played) -> None:
        await host.connected()
        await host.ask("signal", endpoint="server", signal="SIGKILL")
        with pytest.raises(StepError, match="server has no sockets"):
            await host.act("server", "send", text="x")
        assert (await host.act("server", "listen", port=9000)).error is None

    play(story)


def test_stop_is_an_orderly_exit_and_sends_a_fin() -> None:
    async def story(host: Played) -> None:
        await host.connected()
        answer = await host.ask("stop", endpoint="server.peer")
        assert answer["exit"]["status"] == 0
        assert (await host.act("server", "receive", eof=True)).result["eof"]

    play(story)


def test_a_paused_endpoint_stands_still_and_its_call_goes_on_when_resumed() -> None:
    async def story(host: Played) -> None:
        await host.connected()
        await host.ask("signal", endpoint="server", signal="SIGSTOP")
        for pid in processes_in(host.namespace) - {host.controller.pid}:
            assert Path(f"/proc/{pid}/stat").read_text().split()[2] == "T"
        late = asyncio.create_task(host.act("server", "send", text="x"))
        with pytest.raises(StepError, match=r"is stopped \(SIGSTOP\); resume it first"):
            await host.act("server.peer", "getsockopt", option="SO_ERROR", within=1)
        await host.ask("signal", endpoint="server", signal="SIGCONT")
        assert (await late).error is None

    play(story)


def test_the_end_of_a_controller_takes_its_endpoints_along_and_is_told() -> None:
    async def story(host: Played) -> None:
        await host.connected()
        blocked = await host.begun("server", "receive")
        os.kill(host.controller.pid, signal.SIGKILL)
        with pytest.raises(StepError, match="its controller was ended"):
            await blocked
        await host.controller.wait()
        assert host.controller.closed
        await host.until(lambda: not processes_in(host.namespace))
        assert "SIGKILL" in host.of(Trouble)[0].what

    play(story)


def test_a_controller_holds_no_descriptor_but_its_own() -> None:
    async def story(host: Played) -> None:
        await host.act("server", "listen", port=9000)
        kinds = {}
        for pid in processes_in(host.namespace):
            kinds[pid] = [str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir() if int(fd.name) > 2]
        endpoint = next(pid for pid in kinds if pid != host.controller.pid)
        assert sorted(link.split(":")[0] for link in kinds[endpoint]) == ["socket", "socket"]  # channel and listener
        names = {link for links in kinds.values() for link in links}
        assert not any("[eventfd]" in link or link.startswith("net:") for link in names)

    play(story)


def test_unknown_requests_and_words_are_refused() -> None:
    async def story(host: Played) -> None:
        with pytest.raises(StepError, match="request 'dance': unknown; there are act, prepare, start"):
            await host.ask("dance")
        for word, text in (("dance", "no such plugin"), ("wait", "no action of a host")):
            with pytest.raises(Exception, match=text):
                await host.act("server", word)
        with pytest.raises(StepError, match="signal SIGFOO: there is none of this name"):
            await host.ask("signal", endpoint="server", signal="SIGFOO")

    play(story)


def test_hundreds_of_calls_run_at_once() -> None:
    async def story(host: Played) -> None:
        await host.act("server", "listen", port=9000, backlog=300)
        accepts = [asyncio.create_task(host.act("server", "accept")) for _ in range(200)]
        for number in range(200):
            await host.act("server.peer", "connect", to="127.0.0.1:9000", socket=f"c{number}")
        names = {call.socket for call in await asyncio.gather(*accepts)}
        assert len(names) == 200

    play(story)
