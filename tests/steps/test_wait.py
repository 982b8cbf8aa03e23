"""wait, start, stop and finish: conditions of a real lab, and what they say when they do not come."""

from __future__ import annotations

import pytest

from netlab.errors import StepError
from netlab.spec import Program, Ready
from netlab.steps._segments import SegmentSeen
from netlab.steps.wait import OutputSeen, Wait
from netlab.units import Duration
from tests.steps.lab import Lab, play, two_hosts

SOON = Duration(30_000_000)
SECOND = Duration(10**9)
SERVER = "import socket; s = socket.create_server(('', 9000)); print('ready now', flush=True); s.accept()[0].recv(1)"


def web(**ready: object) -> dict[str, Program]:
    return {"web": Program(argv=("/usr/bin/python3", "-c", SERVER), ready=Ready(**ready))}  # type: ignore[arg-type]


def test_wait_for_socket_states_and_for_none() -> None:
    async def story(lab: Lab) -> None:
        await lab.play("wait", host="server", socket="none")
        await lab.connected()
        await lab.play("wait", host="server", peer="client", socket="ESTABLISHED")
        await lab.play("wait", host="server", socket="LISTEN", port=9000)
        await lab.play("close", "client")
        await lab.play("wait", host="server", peer="client", socket="CLOSE-WAIT")
        with pytest.raises(StepError, match=r"last seen: 10\.77\.0\.1:9000 > 10\.77\.0\.2:\d+ CLOSE-WAIT"):
            await lab.play("wait", host="server", peer="client", socket="none", within=SOON)
        await lab.play("close", "server", socket="connection")
        await lab.play("wait", host="server", peer="client", socket="none")
        await lab.play("wait", host="client", peer="server", socket="TIME-WAIT")

    play(story)


def test_wait_for_a_timer_and_how_long_it_has_to_run() -> None:
    async def story(lab: Lab) -> None:
        await lab.connected()
        await lab.play("wait", host="client", socket="ESTABLISHED", timer="none")
        await lab.play("setsockopt", "client", option="SO_KEEPALIVE", value=1)
        await lab.play("wait", host="client", socket="ESTABLISHED", timer="keepalive", least=Duration(7190 * 10**9))
        await lab.play("close", "client")
        await lab.play("receive", "server", eof=True)
        await lab.play("close", "server", socket="connection")
        await lab.play("wait", host="client", socket="TIME-WAIT", timer="time-wait", most=Duration(60 * 10**9))
        with pytest.raises(StepError, match=r"TIME-WAIT, timer time-wait, most 1 s.*; last seen: .* TIME-WAIT, timer "):
            await lab.play("wait", host="client", socket="TIME-WAIT", timer="time-wait", most=SECOND, within=SOON)

    play(story)


def test_wait_for_a_listener() -> None:
    async def story(lab: Lab) -> None:
        with pytest.raises(StepError, match=r"waited 30 ms for a listener on server:9000.*server listens on no port"):
            await lab.play("wait", listening="server:9000", within=SOON)
        await lab.play("listen", "server", port=9000)
        await lab.play("wait", listening="server:9000")
        await lab.play("wait", listening="server.nic-a:9000")

    play(story)


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_wait_for_a_segment_of_the_past_and_the_future(family: str) -> None:
    async def story(lab: Lab) -> None:
        await lab.connected()
        await lab.play("wait", segment=SegmentSeen(from_="client", to="server", flags="S"))
        await lab.play(
            "wait", background="later", segment=SegmentSeen(from_="client", payload="hello", count=2, arrived=True)
        )
        with pytest.raises(StepError, match="it was not over after 30 ms"):
            await lab.play("finish", name="later", within=SOON)
        for _ in range(2):
            await lab.play("send", "client", text="hello")
            await lab.play("receive", "server", bytes="hello")
        await lab.play("finish", name="later")
        wanted = SegmentSeen(from_="server", flags="F.", after="step 1")
        with pytest.raises(StepError, match=r"segment server > any F\.: .*seen 0 such, the last other one was "):
            await lab.play("wait", segment=wanted, within=SOON)

    play(story, two_hosts(family), wire=True)


@pytest.mark.parametrize("ready", [{"port": 9000}, {"line": "ready .ow"}])
def test_start_returns_when_the_program_is_ready_and_stop_when_it_has_ended(ready: dict[str, object]) -> None:
    async def story(lab: Lab) -> None:
        await lab.play("start", program="server.web")
        await lab.play("connect", "client", to="server:9000")
        await lab.play("wait", output=OutputSeen(program="server.web", line="^ready"))
        with pytest.raises(StepError, match=r"server\.web to write 'never'.*its last line was 'ready now'"):
            await lab.play("wait", output=OutputSeen(program="server.web", line="never"), within=SOON)
        with pytest.raises(StepError, match=r"waited 30 ms for server\.web to end"):
            await lab.play("wait", exit="server.web", within=SOON)
        await lab.play("stop", endpoint="server.web")
        await lab.play("wait", exit="server.web")

    play(story, two_hosts(programs=web(**ready)))


def test_a_program_that_ends_before_it_is_ready_says_how_and_what_it_wrote() -> None:
    async def story(lab: Lab) -> None:
        with pytest.raises(StepError, match=r"it ended \(status 3\) before it was ready; it wrote: out of luck"):
            await lab.play("start", program="server.web")

    program = Program(argv=("sh", "-c", "echo out of luck; exit 3"), ready=Ready(port=9000))
    play(story, two_hosts(programs={"web": program}))


def test_a_program_that_does_not_get_ready_says_what_it_wrote() -> None:
    async def story(lab: Lab) -> None:
        with pytest.raises(StepError, match=r"waited 300 ms for server.web to be ready.*it wrote: ready now"):
            await lab.play("start", program="server.web")

    ready = Ready(line="never", within=Duration(300_000_000))  # a shell has written long before
    program = Program(argv=("sh", "-c", "echo ready now; sleep 1000"), ready=ready)
    play(story, two_hosts(programs={"web": program}))


def test_finish_brings_the_outcome_of_a_background_step() -> None:
    async def story(lab: Lab) -> None:
        await lab.connected()
        reading = await lab.play("receive", "server", background="reader", bytes="hello")
        await lab.play("send", "client", text="hello")
        await lab.play("finish", name="reader")
        assert lab.call(reading).result["bytes"] == "hello"
        with pytest.raises(StepError, match="no step runs in the background under this name; there is none"):
            await lab.play("finish", name="reader")

    play(story)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, "one condition, found none"),
        ({"exit": "a", "listening": "b:1"}, "found listening, exit"),
        ({"socket": "none"}, "host and socket belong together"),
        ({"exit": "a", "peer": "b"}, "peer, port, .* belong to `socket`"),
        ({"exit": "a", "timer": "none"}, ", timer, .* belong to `socket`"),
    ],
)
def test_a_wait_takes_exactly_one_condition(fields: dict[str, str], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        Wait(**fields)  # type: ignore[arg-type]


def test_a_background_action_has_begun_when_the_next_step_plays() -> None:
    async def story(lab: Lab) -> None:
        await lab.connected()
        reading = await lab.play("receive", "server", background="reader")
        await lab.ground.ask("server", "signal", endpoint="server", signal="SIGKILL")
        await lab.play("finish", name="reader")
        call = lab.call(reading)
        assert call.signal == "SIGKILL" and call.cookie is not None and call.remote is not None

    play(story)
