"""A microVM for real: labs are played in it on stock kernels, and nothing is left of it, whatever dies."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import netlab
from netlab.agent import process
from netlab.api import OpenTarget
from netlab.errors import NeedError, TargetError, UsageError
from netlab.records import Verdict
from netlab.remote.near import There
from netlab.targets import _microvm_accel as accel
from netlab.targets import _microvm_frames as frames
from netlab.targets import _microvm_kernels as kernels
from netlab.targets import _microvm_qemu as qemu
from netlab.targets import at
from netlab.targets.microvm import available
from tests.cli.command import environment
from tests.cli.command import netlab as command
from tests.microvm import require
from tests.remote.test_contract import (
    test_ctrl_c_ends_the_run_there_in_order_and_the_next_one_goes_on,
    test_directory_that_is_not_empty_is_refused,
    test_half_open_is_there_what_it_is_here,
    test_programs_travel_with_their_folder,
    test_what_fails_here_fails_there,
    test_what_that_machine_lacks_is_an_error_of_this_one_and_leaves_no_directory,
)

CONTRACT = (
    test_ctrl_c_ends_the_run_there_in_order_and_the_next_one_goes_on,
    test_directory_that_is_not_empty_is_refused,
    test_half_open_is_there_what_it_is_here,
    test_programs_travel_with_their_folder,
    test_what_fails_here_fails_there,
    test_what_that_machine_lacks_is_an_error_of_this_one_and_leaves_no_directory,
)
"""What every target keeps (tests/remote), here in the session's one VM."""


@pytest.fixture
def there(microvm: OpenTarget) -> There:
    """The session's VM, as the contract's tests take a target."""
    return microvm._there


def child_of(pid: int) -> int:
    """The only child of a process, as soon as it has one."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if children and Path(f"/proc/{children[0]}/comm").read_text().startswith("qemu"):
            return int(children[0])
        time.sleep(0.01)
    raise AssertionError("it started no QEMU")


def test_frames_are_whole_however_they_arrive() -> None:
    said = [(frames.START, b""), (frames.DATA, b"x" * 70_000), (frames.END, b"")]
    sent = b"".join(frames.frame(*each) for each in said)
    for size in (1, 7, 65536, len(sent)):
        taker = frames.Frames()
        heard = [each for start in range(0, len(sent), size) for each in taker.take(sent[start : start + size])]
        assert heard == said


def test_guest_is_another_kernel_and_netlab_there_is_this_one(microvm: OpenTarget, tmp_path: Path) -> None:
    record = microvm.run("basic", out=tmp_path / "run")
    assert record.verdict is Verdict.PASS, record.sentence
    assert record.environment.kernel == kernels.newest().version != os.uname().release
    assert record.environment.netlab == netlab.__version__


def test_wall_clock_is_the_hosts(microvm: OpenTarget, tmp_path: Path) -> None:
    from datetime import UTC, datetime

    before = datetime.now(UTC)
    record = microvm.run("basic", out=tmp_path / "run")
    assert abs((datetime.fromisoformat(record.environment.started) - before).total_seconds()) < 60


def test_far_ends_follow_each_other_in_one_vm(microvm: OpenTarget, tmp_path: Path) -> None:
    """A far end that ended leaves the VM as warm as it was: the next one answers without a boot."""
    microvm._there._hang_up()
    target = microvm._there.target
    for _ in range(2):
        far = target.start()
        assert b'"hello"' in (far.stdout.read(4096) or b"")
        far.stdin.close()
        assert far.wait() == 0, far.said()
    far = target.start()
    far.close()
    assert far.wait() == -signal.SIGKILL


def test_far_end_that_is_over_does_not_speak_for_the_next_one(microvm: OpenTarget) -> None:
    """Python closes a standard input that nobody refers to any more whenever it likes."""
    microvm._there._hang_up()
    first = microvm._there.target.start()
    second = microvm._there.target.start()
    with pytest.raises(TargetError, match="another one is there"):
        first.stdin.write(b"hello")
    first.stdin.close()
    assert b'"hello"' in (second.stdout.read(4096) or b"")
    assert b'"alive"' in (second.stdout.read(4096) or b"")
    second.close()


def test_kernel_that_is_not_there_is_a_mistake() -> None:
    with pytest.raises(UsageError, match="no such file"):
        at("microvm:/nowhere/vmlinuz-6.1").open()


def test_what_is_lacking_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    found = available()
    assert (found.status, found.text) == ("no", "start a microVM: there is no qemu-system-x86_64")
    assert "qemu-system-x86" in found.remedy
    with pytest.raises(NeedError):
        at("microvm:").open()


@pytest.mark.parametrize(("system", "processor"), [("darwin", "x86_64"), ("linux", "aarch64")])
def test_machine_for_which_it_was_not_done_is_told_before_anything_else(
    system: str, processor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr("platform.machine", lambda: processor)
    with pytest.raises(NeedError, match=f"this is {system} on {processor}, and only Linux on x86_64 was done; --on"):
        at("microvm:").open()
    assert available().status == "no"


def test_guest_that_does_not_come_up_shows_its_console(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its init is no program of netlab's: the kernel panics, and the message has what was said before."""
    require()
    from netlab.targets import microvm as module

    monkeypatch.setattr(module, "_init", lambda kernel: ["/bin/sh", "-c", "echo nothing to serve"])
    told = r"(?s)it is gone.*nothing to serve.*Attempted to kill init"
    with pytest.raises(TargetError, match=told), at("microvm:"):
        raise AssertionError("it is up")


@pytest.mark.parametrize("moment", ["started", "booting"])
def test_killed_netlab_leaves_no_qemu(moment: str, tmp_path: Path) -> None:
    require()
    process = subprocess.Popen(
        [sys.executable, "-m", "netlab", "run", "basic", "--on", "microvm:", "--out", str(tmp_path / "run")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )
    pidfd = os.pidfd_open(child_of(process.pid))
    if moment == "booting":
        select.select([pidfd], [], [], 2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    ended, _, _ = select.select([pidfd], [], [], 30)
    os.close(pidfd)
    assert ended, "QEMU outlives netlab"


def test_netlab_that_is_killed_before_qemu_has_begun_leaves_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Then the kernel tells nobody that the parent has died: QEMU's first moment finds it out."""
    program = tmp_path / qemu.PROGRAM
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    gate, opened = os.pipe()
    report, reported = os.pipe()
    child = os.fork()
    if child == 0:
        in_time = process.die_with_parent

        def late(lifeline: int) -> None:
            os.write(reported, str(os.getpid()).encode())
            os.read(gate, 1)
            in_time(lifeline)

        monkeypatch.setattr(process, "die_with_parent", late)
        qemu.Qemu(qemu.TCG, qemu.Image(Path("/boot/vmlinuz"), None, ()), 1, 256)
        os._exit(0)
    begun = int(os.read(report, 16))
    with os.fdopen(os.pidfd_open(begun), "rb") as pidfd:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.write(opened, b"x")
        ended, _, _ = select.select([pidfd], [], [], 30)
        if not ended:
            os.kill(begun, signal.SIGKILL)
    for fd in (gate, opened, report, reported):
        os.close(fd)
    assert ended, "QEMU outlives netlab"


# --- which acceleration ---


def test_kernel_alone_ends_qemu_where_acceleration_works() -> None:
    """The trial, with the one that works everywhere: emulation."""
    require()
    assert accel.works(qemu.TCG, kernels.newest().image, 120)


def test_hanging_acceleration_is_found_out_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A guest that hangs in its first moment, as under some hypervisors' /dev/kvm."""
    program = tmp_path / qemu.PROGRAM
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o755)
    device = tmp_path / "kvm"
    device.touch()
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(accel, "DEVICE", device)
    monkeypatch.setattr(accel, "WITHIN_S", 0.2)
    told: list[str] = []
    assert accel.choose(Path("/boot/vmlinuz"), told.append) == qemu.TCG
    assert accel.choose(Path("/boot/vmlinuz"), told.append) == qemu.TCG
    assert len(told) == 1
    program.write_text("#!/bin/sh\nexit 0\n# another QEMU\n")
    monkeypatch.setattr(accel, "WITHIN_S", 60)
    assert accel.choose(Path("/boot/vmlinuz"), told.append) == qemu.KVM
    assert len(told) == 2


# --- a lab on several kernels ---


def two_kernels() -> list[str]:
    """The options for Linux 6.1, which has no reset reasons, and 6.12, which has."""
    words = [word for word in ("6.1", "6.12") if available(word).status == "yes"]
    if len(words) < 2:
        pytest.skip("no microVM can be booted with each of Linux 6.1 and 6.12")
    return [each for word in words for each in ("--kernel", word)]


def test_matrix_tells_what_each_kernel_could_not(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "netlab", "run", "half-open", *two_kernels(), "--json", "--out", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    old, new = json.loads(done.stdout)
    assert [cell["verdict"] for cell in (old, new)] == ["pass", "pass"]
    assert old["kernel"].startswith("6.1.")
    assert new["kernel"].startswith("6.12.")
    assert "unknown to this kernel" in old["untold"]["kernel"]
    assert new["untold"] == {}
    assert (tmp_path / "out" / old["kernel"] / "record.json").is_file()


def test_matrix_that_is_interrupted_at_its_first_boot_leaves_nothing(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "netlab", "run", "basic", *two_kernels(), "--out", str(tmp_path / "out")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        start_new_session=True,
    )
    with os.fdopen(os.pidfd_open(child_of(process.pid)), "rb") as booting:
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert select.select([booting], [], [], 30)[0], "QEMU outlives netlab"
    assert process.returncode == 130, err
    assert out.startswith("basic: ")
    assert err.endswith("Ctrl-C ended it: 0 of 2 kernels were played\n")
    assert not (tmp_path / "out").exists()


def test_matrix_refuses_a_kernel_twice_before_it_boots_any(tmp_path: Path) -> None:
    require()
    version = kernels.newest().version
    done = command("run", "half-open", "--kernel", version, "--kernel", version, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "named already" in done.stderr
