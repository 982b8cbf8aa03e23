"""What a run says of a claim, how that compares with what is recorded, and how it is shown."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from netlab.catalogue import html, markdown
from netlab.catalogue.claim import Row, exit_code, status, version
from netlab.catalogue.evidence import evidence
from netlab.catalogue.outcome import Outcome, Problem, problem
from netlab.lab import load, validate
from tests.catalogue.labs import FAILING, put

KERNEL = version(os.uname().release)


@pytest.fixture
def labs(tmp_path: Path) -> Path:
    """A folder of labs: one that passes, one that fails, and so on; no other labs are near."""
    put(tmp_path / "labs", "as-recorded", f'finding: {{expected: refuted, recorded: {{"{KERNEL}": refuted}}}}')
    put(
        tmp_path / "labs",
        "fails",
        f'finding: {{expected: confirmed, recorded: {{"{KERNEL}": confirmed}}}}',
        expect=FAILING,
    )
    put(tmp_path / "labs", "otherwise", f'finding: {{expected: confirmed, recorded: {{"{KERNEL}": depends}}}}')
    put(tmp_path / "labs", "unrecorded", 'finding: {expected: confirmed, recorded: {"2.6": confirmed}}')
    put(tmp_path / "labs", "silent", "")
    return tmp_path


def claims(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "netlab", "claims", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def rows(folder: Path, *names: str) -> tuple[int, dict[str, dict[str, Any]]]:
    done = claims(folder, *names, "--json")
    assert done.stdout, done.stderr
    return done.returncode, {row["lab"]: row for row in json.loads(done.stdout)}


def test_each_finding_is_compared_with_the_one_of_this_kernel(labs: Path) -> None:
    code, found = rows(labs, "as-recorded", "fails", "otherwise", "unrecorded", "silent")
    assert {name: (row["finding"], row["status"]) for name, row in found.items()} == {
        "as-recorded": ("refuted", "refuted"),
        "fails": ("otherwise", "changed"),
        "otherwise": ("confirmed", "changed"),
        "unrecorded": ("confirmed", "new"),
        "silent": (None, "unknown"),
    }
    assert code == 1
    assert re.search(r"packet \d+", found["fails"]["evidence"])
    assert found["unrecorded"]["recorded"] == {"2.6": "confirmed"} and found["unrecorded"]["kernel"] == KERNEL
    assert all(row["seconds"] > 0 and row["claim"] and row["evidence"] for row in found.values())


def test_the_exit_code_tells_changed_from_unknown_from_all_well(labs: Path) -> None:
    assert claims(labs, "as-recorded", "unrecorded").returncode == 0
    assert claims(labs, "as-recorded", "silent").returncode == 3
    assert claims(labs, "no-such-lab").returncode == 2


def test_a_lab_that_this_machine_cannot_play_is_unknown_with_its_remedy(labs: Path) -> None:
    finding = f'finding: {{expected: confirmed, recorded: {{"{KERNEL}": confirmed}}}}'
    put(labs / "labs", "needy", finding + "\nrequires: other-netlab")
    put(labs / "labs", "lacking", finding, more="").write_text(
        (labs / "labs/as-recorded/lab.yaml")
        .read_text()
        .replace("name: as-recorded", "name: lacking")
        .replace(
            "nics: {eth0: {ip: 10.0.0.1/24}}",
            "nics: {eth0: {ip: 10.0.0.1/24}}, programs: {app: {argv: [no-such-command]}}",
        )
        .replace("steps: # two of them", "steps:\n  - start: server.app")
    )
    code, found = rows(labs, "lacking", "as-recorded")
    assert (code, found["lacking"]["status"], found["lacking"]["finding"]) == (3, "unknown", None)
    assert "no such command: no-such-command; install it" in found["lacking"]["evidence"]
    assert found["as-recorded"]["status"] == "refuted"


def test_a_variant_is_a_row_where_it_claims_something_of_its_own(tmp_path: Path) -> None:
    variants = """\
variants:
  same: {title: no claim of its own}
  other: {title: another claim, claim: it is reached at once}
  refuted: {title: another finding, finding: refuted}
"""
    put(tmp_path / "labs", "many", "finding: confirmed", more=variants)
    found = json.loads(claims(tmp_path, "many", "--json").stdout)
    assert [(row["variant"], row["claim"][:13], row["finding"]) for row in found] == [
        (None, "a server that", "confirmed"),
        ("other", "it is reached", "confirmed"),
        ("refuted", "a server that", "refuted"),
    ]


def test_the_evidence_is_what_the_lab_points_at(tmp_path: Path) -> None:
    variants = "variants:\n  inherits: {title: t, claim: it is reached, steps: [server: {listen: 9000}]}\n"
    put(tmp_path / "labs", "step", "finding: {expected: confirmed, shown_by: dial}", more=variants)
    put(tmp_path / "labs", "word", "finding: {expected: confirmed, shown_by: never}")
    found = json.loads(claims(tmp_path, "step", "word", "--json").stdout)
    told = {(row["lab"], row["variant"]): row["evidence"] for row in found}
    assert told["step", None].startswith("client: connect server:9000")
    assert told["word", None] == "never R: none"
    assert "connect" not in told["step", "inherits"]


def test_what_is_pointed_at_must_be_there(tmp_path: Path) -> None:
    path = put(tmp_path / "labs", "wrong", "finding: {expected: confirmed, shown_by: dail}")
    (mistake,) = validate(path)
    assert mistake.text("f") == "f:5:42: no step with the id 'dail', and no such word in expect; did you mean dial?"


def test_of_a_problem_the_evidence_is_what_it_says_first_and_of_a_defect_what_that_comes_to() -> None:
    lost = Problem("need", "on microvm: it is gone; its console's last lines:\n  [    6.1] some driver: some words")
    assert evidence(Outcome(name="lab", problem=lost)) == "on microvm: it is gone; its console's last lines:"
    try:
        raise KeyError("what")
    except KeyError as error:
        assert evidence(Outcome(name="lab", problem=problem(error))) == "KeyError: 'what'"


def test_a_lab_file_with_mistakes_is_told_and_the_others_are_played(labs: Path) -> None:
    (labs / "labs/fails/lab.yaml").write_text("name: fails\n")
    code, found = rows(labs, "fails", "as-recorded")
    assert code == 2 and found["as-recorded"]["status"] == "refuted"
    assert found["fails"]["status"] == "unknown" and " is missing; " in found["fails"]["evidence"]


def test_a_lab_without_a_claim_is_no_row(labs: Path) -> None:
    path = labs / "labs/silent/lab.yaml"
    path.write_text("".join(line for line in path.read_text().splitlines(True) if not line.startswith("claim:")))
    assert list(rows(labs, "silent", "as-recorded")[1]) == ["as-recorded"]
    alone = claims(labs, "silent")
    assert alone.returncode == 2 and "claims of silent: no `claim` is in the lab file" in alone.stderr


def test_long_ones_are_left_out_and_said_so(labs: Path) -> None:
    put(labs / "labs", "slow", "finding: confirmed\ntakes: 11s")
    done = claims(labs, "as-recorded", "slow", "--json")
    assert [row["lab"] for row in json.loads(done.stdout)] == ["as-recorded"]
    assert "left out, as they take more than 10 s: slow; --long plays them" in done.stderr
    alone = claims(labs, "slow")
    assert alone.returncode == 2 and "say --long" in alone.stderr
    long = claims(labs, "slow", "--long")
    assert long.returncode == 0 and "takes 11 s of the kernel's time" in long.stderr


def test_record_writes_what_was_found_and_nothing_else(labs: Path) -> None:
    before = {path: path.read_text() for path in labs.rglob("lab.yaml")}
    done = claims(labs, "unrecorded", "otherwise", "fails", "silent", "as-recorded", "--record")
    assert len(re.findall("^recorded: ", done.stderr, re.MULTILINE)) == 2
    for path, text in before.items():
        changed = path.read_text()
        assert not validate(path) and changed.count("# two of them") == 1 and changed.count("# where it says so") == 1
        differing = [line for line in changed.splitlines() if line not in text.splitlines()]
        assert len(differing) == (path.parent.name in ("unrecorded", "otherwise"))
        assert all(line.startswith("finding: ") for line in differing)
    finding = load(labs / "labs/unrecorded/lab.yaml").finding
    assert finding is not None and finding.recorded == {"2.6": "confirmed", KERNEL: "confirmed"}
    assert claims(labs, "unrecorded", "otherwise").returncode == 0


# --- pure ---


def a_row(**changes: Any) -> Row:
    values: dict[str, Any] = {
        "lab": "half-open",
        "variant": None,
        "claim": "a | b <i>",
        "finding": "confirmed",
        "recorded": {"6.18": "confirmed"},
        "status": "confirmed",
        "evidence": '"world" (packet 25) was *answered* by RST & gone',
        "seconds": 1.0,
        "kernel": "6.18",
    }
    return Row(**{**values, **changes})


@pytest.mark.parametrize(
    ("finding", "recorded", "expected"),
    [
        ("confirmed", "confirmed", "confirmed"),
        ("refuted", "refuted", "refuted"),
        ("depends", "confirmed", "changed"),
        ("otherwise", "confirmed", "changed"),
        ("confirmed", None, "new"),
        ("otherwise", None, "new"),
        (None, "confirmed", "unknown"),
        (None, None, "unknown"),
    ],
)
def test_status(finding: Any, recorded: str | None, expected: str) -> None:
    assert status(finding, recorded) == expected


def test_exit_codes() -> None:
    new, unknown = a_row(status="new"), a_row(status="unknown", finding=None)
    assert [exit_code([]), exit_code([a_row(), new]), exit_code([new, unknown])] == [0, 0, 3]
    assert exit_code([unknown, a_row(status="changed")]) == 1
    assert exit_code([a_row(status="new", finding="otherwise")]) == 1, "a lab that fails is not well, recorded or not"


def test_a_kernels_version_is_its_major_and_minor() -> None:
    assert [version("6.18.1-arch1"), version("5.10.0-28-amd64"), version("6.1")] == ["6.18", "5.10", "6.1"]


def test_the_markdown_table_keeps_its_columns_whatever_the_text() -> None:
    pieces: list[str] = []
    markdown.write([a_row(), a_row(status="changed", finding="refuted")], pieces.append)
    head, rule, *lines = "".join(pieces).splitlines()
    for line in (head, rule, *lines[:2]):
        assert len(re.split(r"(?<!\\)\|", line)) == 8, line
    assert r"a \| b \<i\>" in lines[0] and r"\*answered\*" in lines[0]
    assert "changed, was confirmed" in lines[1]


class Page(HTMLParser):
    """Tags that are opened and closed, and what they refer to."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows = 0
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        self.rows += tag == "tr"
        if tag not in ("meta",):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_html_page_is_one_well_formed_file_that_needs_nothing_else() -> None:
    pieces: list[str] = []
    html.write([a_row(), a_row(variant="cable", status="new")], pieces.append)
    text = "".join(pieces)
    page = Page()
    page.feed(text)
    assert page.open == [] and page.rows == 3 and page.addresses == []
    assert "url(" not in text and "@import" not in text and "<script" not in text
    assert "a | b &lt;i&gt;" in text and "prefers-color-scheme: dark" in text
