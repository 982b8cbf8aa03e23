"""Every probe, for real: it answers in time, says what to do, and leaves nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from netlab.errors import NeedError
from netlab.probes import PROBES, Finding, _remedies, _trial
from netlab.probes.other_netlab import OtherNetlab, commands

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="tries Linux itself")
PATIENCE_S = 1.0
"""Of a processor's time, which a machine that runs other tests does not stretch. The slowest, paramiko and psycopg,
take 0.3 s."""


def spent_s() -> float:
    """The processor's time that this process and its ended children took so far."""
    return sum(os.times()[:4])


@pytest.mark.parametrize("word", PROBES.words)
def test_probe_answers_in_time_and_says_what_to_do(word: str) -> None:
    before = spent_s()
    finding = PROBES[word]().probe()
    assert spent_s() - before < PATIENCE_S
    assert finding.status in ("yes", "no", "unknown")
    assert finding.text
    assert finding.status == "yes" or finding.remedy
    assert PROBES[word].question.endswith("?")


@linux
@pytest.mark.parametrize("word", PROBES.words)
def test_probe_leaves_no_child_descriptor_or_link(word: str) -> None:
    def world() -> tuple[list[str], list[str], str, int]:
        links = Path("/proc/net/dev").read_text().splitlines()
        children = sorted(path.read_text() for path in Path("/proc/self/task").glob("*/children"))
        files = sorted(map(str, Path("/proc/self/fd").iterdir()))
        return files, children, Path("/proc/self/mounts").read_text(), len(links)

    PROBES[word]().probe()  # whatever is imported once is imported now
    before = world()
    PROBES[word]().probe()
    assert world() == before


@linux
def test_what_every_lab_needs_is_here() -> None:
    """The rest of the suite cannot run where these say no."""
    needed = {word: PROBES[word]().probe() for word in PROBES.words if PROBES[word].required}
    assert {word: finding.status for word, finding in needed.items()} == dict.fromkeys(needed, "yes"), needed
    assert set(needed) == {"namespaces", "packet-capture", "python"}


@linux
def test_root_probe_agrees_with_the_user_id() -> None:
    assert PROBES["root"]().probe().status == ("yes" if os.geteuid() == 0 else "no")


@linux
def test_probes_side_by_side_find_the_same_as_one_after_the_other() -> None:
    probes = [PROBES[word] for word in PROBES.words]
    together = {probe.word: finding.status for probe, finding in _trial.examine(probes)}
    assert together == {probe.word: probe().probe().status for probe in probes}


@linux
def test_trial_that_hangs_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_trial, "SECONDS", 1)
    read_end, write_end = os.pipe()
    finding = _trial.in_child(lambda: Finding("yes", str(os.read(read_end, 1))))
    os.close(read_end)
    os.close(write_end)
    assert finding.status == "unknown"
    assert "signal 14" in finding.text


@linux
def test_trial_that_raises_is_no_for_a_lack_and_unknown_for_a_defect() -> None:
    def lack() -> Finding:
        raise NeedError("no such thing here")

    def defect() -> Finding:
        raise ZeroDivisionError

    assert _trial.in_child(lack) == Finding("no", "no such thing here")
    assert _trial.in_child(defect).status == "unknown"


@linux
def test_trial_beside_threads_does_not_warn() -> None:
    import threading

    release = threading.Event()
    threads = [threading.Thread(target=release.wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert _trial.in_child(lambda: Finding("yes", "fine")).status == "yes"
    finally:
        release.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize(
    ("path", "value", "command"),
    [
        (
            "kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        ("kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
        ("user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=10000"),
    ],
)
def test_remedy_names_the_switch_that_refuses(
    path: str, value: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_remedies, "sysctl", {path: value}.get)
    assert command in _remedies.for_namespaces()


def test_remedy_on_ubuntu_has_a_profile_for_this_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shell makes of it what apparmor_parser reads."""
    monkeypatch.setattr(_remedies, "sysctl", {_remedies.APPARMOR: "1"}.get)
    commands = [line for line in _remedies.for_namespaces().splitlines() if line.startswith(" ")]
    printf, _, _ = commands[0].partition(" | ")
    profile = subprocess.run(["/bin/sh", "-c", printf], capture_output=True, text=True, check=True).stdout
    python = Path(sys.executable).resolve()
    assert profile == f'abi <abi/4.0>,\nprofile netlab "{python}" flags=(unconfined) {{\n  userns,\n}}\n'
    assert commands[-1].strip() == "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"


def test_remedy_on_another_machine_names_the_switch_alone() -> None:
    assert "apparmor_parser" not in _remedies.for_namespaces({_remedies.APPARMOR: "1"}.get)


def test_remedy_without_such_a_switch_is_root_or_the_container(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_remedies, "sysctl", {}.get)
    assert "--cap-add SYS_ADMIN" in _remedies.for_namespaces()


def script(folder: Path, text: str) -> Path:
    folder.mkdir()
    file = folder / "netlab"
    file.write_text(text)
    file.chmod(0o755)
    return file


def test_other_netlab_on_the_path_is_told_from_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = script(tmp_path / "ours", "#!/usr/bin/python3\nfrom netlab.cli import main\nmain()\n")
    theirs = script(tmp_path / "theirs", "#!/usr/bin/python3\nimport netsim.cli\nnetsim.cli.lab_commands(__file__)\n")
    monkeypatch.setenv("PATH", os.pathsep.join(map(str, (ours.parent, theirs.parent, ours.parent, tmp_path / "no"))))
    finding = OtherNetlab().probe()
    assert finding.status == "no"
    assert str(theirs) in finding.text
    assert str(ours) not in finding.text
    assert "netlab --version" in finding.remedy


def test_only_ours_on_the_path_is_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = script(tmp_path / "ours", "#!/usr/bin/python3\nfrom netlab.cli import main\nmain()\n")
    monkeypatch.setenv("PATH", str(ours.parent))
    assert commands() == [ours]
    assert OtherNetlab().probe().status == "yes"


def test_probes_import_no_kernel_before_they_probe() -> None:
    code = (
        "import sys; from netlab.probes import PROBES; PROBES.all();"
        "print(*[name for name in sys.modules if name.startswith(('netlab.kernel', 'netlab.agent', 'pyroute2'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
