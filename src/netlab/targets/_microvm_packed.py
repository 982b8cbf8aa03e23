"""Unpacks what kernels come packed in: their modules, and the kernel in its own image.

Rules: done here because the guest would do it under emulation, 20 times slower: 3 s for a kernel, a second for its
modules. What cannot be unpacked here is None; the guest does it then.

Sources: Documentation/arch/x86/boot.rst (setup_sects, payload_offset, payload_length); arch/x86/platform/pvh/head.S and
include/xen/interface/elfnote.h (XEN_ELFNOTE_PHYS32_ENTRY: the entry by which QEMU starts an unpacked kernel).
"""

from __future__ import annotations

import lzma
import os
import subprocess
import zlib
from pathlib import Path

from netlab.errors import NeedError

SECTOR = 512
SIZE_BEHIND = 4
"""A kernel's payload ends with its unpacked size. Source: scripts/Makefile.lib, size_append."""
PVH_NOTE = b"\x12\0\0\0Xen\0"


def unpacked(raw: bytes) -> bytes | None:
    """What was packed by gzip, xz or zstd, told by how it begins (else as it is); None: no zstd here.

    Raises: ValueError where it is damaged.
    """
    try:
        if raw.startswith(b"\x1f\x8b\x08"):
            return zlib.decompressobj(31).decompress(raw)
        if raw.startswith(b"\xfd7zXZ\0"):
            return lzma.LZMADecompressor().decompress(raw)
    except (zlib.error, lzma.LZMAError) as error:
        raise ValueError(f"it is damaged ({error})") from None
    if raw.startswith(b"\x28\xb5\x2f\xfd"):
        return _zstd(raw)
    return raw


def vmlinux(image: Path) -> int | None:
    """A descriptor of the kernel in this bzImage, where QEMU can start that. Raises: NeedError where it is damaged."""
    raw = image.read_bytes()
    payload = ((raw[0x1F1] or 4) + 1) * SECTOR + _number(raw, 0x248)
    try:
        kernel = unpacked(raw[payload : payload + _number(raw, 0x24C) - SIZE_BEHIND])
    except ValueError as error:
        raise NeedError(f"unpack the kernel {image}: {error}; install it again") from None
    if kernel is None or not kernel.startswith(b"\x7fELF") or PVH_NOTE not in kernel:
        return None
    file = os.memfd_create("netlab-vmlinux")
    view = memoryview(kernel)
    while view:
        view = view[os.write(file, view) :]
    return file


def _number(raw: bytes, at: int) -> int:
    return int.from_bytes(raw[at : at + 4], "little")


def _zstd(raw: bytes) -> bytes | None:
    try:
        return subprocess.run(("zstd", "-dc"), input=raw, capture_output=True, check=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError):
        return None
