"""Each lab has a handout (README.md) that speaks of the lab as it is: its commands run, its variants are all told."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from netlab.lab import load, variants

LABS = Path(__file__).parents[2] / "labs"
FOLDERS = sorted(path.parent for path in LABS.glob("*/lab.yaml"))
SECTIONS = ["What you will see", "The command", "What it prints", "Why", "Try next"]


def handout(folder: Path) -> str:
    return (folder / "README.md").read_text(encoding="utf-8")


def commands(text: str) -> list[list[str]]:
    """Every `netlab run …` in the text, as arguments."""
    found = re.findall(r"^netlab run [^\n]+$|(?<=`)netlab run [^`\n]+(?=`)", text, re.MULTILINE)
    return [shlex.split(command)[2:] for command in found]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_handout_has_its_sections_in_order(folder: Path) -> None:
    headings = re.findall(r"^## (.+)$", handout(folder), re.MULTILINE)
    assert [heading for heading in headings if heading in SECTIONS] == SECTIONS
    assert "RFC 9293" in handout(folder) and re.search(r"Seen on Linux \d+\.\d+", handout(folder))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_its_commands_name_variants_and_parameters_that_exist(folder: Path) -> None:
    own = [arguments for arguments in commands(handout(folder)) if arguments[0] == folder.name]
    assert [folder.name] in own
    for _, *options in own:
        pairs = list(zip(options[::2], options[1::2], strict=True))
        variant = next((value for name, value in pairs if name == "--variant"), None)
        chosen = dict(value.split("=", 1) for name, value in pairs if name == "--set")
        assert load(folder / "lab.yaml", variant, chosen).name == folder.name


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_it_tells_every_variant(folder: Path) -> None:
    told = {arguments[2] for arguments in commands(handout(folder)) if "--variant" in arguments}
    told |= set(re.findall(r"--variant ([a-z0-9-]+)", handout(folder)))
    assert set(variants(folder / "lab.yaml")) <= told


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_what_it_prints_is_the_output_of_a_run_that_passed(folder: Path) -> None:
    printed = handout(folder).split("## What it prints", 1)[1].split("```text\n", 1)[1].split("\n```", 1)[0]
    title = load(folder / "lab.yaml").title
    assert printed.startswith(f"{folder.name}  {title}\n")
    assert f"\n✓ PASS  {folder.name}: " in printed and "✗ FAIL" not in printed
    assert max(map(len, printed.splitlines())) <= 100


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_its_links_lead_somewhere(folder: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", handout(folder)):
        assert (folder / target).exists(), target
