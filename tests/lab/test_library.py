"""Labs by name: where they are looked for, and what is said of one that is not there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from netlab.errors import UsageError
from netlab.lab import library
from netlab.lab.library import catalogue, find, names, shipped, variants
from netlab.lab.template import lab_file


def put(folder: Path, name: str, text: str = "") -> Path:
    path = folder / name / "lab.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(text or lab_file(name))
    return path


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and no shipped labs but `far`."""
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "shipped", "far")
    monkeypatch.setattr(library, "shipped", lambda: tmp_path / "shipped")
    return tmp_path


def test_a_name_is_looked_up_in_labs_then_in_the_named_folders_then_in_what_is_shipped(here: Path) -> None:
    assert find("far") == here / "shipped/far/lab.yaml"
    other = put(here / "other", "far")
    assert find("far", [here / "other"]) == other
    put(here / "labs", "far")
    assert find("far", [here / "other"]) == Path("labs/far/lab.yaml")


def test_a_path_is_taken_as_it_is(here: Path) -> None:
    path = put(here / "elsewhere", "mine")
    assert find(str(path)) == path and find(path) == path and find(str(path.parent)) == path
    assert find("elsewhere/mine/") == Path("elsewhere/mine/lab.yaml")


def test_a_name_wins_over_a_folder_of_that_name(here: Path) -> None:
    put(here, "far")
    assert find("far") == here / "shipped/far/lab.yaml"
    assert find("./far/lab.yaml") == Path("far/lab.yaml")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("fra", "find the lab 'fra': no lab has this name; did you mean far?"),
        ("xyz", "find the lab 'xyz': no lab has this name; there is far"),
        ("xyz/lab.yaml", "find the lab 'xyz/lab.yaml': no such file; give a lab's name, its file, or its folder"),
        ("lab.yml", "find the lab 'lab.yml': no such file; give a lab's name, its file, or its folder"),
        ("./shipped", "find the lab './shipped': no lab has this name; there is far"),
        ("shipped/..", "find the lab 'shipped/..': no lab.yaml in it; give a lab's name, its file, or its folder"),
        ("a\0b", "find the lab 'a\\x00b': no lab has this name; there is far"),
        ("", "find the lab '': no lab has this name; there is far"),
    ],
)
def test_an_unknown_lab_is_the_users_mistake(here: Path, wanted: str, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        find(wanted)
    assert str(caught.value) == expected


def test_a_lab_file_beside_is_pointed_at(here: Path) -> None:
    Path("mine.yaml").write_text("")
    with pytest.raises(UsageError, match=r"no lab has this name, but mine\.yaml is here; give the file: mine\.yaml"):
        find("mine")


def test_names_are_sorted_and_each_is_there_once(here: Path) -> None:
    put(here / "labs", "zoo")
    put(here / "labs", "far")
    (here / "labs" / "empty").mkdir()
    (here / "labs" / "file").write_text("")
    assert list(names()) == ["far", "zoo"] and names(["missing"]) == names()


def test_the_catalogue_shows_titles_variants_and_what_is_broken(here: Path) -> None:
    put(here / "labs", "broken", "name: broken\n")
    good, bad = {entry.name: entry for entry in catalogue()}["far"], catalogue()[0]
    assert (good.title, good.variants) == (
        "A client says hello, and the server reads it",
        {"long": "the message is longer"},
    )
    assert good.claim.startswith("what the client sends") and good.error is None
    assert bad.name == "broken" and bad.error is not None and "hosts is missing" in bad.error


def test_variants_are_read_from_a_broken_lab_too(here: Path) -> None:
    path = put(here / "labs", "broken", "variants: {a: {title: one}, b: {}, c: 5}\n")
    assert variants(path) == {"a": "one", "b": "", "c": ""}


def test_the_shipped_labs_are_there() -> None:
    assert {"basic", "half-open", "half-close"} <= set(names([shipped()]))


def test_finding_imports_no_yaml_and_no_pydantic() -> None:
    program = (
        "import sys; from netlab.lab import find, names; find('basic'); names(); "
        "print([m for m in sys.modules if m.split('.')[0] in ('ruamel', 'pydantic')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
