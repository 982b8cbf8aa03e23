"""A small VM on this machine, with a stock kernel and this machine's own files: `microvm:`, `microvm:6.12`,
`microvm:/path/boot/vmlinuz-6.1.0-56-amd64`.

    netlab ──exec──▶ QEMU: a kernel, the host's root read-only (9p), no network
      └── a socket ══ virtio-serial ══ netlab's PID 1, which forks one far end after the other

Rules: no root is needed, nothing is installed, nothing is written to disk. The guest's Python is this one, with the
packages that this one has, and all that a run writes is in the guest's memory. Hardware acceleration where it works,
which is tried once and remembered for a while; software emulation otherwise.
"""

from __future__ import annotations

import json
import os
import select
import shlex
import socket
import struct
import sys
import time
from pathlib import Path

from netlab.errors import NeedError, TargetError, UsageError
from netlab.targets import Far, Target, Tell
from netlab.targets import _microvm_frames as frames
from netlab.targets import _microvm_initramfs as initramfs
from netlab.targets import _microvm_kernels as kernels
from netlab.targets._microvm_far import Conversation
from netlab.targets._microvm_qemu import KVM, TCG, Image, Qemu

WITHIN_S = {KVM: 30.0, TCG: 120.0}
"""How long a boot may take: it takes about 3 s, and 10 s under emulation, on a machine that has nothing else to do."""
WORDS = {KVM: "KVM", TCG: "software emulation"}
PARAMETERS = ("console=ttyS0", "loglevel=4", "panic=-1")
GUEST = "from netlab.targets import _microvm_guest; _microvm_guest.main({!r})"


class Microvm(Target):
    """A VM of this process: it ends with it. Open it in a thread that lives as long (QEMU dies with its thread)."""

    form = "microvm:[KERNEL]"

    def __init__(self, url: str, tell: Tell) -> None:
        super().__init__(url, tell)
        scheme, _, self.kernel_word = url.partition(":")
        if scheme != "microvm":
            raise UsageError(f"{url}: not of the form {self.form}")
        self._qemu: Qemu | None = None
        self._conversation: Conversation | None = None

    def open(self) -> None:
        """Boot it. Raises: NeedError, UsageError, TargetError with the console's last lines."""
        kernel = kernels.named(self.kernel_word) if self.kernel_word else kernels.newest()
        lacking = kernels.lacks(kernel)
        if lacking:
            raise NeedError(f"boot a microVM: {lacking}")
        self._boot(kernel, TCG)

    def _boot(self, kernel: kernels.Kernel, accelerator: str) -> None:
        began = time.monotonic()
        self.tell(f"booting Linux {kernel.version} in a microVM ({WORDS[accelerator]})")
        image = initramfs.make(kernel, (), _init(kernel))
        ours, theirs = socket.socketpair()
        try:
            self._qemu = Qemu(
                accelerator, Image(str(kernel.image), image, PARAMETERS), 2, 1024, theirs
            )
        finally:
            os.close(image)
            theirs.close()
        self._conversation = Conversation(ours, self._qemu)
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
        if self._qemu is not None:
            self._qemu.end()
            self._qemu = None


def _init(kernel: kernels.Kernel) -> list[str]:
    """The guest's init: this Python, with the packages that it has here."""
    path = [str(Path(entry).absolute()) for entry in sys.path]
    code = f"import sys; sys.path[:] = {path!r}; {GUEST.format(str(kernel.modules))}"
    return [sys.executable, "-c", code]
