"""QEMU, as a child of this process: its command line, its console, its end.

Rules: it dies with this process, even by SIGKILL (PR_SET_PDEATHSIG, and a pipe against the race), and leaves nothing:
what it is given has no name (descriptors of an initramfs, a console, a socket), it gets no network and no disk, and the
host's root read-only. It is in a session of its own: Ctrl-C at the terminal is netlab's alone.

Why not virtme-ng's own runner: it forks QEMU and waits, runs virtiofsd in the background with its pid in a file, and
puts files into /tmp: a SIGKILL would leave all of that. And its init runs udev, 5 s of a boot under emulation.

Source: prctl(2), "the parent is the thread that created this process": start it from a thread that lives.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from netlab.errors import NeedError
from netlab.outputs._text import clean
from netlab.targets import _microvm_frames as frames

PROGRAM = "qemu-system-x86_64"
KVM, TCG = "kvm", "tcg"
MACHINE = {
    KVM: ("-accel", "kvm", "-cpu", "host"),
    # With cx16 Linux 6.12 panics at random under the emulation of QEMU 7.2: 4 of 22 boots, and none of 30 without.
    TCG: ("-accel", "tcg,thread=multi", "-cpu", "max,cx16=off"),
}
LAST_LINES = 12
PANIC = "Kernel panic"
"""Source: kernel/panic.c, panic."""


@dataclass(frozen=True)
class Image:
    """What to boot: a kernel (its file, or a descriptor), the descriptor of an initramfs, the kernel's parameters."""

    kernel: Path | int
    initramfs: int | None
    parameters: Sequence[str]


class Qemu:
    """A machine that was switched on. Without an initramfs it is a kernel alone: no root, no port."""

    def __init__(self, accelerator: str, image: Image, cpus: int, memory_mib: int) -> None:
        """Raises: NeedError where there is no QEMU for this machine."""
        from netlab.agent import process  # Linux only, as this is; but this module is imported anywhere

        line = [
            program(),
            *("-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-name", "netlab"),
            *("-machine", "q35", *MACHINE[accelerator], "-smp", str(cpus), "-m", f"{memory_mib}M"),
            *("-kernel", _file(image.kernel), "-append", " ".join(image.parameters)),
        ]
        self._words: list[str] = []
        self._console = os.memfd_create("netlab-console")
        self._said = os.memfd_create("netlab-qemu-stderr")
        lifeline, self._lifeline = os.pipe()
        self.port, theirs = socket.socketpair()
        line += ["-chardev", f"file,id=console,path={_file(self._console)}", "-serial", "chardev:console"]
        if image.initramfs is not None:
            line += ["-initrd", _file(image.initramfs), *_root(), *_port(theirs.fileno())]
        given = (image.kernel, image.initramfs, self._console, lifeline, theirs.fileno())

        def begin() -> None:
            os.close(self._lifeline)  # a copy, which would hide that the parent's is gone
            process.die_with_parent(lifeline)

        self._process = subprocess.Popen(
            line,
            pass_fds=[each for each in given if isinstance(each, int)],
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=self._said,
            start_new_session=True,
            preexec_fn=begin,
        )
        os.close(lifeline)
        theirs.close()

    @property
    def pid(self) -> int:
        """Its process id; it is this process's child."""
        return self._process.pid

    def wait(self, seconds: float) -> int | None:
        """Its exit status, where it ends within so long."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def last_words(self) -> str:
        """The last lines of its console, and what QEMU itself complained of."""
        if self._lifeline >= 0:
            console = _lines(self._console)
            panic = next((at for at, line in enumerate(console) if PANIC in line), len(console))
            self._words = console[: panic + 1] + _lines(self._said)  # what follows a panic is the kernel's own stack
        return "\n".join("  " + line for line in self._words[-LAST_LINES:]) or "  (it said nothing)"

    def end(self) -> None:
        """Switch it off, now: there is nothing to write back. Whoever reads or writes its port hears of it."""
        if self._lifeline < 0:
            return
        self._process.kill()
        self._process.wait()
        self.last_words()
        for fd in (self._lifeline, self._console, self._said):
            os.close(fd)
        self._lifeline = -1


def program() -> str:
    """Where QEMU is. Raises: NeedError where there is none."""
    found = shutil.which(PROGRAM)
    if found is None:
        raise NeedError(f"start a microVM: there is no {PROGRAM}; install the package qemu-system-x86 (qemu-kvm)")
    return found


def _file(each: Path | int) -> str:
    """How QEMU is told of a file that may have no name."""
    return f"/proc/self/fd/{each}" if isinstance(each, int) else str(each)


def _root() -> tuple[str, ...]:
    """The host's root, read-only, under the name by which virtme-ng's initramfs mounts it."""
    folder = "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap"
    return ("-fsdev", folder, "-device", "virtio-9p-pci,fsdev=root,mount_tag=/dev/root")


def _port(descriptor: int) -> tuple[str, ...]:
    device = f"virtserialport,chardev=port,name={frames.NAME}"
    return ("-chardev", f"socket,id=port,fd={descriptor}", "-device", "virtio-serial-pci", "-device", device)


def _lines(fd: int) -> list[str]:
    """The last lines of a file that is written to, without what moves a terminal's cursor."""
    size = os.fstat(fd).st_size
    text = os.pread(fd, 1 << 16, max(0, size - (1 << 16))).decode(errors="replace")
    return [clean(line).rstrip() for line in text.splitlines() if line.strip()]
