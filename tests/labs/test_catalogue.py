"""Every lab of the catalogue, in every variant, passes as itself: from the command line, against the real kernel."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

LABS = Path(__file__).parents[2] / "labs"


def netlab(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "netlab", *arguments], capture_output=True, text=True, check=False)


def catalogue() -> list[tuple[str, str | None]]:
    """Each lab with each of its variants."""
    listed = json.loads(netlab("list", "--json", "--labs", str(LABS)).stdout)
    return [(lab["name"], variant) for lab in listed["labs"] for variant in (None, *lab["variants"])]


def run(name: str, out: Path, *more: str) -> tuple[int, dict[str, Any]]:
    """Play a lab into `out`: its exit code and its record."""
    done = netlab("run", str(LABS / name), "--json", "--out", str(out), *more)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize(("name", "variant"), catalogue(), ids=lambda value: value or "default")
def test_lab_passes_as_itself(name: str, variant: str | None, tmp_path: Path) -> None:
    code, record = run(name, tmp_path / "run", *(("--variant", variant) if variant else ()))
    failed = [check for check in record["checks"] if check["verdict"] != "pass"]
    assert (code, record["verdict"]) == (0, "pass"), failed
    assert json.loads((tmp_path / "run" / "record.json").read_text()) == record


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
@pytest.mark.parametrize("variant", [None, "down", "cable", "orphan-alive", "fin-escapes", "paused"])
def test_half_open_over_both_families(variant: str | None, family: str, tmp_path: Path) -> None:
    chosen = ("--variant", variant) if variant else ()
    code, record = run("half-open", tmp_path / "run", "--set", f"family={family}", *chosen)
    assert code == 0, [check for check in record["checks"] if check["verdict"] != "pass"]


EXPECTED_RESETS = {
    None: ["NO_SOCKET"],
    "down": ["NO_SOCKET"],
    "cable": ["NO_SOCKET"],
    "orphan-alive": ["TCP_ABORT_ON_DATA"],
    "paused": [],
}


@pytest.mark.parametrize("variant", EXPECTED_RESETS)
def test_the_same_rst_has_another_reason_in_each_variant(variant: str | None, tmp_path: Path) -> None:
    chosen = ("--variant", variant) if variant else ()
    _, record = run("half-open", tmp_path / "run", *chosen)
    assert [reset["reason"] for reset in record["resets"]] == EXPECTED_RESETS[variant]
