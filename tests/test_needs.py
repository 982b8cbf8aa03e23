"""What a lab's programs need is told before the run: exit 3, what is missing, and what to do."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import netlab
from netlab import commands
from netlab.errors import NeedError
from netlab.lab import from_definition
from netlab.needs import missing, probe_needs
from netlab.spec import SCRATCH, Program
from tests.cli.command import netlab as command


def lab(*words: str, start: bool = True, **more: Any) -> dict[str, Any]:
    """A lab with one program, which it starts."""
    return {
        "name": "one",
        "title": "One program",
        "hosts": {"server": {"nics": {"eth0": {"ip": "10.0.0.1/24"}}, "programs": {"it": {"argv": words, **more}}}},
        "steps": [{"start": "server.it"}] if start else [],
    }


def test_a_command_that_is_nowhere_is_a_need(tmp_path: Path) -> None:
    with pytest.raises(NeedError, match=r"lacks the program server\.it \(no such command: no-such-server; install it"):
        netlab.run(lab("no-such-server"), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_at_the_command_line_it_is_exit_3(tmp_path: Path) -> None:
    file = tmp_path / "lab.yaml"
    text = "name: one\ntitle: t\nhosts: {a: {programs: {it: {command: ./it -x}}}}\nsteps: [{start: a.it}]\n"
    file.write_text(text)
    done = command("run", str(file), "--out", str(tmp_path / "run"))
    assert done.returncode == 3 and f"no such file: {tmp_path}/it" in done.stderr
    (tmp_path / "it").write_text("#!/bin/sh\n")
    done = command("run", str(file), "--out", str(tmp_path / "run"))
    assert done.returncode == 3 and "may not be executed; chmod +x it" in done.stderr
    (tmp_path / "it").chmod(0o755)
    assert "lacks" not in command("run", str(file), "--out", str(tmp_path / "run")).stderr
    assert (tmp_path / "run" / "record.json").exists()


def test_a_program_that_no_step_starts_is_none() -> None:
    probe_needs(from_definition(lab("no-such-server", start=False)))


@pytest.mark.parametrize(
    "program",
    [
        Program(argv=("sh",)),
        Program(command="sh -c 'exit 0'"),
        Program(argv=("./sh",), cwd="/bin"),
        Program(argv=(f"{SCRATCH}/made-by-an-earlier-program",)),
        Program(argv=("/bin/sh",)),
    ],
)
def test_what_is_there_lacks_nothing(program: Program) -> None:
    assert missing(program, "/nowhere") == ""


def test_a_path_of_its_own_is_taken_as_it_is(tmp_path: Path) -> None:
    assert "no such command" in missing(Program(argv=("sh",), env={"PATH": str(tmp_path)}), "/")


def test_servers_are_found_where_ordinary_users_have_no_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    folders = commands.search_path().split(os.pathsep)
    assert str(tmp_path) in folders and "/usr/sbin" in folders


def test_the_newest_postgresql_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for version in ("9.6", "15", "9"):
        (tmp_path / version / "bin").mkdir(parents=True)
    monkeypatch.setattr(commands, "POSTGRESQL", f"{tmp_path}/*/bin")
    assert commands.search_path().split(os.pathsep)[-1] == f"{tmp_path}/15/bin"


def test_scratch_is_empty_open_to_all_and_gone_with_the_run(tmp_path: Path) -> None:
    script = "cd ${scratch}; ls -A | wc -l; touch mine; stat -c %a .; ls"
    definition = {**lab("sh", "-c", script, user="nobody"), "expect": {"output": []}}
    definition["steps"] = [*definition["steps"], {"wait": {"exit": "server.it"}}]
    for attempt in ("one", "two"):
        record = netlab.run(definition, out=tmp_path / attempt)
        lines = [output.line for output in record.of(netlab.records.Output)]
        assert lines == ["0", "1777", "mine"]
    assert not Path(SCRATCH).exists()
