"""Whether this machine's hardware acceleration works: found out by trying, and remembered for a while.

Rules: /dev/kvm says nothing: in some virtual machines it is there, and a guest hangs under it in its first moment. So
the kernel that is to be booted is started there alone; without a root it panics, which ends QEMU, and that must happen
in time. What was found is kept in ~/.cache/netlab for a day, for this very QEMU, kernel, processor and device, and for
this user's access to it; where nothing can be kept there, it is tried each time.

Sources: panic=-1 in Documentation/admin-guide/kernel-parameters.txt (reboot at once), qemu(1) -no-reboot.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

from netlab.targets._folders import cache
from netlab.targets._microvm_qemu import KVM, TCG, Image, Qemu, program

DEVICE = Path("/dev/kvm")
WITHIN_S = 6.0
"""It takes 1 s. A machine too busy for that is slower than it could be for a day, and nothing worse."""
FOR_S = 24 * 3600.0
PROCESSOR = ("vendor_id", "model name", "flags")


def choose(kernel: Path, tell: Callable[[str], None]) -> str:
    """KVM where it works, else TCG. Raises: NeedError where there is no QEMU."""
    if not os.access(DEVICE, os.R_OK | os.W_OK):
        return TCG
    file = cache() / "acceleration.json"
    key = _key()
    known = _recall(file, key)
    if known is None:
        tell("finding out whether KVM works here")
        known = KVM if works(KVM, kernel, WITHIN_S) else TCG
        remember(known, key)
    return known


def works(accelerator: str, kernel: Path, seconds: float) -> bool:
    """Whether a kernel gets as far as looking for its root."""
    qemu = Qemu(accelerator, Image(kernel, None, ("panic=-1",)), 1, 256)
    try:
        return qemu.wait(seconds) == 0
    finally:
        qemu.end()
        qemu.port.close()


def remember(accelerator: str, key: str | None = None) -> None:
    """Keep it for a day. Where that cannot be written, nothing is kept."""
    file = cache() / "acceleration.json"
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"key": key or _key(), "at": time.time(), "accelerator": accelerator}))


def _recall(file: Path, key: str) -> str | None:
    try:
        kept = json.loads(file.read_text())
        fresh = kept["key"] == key and 0 <= time.time() - kept["at"] < FOR_S
        return str(kept["accelerator"]) if fresh and kept["accelerator"] in (KVM, TCG) else None
    except (OSError, ValueError, KeyError, TypeError):  # nothing is kept, or nothing that makes sense
        return None


def _key() -> str:
    """What the answer depends on."""
    device, qemu = DEVICE.stat(), Path(program()).stat()
    facts = (
        platform.release(),
        Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
        [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith(PROCESSOR)][:3],
        (device.st_rdev, device.st_mode, os.geteuid()),
        (program(), qemu.st_size, qemu.st_mtime_ns),
    )
    return hashlib.sha256(repr(facts).encode()).hexdigest()
