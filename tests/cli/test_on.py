"""`--on` and `--kernel` at the command line. (tests/remote runs labs on targets.)"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command import GOOD_LAB, lab_folder, netlab
from tests.cli.test_light import SLOW, complete


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["hello", "--on", "nowhere:"], "no such target; there are local:, microvm:"),
        (["hello", "--on", "local"], "no such target"),
        (["hello", "--on", ""], "no such target"),
        (["hello", "--on", "local:x"], "local: is this machine, and takes no more"),
        (["hello", "--on", "local:", "--keep-open"], "--keep-open on local:"),
        (["--all", "--on", "local:", "--jobs", "4"], "one after the other; leave out --jobs"),
        (["hello", "--kernel", "6.1", "--on", "local:"], "leave out the other"),
        (["hello", "--kernel", "6.1", "--keep-open"], "leave out the other"),
        (["--all", "--kernel", "6.1"], "which lab?"),
    ],
)
def test_wrong_choice_of_a_place_exits_2_and_leaves_no_directory(
    tmp_path: Path, arguments: list[str], text: str
) -> None:
    done = netlab("run", *arguments, "--labs", lab_folder(tmp_path), cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert text in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()


def test_mistake_in_a_lab_is_found_here_before_anything_is_reached(tmp_path: Path) -> None:
    labs = lab_folder(tmp_path, text=GOOD_LAB.replace("{listen:", "{lisen:"))
    done = netlab("run", "hello", "--labs", labs, "--on", "ssh://nobody@127.0.0.1:1", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"{labs}/hello/lab.yaml:12:")
    assert not (tmp_path / "runs").exists()


def test_no_such_lab_is_told_before_a_target_is_reached(tmp_path: Path) -> None:
    done = netlab("claims", "no-such-lab", "--on", "ssh://nobody@127.0.0.1:1", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "no-such-lab" in done.stderr


def test_claims_run_on_a_target(tmp_path: Path) -> None:
    text = GOOD_LAB.replace("source:", "finding: confirmed\nsource:")
    done = netlab("claims", "hello", "--labs", lab_folder(tmp_path, text=text), "--on", "local:", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "found here: confirmed" in done.stdout
    assert "1 at once" in done.stderr
    (folder,) = (tmp_path / "runs").iterdir()
    assert netlab("judge", folder / "hello").returncode == 0


def test_tab_completes_the_kinds_of_targets_without_loading_anything_slow() -> None:
    offered, packages = complete("netlab run hello --on ", 4)
    assert {"local:", "microvm:", "ssh:", "vagrant:"} <= set(offered)
    assert not packages & set(SLOW)
