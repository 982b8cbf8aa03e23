"""docs/oracles.md names tests and labs that exist, and handouts that lead to it name what it lists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "oracles.md").read_text(encoding="utf-8")


def test_its_links_and_tests_exist() -> None:
    links = [target for target in re.findall(r"\]\(([^)]+)\)", PAGE) if "://" not in target]
    tests = re.findall(r"`(tests/[^`]+)`", PAGE)
    assert links and tests
    missing = [path for path in links if not (ROOT / "docs" / path).exists()]
    assert missing + [path for path in tests if not (ROOT / path).exists()] == []


def test_the_labs_of_our_own_scripts_exist() -> None:
    rows = PAGE.split("what the script said", 1)[1].split("| --- | --- |", 1)[1].split("\n\n", 1)[0]
    labs = [lab for row in re.findall(r"^\| ([a-z0-9, -]+) \|", rows, re.MULTILINE) for lab in row.split(", ")]
    assert len(labs) > 10 and [lab for lab in labs if not (ROOT / "labs" / lab).is_dir()] == []


HANDOUTS = [path for path in (ROOT / "labs").glob("*/README.md") if ".pkt`" in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("handout", HANDOUTS, ids=lambda path: path.parent.name)
def test_each_script_that_a_handout_names_is_on_the_page(handout: Path) -> None:
    named = re.findall(r"([a-z0-9_-]+\.pkt)`", handout.read_text(encoding="utf-8"))
    assert [script for script in named if script not in PAGE] == []
