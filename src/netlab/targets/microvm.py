"""A small VM on this machine, with a stock kernel and this machine's own files: `microvm:`, `microvm:6.12`,
`microvm:/path/boot/vmlinuz-6.1.0-56-amd64`.

    netlab ──exec──▶ QEMU: a kernel, the host's root read-only (9p), no network
      └── a socket ══ virtio-serial ══ netlab's PID 1, which forks one far end after the other

Rules: no root is needed, nothing is installed, nothing is written to disk. The guest's Python is this one, with the
packages that this one has, and all that a run writes is in the guest's memory. Hardware acceleration where it works,
which is tried once and remembered for a while; software emulation otherwise.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from pathlib import Path

from netlab.errors import NeedError, TargetError, UsageError
from netlab.probes import Finding
from netlab.targets import Far, Target, Tell
from netlab.targets import _microvm_accel as accel
from netlab.targets import _microvm_initramfs as initramfs
from netlab.targets import _microvm_kernels as kernels
from netlab.targets import _microvm_packed as packed
from netlab.targets._microvm_far import Conversation
from netlab.targets._microvm_qemu import KVM, TCG, Image, Qemu, program

WITHIN_S = {KVM: 60.0, TCG: 300.0}
"""How long a boot may take: about 3 s, and 25 s under emulation, on a machine that has nothing else to do."""
WORDS = {KVM: "KVM", TCG: "software emulation"}
CPUS = min(2, os.cpu_count() or 1)
"""Emulated, two boot a fifth slower than one (44 s against 36 s on a busy machine), and play half-open in 6 to 9 s
instead of 10 to 12 s."""
MEMORY_MIB = 1024
"""QEMU took 450 with a lab in it; the rest is for captures, which lie in memory. Only what is touched is taken."""
PARAMETERS = (
    *("console=ttyS0", "loglevel=4", "panic=-1"),
    # On a busy machine an emulated timer's ticks come late, and the kernel takes it for broken, and panics.
    "no_timer_check",
    # The rest saves time under emulation, a third of a boot: no self-tests of ciphers, programs at the same addresses
    # (so that what was translated for one serves the next), no detours around flaws of processors; and the clock is the
    # processor's counter, which the kernel does not trust by itself there, instead of a device's.
    *("cryptomgr.notests", "norandmaps", "mitigations=off", "tsc=reliable"),
)
GUEST = "from netlab.targets import _microvm_guest; _microvm_guest.main({!r})"


class Microvm(Target):
    """A VM of this process: it ends with it. Open it in a thread that lives as long (QEMU dies with its thread)."""

    form = "microvm:[KERNEL]"

    def __init__(self, url: str, tell: Tell) -> None:
        super().__init__(url, tell)
        scheme, _, self.kernel_word = url.partition(":")
        if scheme != "microvm":
            raise UsageError(f"{url}: not of the form {self.form}")
        self._conversation: Conversation | None = None

    def open(self) -> None:
        """Boot it. Raises: NeedError, UsageError, TargetError with the console's last lines."""
        kernel = kernel_for(self.kernel_word)
        accelerator = accel.choose(kernel.image, self.tell)
        try:
            self._boot(kernel, accelerator)
        except TargetError:
            if accelerator != KVM:
                raise
            accel.remember(TCG)
            self.close()
            self.tell("it does not boot under KVM")
            self._boot(kernel, TCG)

    def _boot(self, kernel: kernels.Kernel, accelerator: str) -> None:
        began = time.monotonic()
        self.tell(f"booting Linux {kernel.version} in a microVM ({WORDS[accelerator]})")
        initrd = initramfs.make(kernel, _init(kernel))
        unpacked = None
        try:
            unpacked = packed.vmlinux(kernel.image) if accelerator == TCG else None
            image = Image(kernel.image if unpacked is None else unpacked, initrd, PARAMETERS)
            self._conversation = Conversation(Qemu(accelerator, image, CPUS, MEMORY_MIB))
        finally:
            os.close(initrd)
            if unpacked is not None:
                os.close(unpacked)
        self._conversation.await_ready(began + WITHIN_S[accelerator])
        self.tell(f"Linux {kernel.version} is up after {time.monotonic() - began:.0f} s")

    def start(self) -> Far:
        """Start a far end. Raises: TargetError where the VM is gone."""
        assert self._conversation is not None, "open it first"
        return self._conversation.start()

    def close(self) -> None:
        """Switch it off."""
        if self._conversation is not None:
            self._conversation.close()
            self._conversation = None


def available(word: str = "") -> Finding:
    """Whether a microVM could be booted here with this kernel (default: the newest with netem); nothing is booted."""
    try:
        _require_this_machine()
        qemu = program()
        initramfs.require()
        kernel = kernel_for(word)
    except (NeedError, UsageError) as problem:
        what, _, remedy = str(problem).partition("; ")
        return Finding("no", what, remedy)
    return Finding("yes", f"Linux {kernel.version} under {qemu}")


def kernel_for(word: str) -> kernels.Kernel:
    """The kernel to boot. Raises: NeedError, UsageError."""
    _require_this_machine()
    if not word:
        return kernels.newest()
    kernel = kernels.named(word)
    lacking = kernels.lacks(kernel)
    if lacking:
        raise NeedError(f"boot a microVM: {lacking}")
    return kernel


def _require_this_machine() -> None:
    """Raises: NeedError where it is none of those for which microVMs were done."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise NeedError(
            f"start a microVM: this is {sys.platform} on {platform.machine()}, and only Linux on x86_64 was done; "
            "--on vagrant: has a Linux of its own"
        )


def _init(kernel: kernels.Kernel) -> list[str]:
    """The guest's init: this Python, with the packages that it has here."""
    path = [str(Path(entry).absolute()) for entry in sys.path]
    code = f"import sys; sys.path[:] = {path!r}; {GUEST.format(str(kernel.modules))}"
    return [sys.executable, "-c", code]
