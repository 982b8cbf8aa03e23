"""README.md says what is so: its lab and its Python run, its commands exist, its picture is that of a run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import netlab
from netlab.lab import load
from netlab.lab.document import parse
from netlab.lab.loading import from_definition
from netlab.lab.nodes import plain
from netlab.records import Call, Fault, Verdict

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_the_two_commands_are_one_line_each() -> None:
    first, second = blocks("sh")[:2]
    assert first.count("\n") == second.count("\n") == 1
    for line in (first, second):
        assert line.startswith("python3 -m venv .venv && .venv/bin/pip install -q ")
        assert README.count(line) == 1
    assert first.endswith(" && .venv/bin/netlab run half-open\n")
    assert second.endswith(" && .venv/bin/python -m pytest\n")


def test_the_lab_in_ten_lines_does_what_it_says(tmp_path: Path) -> None:
    (text,) = blocks("yaml")
    assert text.count("\n") == 10
    record = netlab.run(from_definition(plain(parse(text)[0])), out=tmp_path / "run")
    assert record.verdict is Verdict.PASS
    assert [(call.call, call.error) for call in record.of(Call)] == [("listen", None), ("connect", None)]
    assert [(fault.fault, fault.target) for fault in record.of(Fault)] == [("unplug", "server.eth0")]


def test_the_python_runs_as_it_stands(tmp_path: Path) -> None:
    (text,) = blocks("python")
    (tmp_path / "labs").symlink_to(ROOT / "labs")
    done = run(sys.executable, "-W", "error", "-c", text, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "the client was ESTABLISHED while the server held no socket" in done.stdout
    assert len(list((tmp_path / "runs").iterdir())) == 3


def shown_commands() -> list[list[str]]:
    """Every command that the README shows, in a block or in a sentence."""
    lines = [line for block in blocks("sh")[2:] for line in block.splitlines()]
    lines += re.findall(r"`(netlab [^`]+)`", README)
    return [shlex.split(line.split(">")[0], comments=True)[1:] for line in lines]


@pytest.mark.parametrize("command", sorted({arguments[0] for arguments in shown_commands()}))
def test_every_command_it_shows_exists(command: str) -> None:
    done = run(sys.executable, "-m", "netlab", command, *([] if command == "--version" else ["--help"]), cwd=ROOT)
    assert done.returncode == 0, done.stderr
    options = {part for arguments in shown_commands() if arguments[0] == command for part in arguments[1:]}
    assert [option for option in options if option.startswith("--") and option not in done.stdout] == []


def test_its_variants_and_parameters_exist() -> None:
    runs = [arguments for arguments in shown_commands() if arguments[:2] == ["run", "half-open"]]
    assert len(runs) >= 3
    for arguments in runs:
        chosen = dict(zip(arguments[2::2], arguments[3::2], strict=True))
        sets = [chosen["--set"].split("=")] if "--set" in chosen else []
        load(ROOT / "labs/half-open/lab.yaml", chosen.get("--variant"), dict(sets))


def test_its_picture_is_what_a_run_prints() -> None:
    picture = blocks("text")[0]
    assert picture in (ROOT / "labs/half-open/README.md").read_text(encoding="utf-8")
    assert max(map(len, picture.splitlines())) <= 100


def test_its_links_lead_somewhere() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
    for name in re.findall(r"(?<![\w/(])(?:docs|labs|benchmarks)/[\w./-]*\w", README):
        assert (ROOT / name).exists() or name == "labs/my-lab", name


def test_version_is_its_name_and_a_version() -> None:
    done = run(sys.executable, "-m", "netlab", "--version", cwd=ROOT)
    assert done.stdout == f"netlab {netlab.__version__}\n"
    assert re.search(
        rf"^## \[(Unreleased|{re.escape(netlab.__version__)})\]", (ROOT / "CHANGELOG.md").read_text(), re.M
    )
