"""What must answer at once loads nothing slow, and what must run anywhere needs no Linux."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import LABS, environment, lab_folder

SLOW = ("pyroute2", "paramiko", "pydantic", "pydantic_core", "ruamel", "rich", "asyncio")

WATCH = """
import sys
from netlab.cli import main
try:
    main(sys.argv[1:])
finally:
    loaded = {name.partition(".")[0] for name, module in sys.modules.items() if module}
    print("LOADED", *sorted(loaded), file=sys.stderr)
"""


def loaded(*arguments: str, **variables: str) -> tuple[str, set[str]]:
    """stdout of a command, and the top-level packages it loaded."""
    done = subprocess.run(
        [sys.executable, "-c", WATCH, *arguments], capture_output=True, text=True, env=environment(**variables)
    )
    words = done.stderr.rpartition("LOADED ")[2].split()
    assert words, done.stderr
    return done.stdout, set(words)


@pytest.mark.parametrize(
    "arguments", [["--version"], ["--help"], ["run", "--help"], ["list", "-h"], ["--show-completion", "bash"], []]
)
def test_version_and_help_load_nothing_slow(arguments: list[str]) -> None:
    _, packages = loaded(*arguments)
    assert not packages & set(SLOW)


def test_version_is_that_of_the_package() -> None:
    import netlab

    assert loaded("--version")[0] == f"netlab {netlab.__version__}\n"


def complete(words: str, at: int, shell: str = "bash") -> tuple[list[str], set[str]]:
    """What a Tab offers, and what was loaded for it."""
    variables = {"_NETLAB_COMPLETE": f"complete_{shell}", "COMP_WORDS": words, "COMP_CWORD": str(at)}
    out, packages = loaded(**variables, _TYPER_COMPLETE_ARGS=words)
    return out.split(), packages


def test_tab_completes_commands_and_lab_names_without_loading_anything_slow() -> None:
    commands, packages = complete("netlab ", 1)
    assert {"run", "list", "show", "validate", "judge", "doctor", "schema", "new"} <= set(commands)
    assert not packages & set(SLOW)
    names, packages = complete("netlab run half", 2)
    assert names == sorted(path.parent.name for path in LABS.glob("half*/lab.yaml"))
    assert not packages & set(SLOW)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_tab_in_other_shells_loads_no_rich(shell: str) -> None:
    variables = {
        "_NETLAB_COMPLETE": f"complete_{shell}",
        "_TYPER_COMPLETE_ARGS": "netlab ",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    out, packages = loaded(**variables)
    assert "validate" in out
    assert not packages & set(SLOW)


def test_tab_completes_the_variants_of_the_lab_that_is_named(tmp_path: Path) -> None:
    folder = lab_folder(tmp_path)
    offered, packages = complete(f"netlab run hello --labs {folder} --variant ", 6)
    assert offered == ["other", "third"]
    assert "pydantic" not in packages


def test_tab_after_a_lab_that_is_not_there_offers_nothing_and_says_nothing() -> None:
    assert complete("netlab run no-such-lab --variant ", 4)[0] == []
