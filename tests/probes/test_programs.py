"""Probes of real programs: what is there tells its version; what is not, or does not run, comes with a remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from netlab import commands
from netlab.probes import PROBES, _programs
from netlab.probes._programs import all_of, asked, library


@pytest.fixture
def only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the whole search path."""
    monkeypatch.setattr(commands, "search_path", lambda: str(tmp_path))
    return tmp_path


def script(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def test_a_program_tells_its_version_on_either_stream(only: Path) -> None:
    script(only, "server", "echo some words; echo 'server 1.22.1-x (built today)' >&2")
    finding = asked(("server", "-v"), "apt install server")
    assert (finding.status, finding.text) == ("yes", f"server 1.22.1 ({only}/server)")


def test_a_program_that_is_not_there_or_fails_comes_with_a_remedy(only: Path) -> None:
    script(only, "broken", "echo 1.0; exit 3")
    (only / "no-program").write_bytes(b"\x00")
    (only / "no-program").chmod(0o755)
    for name, text in (("absent", "no command absent"), ("broken", "status 3"), ("no-program", "does not run")):
        finding = asked((name,), "apt install it")
        assert finding.status == "no" and text in finding.text and finding.remedy == "apt install it"


def test_a_machine_too_busy_to_answer_lacks_nothing(only: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_programs, "SECONDS", 0.05)
    script(only, "slow", "exec /bin/sleep 10")
    assert asked(("slow",), "apt install it").status == "unknown"


def test_all_commands_of_a_package_must_be_there(only: Path) -> None:
    script(only, "postgres", "echo postgres 15.1")
    assert all_of("apt install it", ("postgres",), ("initdb",)).text == "no command initdb"
    script(only, "initdb", "echo initdb 15.2")
    assert all_of("apt install it", ("postgres",), ("initdb",)).text.startswith("postgres 15.1 ")


def test_a_library_is_asked_of_the_python_that_programs_run() -> None:
    assert library("pydantic").text.startswith("pydantic 2.")
    assert "is older than 3" in library("pydantic", least=3).text
    finding = library("no_such_module")
    assert finding.status == "no" and "cannot import no_such_module" in finding.text
    assert finding.remedy.startswith("pip install 'netlab-faults[services]'")


@pytest.mark.parametrize("word", ["postgresql", "redis-server", "nginx", "openssh", "curl"])
def test_without_any_command_every_probe_says_what_to_install(word: str, only: Path) -> None:
    finding = PROBES[word]().probe()
    assert finding.status == "no" and finding.remedy.startswith("apt install ")
