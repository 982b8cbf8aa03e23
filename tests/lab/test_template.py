"""`netlab new`: a lab that is whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from netlab.errors import UsageError
from netlab.lab.loading import load
from netlab.lab.template import write


def test_a_new_lab_is_valid_in_each_variant_and_has_a_handout(tmp_path: Path) -> None:
    folder = write("my-lab", tmp_path / "labs")
    assert folder == tmp_path / "labs" / "my-lab"
    assert load(folder / "lab.yaml").parameters == {"message": "hello"}
    assert load(folder / "lab.yaml", "long").name == "my-lab"
    assert (folder / "README.md").read_text().startswith("# my-lab\n")


@pytest.mark.parametrize("name", ["", "My-Lab", "a/b", "..", "a b", "-a", "x" * 70, "a\n"])
def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="not a lab's name; small letters, digits and hyphens"):
        write(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_never_changed(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(UsageError, match=r"new mine: .*mine is there already; take another name"):
        write("mine", tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        write("mine", tmp_path / "file")
