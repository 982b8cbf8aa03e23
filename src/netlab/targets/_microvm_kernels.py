"""Kernels that a microVM can boot: where they are, what version they are, which modules they have.

Rules: nothing is booted or run here, files are read. Kernels that $NETLAB_KERNELS names come first, in its order; then
those of /boot, the newest first. A kernel without its modules is of no use: stock kernels have nearly all as modules.

Sources: Documentation/arch/x86/boot.rst (the image's header tells the version); modules.dep(5).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from netlab.errors import NeedError, UsageError
from netlab.targets._folders import expanded

VARIABLE = "NETLAB_KERNELS"
BOOT = Path("/boot")
MODULES = ("lib/modules", "usr/lib/modules")
FOR_ROOT = ("9p", "9pnet_virtio", "virtio_pci", "virtio_console")
"""Modules that it takes to mount the host's root, and to speak to the host."""
SUFFIXES = (".ko", ".ko.xz", ".ko.zst", ".ko.gz")


@dataclass(frozen=True)
class Kernel:
    """A kernel image that can be read, and the folder of its modules."""

    image: Path
    version: str
    modules: Path

    def has(self, name: str) -> bool:
        """Whether it has this module, as a file or built in."""
        return name in self._dependencies or name in self._built_in

    def order(self, names: tuple[str, ...]) -> list[Path]:
        """The files to load for these modules, each after what it needs; nothing for what is built in."""
        found: dict[str, None] = {}
        for name in names:
            # modules.dep names a module, then what it needs, the one to load first at the end
            found |= dict.fromkeys(reversed(self._dependencies.get(name, [])))
        return [self.modules / file for file in found]

    @cached_property
    def _dependencies(self) -> dict[str, list[str]]:
        """Each module's file and those of what it needs, by its name."""
        rows = (line.split() for line in _lines(self.modules / "modules.dep"))
        return {_name(row[0].rstrip(":")): [word.rstrip(":") for word in row] for row in rows}

    @cached_property
    def _built_in(self) -> set[str]:
        return {_name(line) for line in _lines(self.modules / "modules.builtin")}


def newest() -> Kernel:
    """The kernel to take where none is named: the first of $NETLAB_KERNELS, or /boot's newest, that has netem.

    Raises: NeedError with what was looked at, and what to do.
    """
    refused = []
    for image in candidates():
        try:
            kernel = at(image)
        except NeedError as problem:
            refused.append(str(problem))
            continue
        lacking = lacks(kernel)
        if not lacking:
            return kernel
        refused.append(lacking)
    raise NeedError("\n".join(["find a kernel for a microVM: " + (refused or [_none()])[0], *refused[1:]]))


def named(word: str) -> Kernel:
    """The kernel that a user names: a path, or the beginning of a version ("6.1": the newest found that begins so).

    Raises: UsageError where there is none such among others; NeedError where there is none, or it cannot be used.
    """
    if "/" in word or Path(word).is_file():
        path = expanded(word).absolute()
        if not path.exists():
            raise UsageError(
                f"boot {word}: there is no such file; of the kernels here there are: {_seen(candidates())}"
            )
        return at(path)
    images = list(candidates())
    if not images:
        raise NeedError(f"find Linux {word} for a microVM: {_none()}")
    of_version = [image for image in images if re.match(rf"{re.escape(word)}(?!\d)", _named_version(image))]
    if not of_version:
        raise UsageError(f"boot Linux {word}: no such kernel was found; there are: {_seen(images)}")
    return at(max(of_version, key=lambda image: _sortable(_named_version(image))))


def candidates() -> Iterator[Path]:
    """Every image that there is, the best first; they may turn out to be of no use."""
    chosen = [Path(word) for word in os.environ.get(VARIABLE, "").split(os.pathsep) if word]
    yield from chosen
    found = {image.resolve(): image for image in BOOT.glob("vmlinuz-*")}
    yield from sorted(found.values(), key=lambda image: _sortable(_named_version(image)), reverse=True)


def at(image: Path) -> Kernel:
    """The kernel in this file. Raises: NeedError where it, or its modules, cannot be read."""
    try:
        with image.open("rb") as file:
            head = file.read(1 << 16)
    except FileNotFoundError:
        raise NeedError(f"read the kernel {image}: there is no such file") from None
    except PermissionError:
        raise NeedError(
            f"read the kernel {image}: only root may (Ubuntu's are so); sudo chmod +r {image}, or copy it to a "
            f"folder of yours and name the copy in ${VARIABLE}"
        ) from None
    except OSError as problem:
        raise NeedError(f"read the kernel {image}: {problem.strerror}") from None
    version = _version(head)
    if version is None:
        raise NeedError(
            f"read the kernel {image}: this is no Linux kernel for x86 (a bzImage); give one like /boot/vmlinuz-VERSION"
        )
    tried = [root / folder / version for root in _roots(image) for folder in MODULES]
    for modules in tried:
        if os.access(modules / "modules.dep", os.R_OK):
            return Kernel(image.absolute(), version, modules.resolve())
    raise NeedError(
        f"find the modules of the kernel {image}: no modules.dep that you may read in {' or '.join(map(str, tried))}; "
        f"install its modules there, and run depmod -b ROOT {version}"
    )


def lacks(kernel: Kernel) -> str:
    """What this kernel lacks for a microVM, and what to do; empty where it has all."""
    missing = [name for name in FOR_ROOT if not kernel.has(name)]
    if missing:
        return (
            f"{kernel.image} has no module {', '.join(missing)}; take a generic kernel instead of one made for clouds "
            "(Debian: linux-image-amd64)"
        )
    if not kernel.has("sch_netem"):
        return f"{kernel.image} has no module sch_netem; install linux-modules-extra, or kernel-modules-extra, for it"
    return ""


def _roots(image: Path) -> Iterator[Path]:
    """Where a tree of modules may begin: beside the image (x/boot/vmlinuz-1, x/lib/modules/1), and the system's."""
    yield image.absolute().parent.parent
    yield image.absolute().parent
    yield Path("/")


def _version(head: bytes) -> str | None:
    """The version in a bzImage's header: "HdrS" at 0x202, at 0x20e where the text stands, counted from 0x200."""
    if head[0x202:0x206] != b"HdrS":
        return None
    start = int.from_bytes(head[0x20E:0x210], "little") + 0x200
    words = head[start : start + 256].split(b"\0")[0].decode("ascii", "replace").split()
    return words[0] if words else None


def _seen(images: Iterable[Path]) -> str:
    """Their versions, for messages."""
    versions = sorted({_named_version(image) for image in images}, key=_sortable)
    return f"{', '.join(versions) or 'none'} (${VARIABLE} names more)"


def _named_version(image: Path) -> str:
    return image.resolve().name.removeprefix("vmlinuz-")


def _sortable(version: str) -> list[tuple[int, str]]:
    """Numbers by their value: 6.12 after 6.9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.findall(r"\d+|[^\d.]+", version)]


def _name(file: str) -> str:
    """ "virtio_pci" for "kernel/drivers/virtio/virtio-pci.ko.xz": names have "_" where files may have "-"."""
    name = file.rsplit("/", 1)[-1]
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    return name.replace("-", "_")


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []


def _none() -> str:
    return (
        f"there is none in {BOOT}, and ${VARIABLE} names none; install one (Debian: apt install linux-image-amd64; or "
        f"without touching this machine's own: apt download, dpkg -x FILE ROOT, depmod -b ROOT VERSION), and name "
        f"ROOT/boot/vmlinuz-VERSION in ${VARIABLE}"
    )
