"""The initramfs of a microVM, as virtme-ng makes it: busybox, a few modules, the host's root by 9p, then its init.

Rules: it has no name in any folder (a memfd), so that nothing is left of it. Modules are unpacked before they go in.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
from collections.abc import Callable
from pathlib import Path

from netlab.errors import NeedError
from netlab.targets._microvm_kernels import FOR_ROOT, Kernel
from netlab.targets._microvm_packed import unpacked

OPTIONS = "ro,cache=loose"
"""The guest may keep what it has read: nobody writes there, and each file is read once instead of at each import."""
LACKING = "make the initramfs of a microVM: "


def make(kernel: Kernel, init: list[str]) -> int:
    """A descriptor of the image, at its beginning; `init` is the program of the host's that is PID 1 in the end.

    Raises: NeedError where virtme-ng or busybox is lacking.
    """
    require()
    from virtme import cpiowriter, mkinitramfs

    config = mkinitramfs.Config()
    config.access = OPTIONS
    config.busybox = busybox()
    image = os.memfd_create("netlab-initramfs")
    with os.fdopen(os.dup(image), "wb") as file:
        writer = cpiowriter.CpioWriter(file)
        mkinitramfs.make_base_layout(writer)
        mkinitramfs.make_dev_nodes(writer)
        mkinitramfs.install_busybox(writer, config)
        mkinitramfs.install_modprobe(writer)
        _add_modules(writer.mkdir, writer.write_file, kernel.order(FOR_ROOT), init)
        writer.write_file(b"init", body=mkinitramfs.generate_init(config), mode=0o755)
        writer.write_trailer()
    os.lseek(image, 0, os.SEEK_SET)
    return image


def require() -> None:
    """Raises: NeedError where virtme-ng or a static busybox is lacking."""
    if importlib.util.find_spec("virtme") is None:
        raise NeedError(f"{LACKING}virtme-ng is not installed; pip install 'netlab-faults[microvm]'")
    busybox()


def busybox() -> str:
    """A static busybox. Raises: NeedError where there is none."""
    from virtme import mkinitramfs

    found = mkinitramfs.find_busybox("/", True)
    if found is None or not _static(Path(found)):
        raise NeedError(f"{LACKING}there is no static busybox; install the package busybox-static (or busybox)")
    return str(found)


def _static(program: Path) -> bool:
    """Whether an ELF program needs no interpreter: no program header is of type PT_INTERP. Source: elf(5)."""
    head = program.read_bytes()[:4096]
    start, size, count = (int.from_bytes(head[at:end], "little") for at, end in ((32, 40), (54, 56), (56, 58)))
    return 3 not in {int.from_bytes(head[at : at + 4], "little") for at in range(start, start + size * count, size)}


def _add_modules(
    mkdir: Callable[..., None], write_file: Callable[..., None], files: list[Path], init: list[str]
) -> None:
    mkdir(b"modules", 0o755)
    script = ""
    for file in files:
        name = "modules/" + file.name.split(".ko")[0] + ".ko"
        write_file(name.encode(), body=_content(file), mode=0o644)
        script += f"insmod {shlex.quote(name)}\n"
    # The shell that virtme-ng has as init sources this, and then executes $init "$@" on the host's root. (On the
    # kernel's command line there is no room for long paths, and no way to write quotes.)
    script += f"init={shlex.quote(init[0])}\nset -- {shlex.join(init[1:])}\n"
    write_file(b"modules/load_all.sh", body=script.encode(), mode=0o644)


def _content(file: Path) -> bytes:
    """A module as the kernel takes it. Raises: NeedError where it cannot be unpacked."""
    try:
        content = unpacked(file.read_bytes())
    except ValueError as error:
        raise NeedError(f"{LACKING}the module {file}: {error}; install it again") from None
    if content is None:
        raise NeedError(f"{LACKING}this kernel's modules are packed by zstd; install the package zstd")
    return content
