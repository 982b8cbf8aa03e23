"""Programs: the user's own command, its output, its end, and the user it runs as."""

from __future__ import annotations

import asyncio
import os
import pwd
import sys
from pathlib import Path

import pytest

from netlab import commands
from netlab.errors import StepError
from netlab.records import Exit, Output
from netlab.spec import Program
from tests.agent.host import Played, play, processes_in

PYTHON = "/usr/bin/python3"


def said(argv: tuple[str, ...], **more: object) -> tuple[list[tuple[str, str]], Exit]:
    """What a program wrote (stream, line), and how it ended."""

    async def story(host: Played) -> tuple[list[tuple[str, str]], Exit]:
        await host.ask("start", program="it", step=3)
        end = await host.until(lambda: next(iter(host.of(Exit)), None), 50)
        return [(line.stream, line.line) for line in host.of(Output)], end

    return play(story, {"it": Program(argv=argv, **more)}, folder="/usr")  # type: ignore[arg-type]


def test_output_and_exit_status_are_told_in_order() -> None:
    lines, end = said(("sh", "-c", "echo one; echo two >&2; printf three; exit 7"))
    assert sorted(lines) == [("stderr", "two"), ("stdout", "one"), ("stdout", "three")]
    assert (end.endpoint, end.status, end.signal) == ("server.it", 7, None)


def test_a_program_ended_by_a_signal_says_which() -> None:
    assert said(("sh", "-c", "kill -SEGV $$"))[1].signal == "SIGSEGV"


def test_no_shell_sees_the_arguments() -> None:
    assert said(("echo", "$HOME; *"))[0] == [("stdout", "$HOME; *")]


def test_it_runs_as_its_caller_in_its_folder_with_its_environment_and_input() -> None:
    script = 'id -u; pwd; echo "$WORD"; cat'
    lines, _ = said(("sh", "-c", script), env={"WORD": "réseau"}, cwd="share", stdin="a\nb")
    assert [line for _, line in lines] == [str(os.getuid()), "/usr/share", "réseau", "a", "b"]


def test_without_input_it_reads_eof() -> None:
    assert said(("cat",))[1].status == 0


def test_bytes_that_are_no_text_show_as_replacement() -> None:
    assert said(("printf", r"a\377b\n"))[0] == [("stdout", "a\N{REPLACEMENT CHARACTER}b")]


def test_large_output_on_both_streams_does_not_block() -> None:
    script = "import sys\nfor i in range(20000): print('o' * 50); print('e' * 50, file=sys.stderr)"
    lines, end = said((PYTHON, "-c", script))
    assert len(lines) == 40000 and end.status == 0


def test_a_line_without_end_is_told_in_pieces() -> None:
    lines, _ = said((PYTHON, "-c", "print('x' * 300000)"))
    assert len(lines) > 1 and "".join(line for _, line in lines) == "x" * 300000


def test_signals_are_at_their_default_and_it_leads_its_session() -> None:
    script = (  # Python itself ignores SIGPIPE (13) and SIGXFSZ (25)
        "import os, signal\n"
        "rows = dict(l.split(':', 1) for l in open('/proc/self/status'))\n"
        "print(int(rows['SigBlk'], 16), int(rows['SigIgn'], 16) & ~(1 << 12 | 1 << 24))\n"
        "print(os.getsid(0) == os.getpid() == os.getpgid(0))"
    )
    assert [line for _, line in said((PYTHON, "-c", script))[0]] == ["0 0", "True"]
    assert said(("sh", "-c", "kill -PIPE $$; echo survived"))[1].signal == "SIGPIPE"


def test_it_holds_no_descriptor_of_netlab() -> None:
    lines, _ = said(("sh", "-c", "ls /proc/self/fd | tr '\\n' ' '"))
    assert lines[0][1].split() == ["0", "1", "2", "3"]  # 3 is the folder that ls reads


def test_it_sees_the_hosts_network_only() -> None:
    lines, _ = said(("sh", "-c", "ls /sys/class/net; tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '"))
    assert [line for _, line in lines] == ["lo", "lo"]


@pytest.mark.parametrize(
    ("program", "text"),
    [
        (Program(argv=("no-such-command",)), "run no-such-command: no such command in PATH"),
        (Program(argv=("/no/such/file",)), "run /no/such/file: no such file"),
        (Program(argv=("/",)), "run /: not permitted"),
        (Program(argv=("true",), cwd="nowhere"), "enter nowhere: no such folder"),
    ],
)
def test_what_cannot_be_started_says_why(program: Program, text: str) -> None:
    async def story(host: Played) -> None:
        with pytest.raises(StepError, match=text):
            await host.ask("start", program="it", step=3)
        assert processes_in(host.namespace) == {host.controller.pid}

    play(story, {"it": program})


def test_an_unknown_program_is_refused_with_those_there_are() -> None:
    async def story(host: Played) -> None:
        with pytest.raises(StepError, match=r"start server\.that: no such program; there are it"):
            await host.ask("start", program="that", step=3)

    play(story, {"it": Program(argv=("true",))})


@pytest.mark.parametrize("user", ["nobody", "daemon"])
def test_another_user_as_root_only_and_nobody_is_whoever_has_no_rights(user: str) -> None:
    async def story(host: Played) -> str:
        if os.environ.get("NETLAB_TEST_UID") != "0" and user == "daemon":
            with pytest.raises(StepError, match="without root a program runs as its caller"):
                await host.ask("start", program="it", step=3)
            return user
        await host.ask("start", program="it", step=3)
        return (await host.until(lambda: next(iter(host.of(Output)), None))).line

    os.environ["NETLAB_TEST_UID"] = str(os.getuid())
    expected = user if os.getuid() == 0 or user == "daemon" else pwd.getpwuid(os.getuid()).pw_name
    assert play(story, {"it": Program(argv=("id", "-un"), user=user)}) == expected


def test_a_command_in_one_text_is_split_as_a_shell_would() -> None:
    lines, _ = said((), command="printf '%s;' one 'two three' $HOME *")
    assert [line for _, line in lines] == ["one;two three;$HOME;*;"]


def test_a_program_finds_the_python_that_netlab_runs_on() -> None:
    lines, _ = said(("python3", "-c", "import sys; print(sys.prefix)"))
    if sys.prefix != sys.base_prefix:
        assert lines == [("stdout", sys.prefix)]
    assert commands.find("no-such-command") is None


def test_what_is_typed_into_an_interactive_program_comes_after_its_stdin() -> None:
    async def story(host: Played) -> list[str]:
        await host.ask("start", program="it", step=3)
        await host.ask("input", program="it", text="b\n", end=False)
        await host.until(lambda: len(host.of(Output)) == 2)
        assert not host.of(Exit)
        await host.ask("input", program="it", text="c\n", end=True)
        await host.until(lambda: host.of(Exit))
        with pytest.raises(StepError, match="it ended before"):
            await host.ask("input", program="it", text="d\n", end=False)
        return [output.line for output in host.of(Output)]

    program = Program(argv=("cat",), stdin="a\n", interactive=True)
    assert play(story, {"it": program}) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("program", "text", "why"),
    [
        (Program(argv=("sleep", "1000")), "a", "its standard input is closed; give it `interactive: true`"),
        (Program(argv=("sleep", "1000"), interactive=True), "a" * 100_000, "it took 65536 of 100000 bytes"),
        (Program(argv=("sh", "-c", "exec <&-; echo up; sleep 1000"), interactive=True), "a", "it has closed its"),
    ],
)
def test_what_cannot_be_typed_says_why(program: Program, text: str, why: str) -> None:
    async def story(host: Played) -> None:
        await host.ask("start", program="it", step=3)
        if "up" in program.argv[-1]:
            await host.until(lambda: host.of(Output))
        with pytest.raises(StepError, match=why):
            await host.ask("input", program="it", text=text, end=False)
        await host.ask("signal", endpoint="server.it", signal="SIGKILL")

    play(story, {"it": program})


def test_stop_ends_it_by_sigterm_and_says_how() -> None:
    async def story(host: Played) -> None:
        await host.ask("start", program="it", step=3)
        with pytest.raises(StepError, match="it runs already; stop it first"):
            await host.ask("start", program="it", step=3)
        answer = await host.ask("stop", endpoint="server.it")
        assert answer["exit"]["signal"] == "SIGTERM"
        await host.ask("start", program="it", step=4)

    play(story, {"it": Program(argv=("sleep", "1000"))})


def test_stop_does_not_wait_for_ever() -> None:
    async def story(host: Played) -> None:
        await host.ask("start", program="it", step=3)
        await host.until(lambda: host.of(Output))
        with pytest.raises(StepError, match="it runs on after 50 ms; give it longer, or kill it"):
            await host.ask("stop", endpoint="server.it", within=50_000_000)
        await host.ask("signal", endpoint="server.it", signal="SIGKILL")

    play(story, {"it": Program(argv=("sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 1; done"))})


def test_killing_a_host_ends_what_its_programs_started_and_daemonised() -> None:
    async def story(host: Played) -> None:
        await host.ask("start", program="it", step=3)
        await host.until(lambda: host.of(Output))
        assert len(processes_in(host.namespace)) >= 3
        answer = await host.ask("signal", endpoint="server", signal="SIGKILL")
        assert answer["programs"] == ["it"]
        await host.until(lambda: processes_in(host.namespace) == {host.controller.pid})

    script = "sleep 1000 & setsid setsid sleep 1000 & echo up; wait"
    play(story, {"it": Program(argv=("sh", "-c", script))})


def test_killing_one_program_ends_its_whole_session_and_nothing_else() -> None:
    async def story(host: Played) -> None:
        await host.connected()
        await host.ask("start", program="it", step=3)
        await host.until(lambda: host.of(Output))
        answer = await host.ask("signal", endpoint="server.it", signal="SIGKILL")
        assert answer == {"programs": ["it"], "endpoints": []}
        assert len(processes_in(host.namespace)) == 3
        await host.act("server", "send", text="x")

    play(story, {"it": Program(argv=("sh", "-c", "sleep 1000 & echo up; wait"))})


def test_a_program_is_no_endpoint_for_actions() -> None:
    async def story(host: Played) -> None:
        with pytest.raises(StepError, match="it is a program, and makes its calls itself"):
            await host.act("server.it", "listen", port=9000)

    play(story, {"it": Program(argv=("true",))})


def test_a_slow_supervisor_slows_the_program_and_loses_nothing(tmp_path: Path) -> None:
    async def story(host: Played) -> int:
        await host.ask("start", program="it", step=3)
        await host.until(lambda: host.of(Output))
        import time

        time.sleep(0.5)  # the whole event loop stands still, as under a long kernel operation
        await host.until(lambda: host.of(Exit), 30)
        await asyncio.sleep(0)
        return sum(len(line.line) + 1 for line in host.of(Output))

    assert play(story, {"it": Program(argv=(PYTHON, "-c", "for i in range(40000): print('y' * 99)"))}) == 4_000_000


def test_on_a_connection_it_reads_to_the_end_and_answers_as_under_inetd() -> None:
    async def story(host: Played) -> None:
        await host.connected()
        await host.ask("start", program="it", endpoint="server", socket=None, step=3)
        await host.act("server.peer", "send", text="b\na\n")
        await host.act("server.peer", "shutdown", how="write")
        answer = await host.act("server.peer", "receive", bytes="a\nb\n", eof=True)
        assert (answer.error, answer.result["bytes"], answer.result["eof"]) == (None, "a\nb\n", True)
        end = await host.until(lambda: next(iter(host.of(Exit)), None))
        assert (end.endpoint, end.status) == ("server.it", 0)
        assert not host.of(Output)

    play(story, {"it": Program(argv=("sort",))})


def test_the_connection_it_gets_blocks_and_its_standard_error_is_heard() -> None:
    script = (
        "import os, sys\n"
        "print(os.get_blocking(0), os.path.samestat(os.fstat(0), os.fstat(1)), sorted(os.listdir('/proc/self/fd')), "
        "file=sys.stderr)"
    )

    async def story(host: Played) -> str:
        await host.connected()
        await host.ask("start", program="it", endpoint="server", socket="connection", step=3)
        return (await host.until(lambda: next(iter(host.of(Output)), None))).line

    assert play(story, {"it": Program(argv=(PYTHON, "-c", script))}) == "True True ['0', '1', '2', '3']"


def test_a_connection_given_away_is_the_endpoints_no_more_and_ends_with_the_program() -> None:
    async def story(host: Played) -> None:
        await host.connected()
        await host.ask("start", program="it", endpoint="server", step=3)
        with pytest.raises(StepError, match=r"use the connection of server: server has listener"):
            await host.act("server", "send", text="x")
        answer = await host.ask("signal", endpoint="server.it", signal="SIGKILL")
        assert answer["programs"] == []  # without its connection nobody can start it again
        assert (await host.act("server.peer", "receive", eof=True)).result["eof"]

    play(story, {"it": Program(argv=("cat",))})


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"endpoint": "server"}, r"use the connection of server: server has listener \(listener\)"),
        ({"endpoint": "server", "socket": "listener"}, "use socket listener: server has listener"),
        ({"endpoint": "server.it"}, "server.it: it is a program"),
    ],
)
def test_a_connection_that_is_not_there_cannot_be_given(given: dict[str, str], text: str) -> None:
    async def story(host: Played) -> None:
        await host.act("server", "listen", port=9000)
        with pytest.raises(StepError, match=text):
            await host.ask("start", program="it", step=3, **given)

    play(story, {"it": Program(argv=("cat",))})


@pytest.mark.parametrize(
    ("program", "text"),
    [
        (Program(argv=("no-such-command",)), "no such command in PATH"),
        (Program(argv=("cat",), stdin="x"), "its input is the connection; leave its `stdin` out"),
    ],
)
def test_a_program_that_cannot_be_started_closes_the_connection_it_was_given(program: Program, text: str) -> None:
    async def story(host: Played) -> None:
        await host.connected()
        with pytest.raises(StepError, match=text):
            await host.ask("start", program="it", endpoint="server", step=3)
        assert (await host.act("server.peer", "receive", eof=True)).result["eof"]

    play(story, {"it": program})


def test_an_endpoint_that_stands_still_gives_nothing_away() -> None:
    async def story(host: Played) -> None:
        await host.connected()
        await host.ask("signal", endpoint="server", signal="SIGSTOP")
        with pytest.raises(StepError, match=r"start server\.it: its deadline is over, and server is stopped"):
            await host.ask("start", program="it", endpoint="server", step=3, within=50_000_000)
        await host.ask("signal", endpoint="server", signal="SIGKILL")

    play(story, {"it": Program(argv=("cat",))})
