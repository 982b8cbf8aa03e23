"""Bringing netlab somewhere: the wheel of it, wheels of what it needs, the environment made of them; here, for real."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import netlab
from netlab.errors import TargetError
from netlab.targets._bring import Upload, ask, bring
from netlab.targets._bring_fetch import fetch, pip_here, platforms
from netlab.targets._bring_installed import packed
from netlab.targets._bring_wheel import Parcel, parcel_of_this
from netlab.targets.local import LocalFar
from tests.kernel.ways import until

DAY = 86400.0


def start(words: Any) -> LocalFar:
    return LocalFar(list(words))


@pytest.fixture
def far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where environments are kept on the far host, which is this one."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    yield tmp_path / "netlab" / "far"


def find(key: str = "0-none") -> dict[str, Any]:
    return ask(start, "here", {"do": "find", "key": key, "switches": []})


def uploads() -> list[Upload]:
    """netlab alone: enough to see that it arrives."""
    return [Upload.of(Parcel.name, parcel_of_this().wheel)]


def test_wheel_is_one_that_pip_installs(tmp_path: Path) -> None:
    parcel = parcel_of_this()
    again = Parcel()
    again.files = parcel.files
    assert (again.key, again.wheel) == (parcel.key, parcel.wheel)
    (tmp_path / parcel.name).write_bytes(parcel.wheel)
    words = ["install", "-q", "--no-index", "--no-deps", "--no-compile", "--target", str(tmp_path / "site")]
    pip = pip_here()
    assert pip is not None
    subprocess.run([*pip, *words, str(tmp_path / parcel.name)], check=True, stdin=subprocess.DEVNULL)
    assert (tmp_path / "site/netlab/shipped/half-open/lab.yaml").is_file()
    code = "import netlab, importlib.metadata as m; print(netlab.__file__, m.version('netlab-faults'))"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout.split() == [str(tmp_path / "site/netlab/__init__.py"), netlab.__version__]


def test_another_content_has_another_key() -> None:
    one, other = Parcel(), Parcel()
    name = next(iter(one.files))
    other.files[name] += b"\n"
    assert one.key != other.key
    assert one.key.startswith(netlab.__version__)


def test_what_only_the_near_end_needs_stays_here() -> None:
    parcel = parcel_of_this()
    assert [text.partition(">")[0] for text in parcel.requirements] == ["pydantic", "pyroute2", "ruamel.yaml"]
    assert not [pin for pin in parcel.pins if pin.startswith(("paramiko", "rich", "typer", "cryptography"))]


def test_what_is_installed_travels_only_where_it_fits() -> None:
    there = find()
    wheels = packed(parcel_of_this(), there, platforms(there["libc"], there["machine"]))
    if wheels is not None:  # where netlab runs by the same Python as this machine's
        assert {name.partition("-")[0].lower() for name, _ in wheels} >= {"pydantic", "pydantic_core", "pyroute2"}
    for other in ({"abi": "cp399", "version": [3, 99, 0]}, {"machine": "s390x"}, {"libc": "musl 1.2"}):
        elsewhere = there | other
        assert packed(parcel_of_this(), elsewhere, platforms(elsewhere["libc"], elsewhere["machine"])) is None


def test_wheels_for_another_machine_are_fetched_once(far: Path) -> None:
    there = {"version": [3, 13, 1], "abi": "cp313", "machine": "aarch64", "libc": "musl 1.2"}
    try:
        wheels = fetch(parcel_of_this(), there)
    except TargetError as error:
        pytest.skip(f"pip cannot fetch wheels here: {error}")
    (core,) = [path for path in wheels if path.name.startswith("pydantic_core-")]
    assert "cp313-musllinux" in core.name
    assert "aarch64" in core.name
    assert all(zipfile.is_zipfile(path) for path in wheels)
    before = os.times()
    assert fetch(parcel_of_this(), there) == wheels
    after = os.times()
    assert (after.children_user, after.children_system) == (before.children_user, before.children_system)  # no pip ran
    assert [path.name for path in core.parent.parent.iterdir()] == [core.parent.name]


def test_environment_is_found_again_and_works(far: Path) -> None:
    told: list[str] = []
    try:
        python = bring(start, "here", told.append)
    except TargetError as error:
        pytest.skip(f"pip cannot fetch wheels here: {error}")
    assert bring(start, "here", told.append) == python
    assert len(told) == 2
    code = "import netlab.kernel.netlink, netlab.lab.loading, netlab; print(netlab.__file__)"
    said = subprocess.run([python, "-c", code], capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"})
    assert said.stdout.startswith(str(far)), said.stderr


def test_two_at_once_do_not_disturb_each_other(far: Path) -> None:
    answers: list[str] = []

    def one() -> None:
        answers.append(ask(start, "here", {"do": "unpack", "key": "1-same"}, uploads())["python"])

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 3
    assert len(set(answers)) == 1
    assert Path(answers[0]).exists()
    assert len(list(far.iterdir())) == 1
    assert find("1-same")["python"] == answers[0]


@pytest.mark.parametrize("how", ["killed", "hung up"])
def test_a_cut_in_the_middle_leaves_nothing_that_looks_complete(far: Path, how: str) -> None:
    started: list[LocalFar] = []

    def cut(words: Any) -> LocalFar:
        started.append(start(words))
        return started[-1]

    class Torn(Exception):
        pass

    def torn() -> Any:
        until(lambda: far.is_dir() and len(list(far.iterdir())) == 1)
        if how == "killed":
            os.kill(started[-1].pid, signal.SIGKILL)
            os.waitid(os.P_PID, started[-1].pid, os.WEXITED | os.WNOWAIT)
        raise Torn

    with pytest.raises(Torn):
        ask(cut, "here", {"do": "unpack", "key": "1-cut"}, [Upload("a.whl", 1000, "", torn)])
    assert find("1-cut")["python"] == ""
    if how == "hung up":
        assert list(far.iterdir()) == []
    else:
        (left,) = far.iterdir()
        assert ".part-" in left.name
        os.utime(left, (time.time() - 100,) * 2)
        find()
        assert list(far.iterdir()) == []


def test_what_arrives_damaged_is_not_used(far: Path) -> None:
    good = uploads()[0]
    with pytest.raises(TargetError, match="arrived damaged"):
        ask(start, "here", {"do": "unpack", "key": "1-bad"}, [Upload(good.name, good.size, "00", good.open)])
    assert list(far.iterdir()) == []


def test_old_environments_go_and_recent_ones_stay(far: Path) -> None:
    for number, age in enumerate([0.5, 2, 3, 4, 5, 6, 7, 13, 15]):
        (far / f"old{number}").mkdir(parents=True)
        os.utime(far / f"old{number}", (time.time() - age * DAY,) * 2)
    find()
    assert sorted(path.name for path in far.iterdir()) == [f"old{number}" for number in range(6)]


def test_a_python_that_is_gone_is_not_offered(far: Path) -> None:
    python = Path(ask(start, "here", {"do": "unpack", "key": "1-gone"}, uploads())["python"])
    python.unlink()
    assert find("1-gone")["python"] == ""
    assert list(far.iterdir()) == []
