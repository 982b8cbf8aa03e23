"""Kernels are found by path and by version; what cannot be used is said with what to do."""

from __future__ import annotations

import lzma
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from netlab.errors import NeedError, UsageError
from netlab.targets import _microvm_kernels as kernels
from netlab.targets._microvm_packed import unpacked, vmlinux

ALL = ("fs/9p/9p", "net/9p/9pnet_virtio", "drivers/virtio/virtio_pci", "drivers/char/virtio_console")


def image(version: str) -> bytes:
    """The header of a bzImage, by boot.rst."""
    head = bytearray(0x400)
    head[0x202:0x206] = b"HdrS"
    head[0x20E:0x210] = (0x100).to_bytes(2, "little")
    text = f"{version} (someone@somewhere) #1 SMP".encode()
    head[0x300 : 0x300 + len(text)] = text
    return bytes(head)


def made(root: Path, version: str, modules: tuple[str, ...] = (*ALL, "net/sched/sch_netem")) -> Path:
    """A kernel with its modules below a root, as unpacked packages have them."""
    boot, folder = root / "boot", root / "lib/modules" / version
    boot.mkdir(exist_ok=True)
    folder.mkdir(parents=True)
    (boot / f"vmlinuz-{version}").write_bytes(image(version))
    rows = [f"kernel/{module}.ko.xz:" for module in modules]
    (folder / "modules.dep").write_text("\n".join(rows) + "\n")
    return boot / f"vmlinuz-{version}"


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A root to make kernels in: those of this machine are not seen."""
    monkeypatch.setattr(kernels, "BOOT", tmp_path / "boot")
    monkeypatch.delenv(kernels.VARIABLE, raising=False)
    return tmp_path


def test_version_finds_the_newest_kernel_that_begins_with_it(only: Path) -> None:
    for version in ("6.1.0-9-amd64", "6.1.0-56-amd64", "6.12.95-amd64"):
        made(only, version)
    assert kernels.named("6.1").version == "6.1.0-56-amd64"
    assert kernels.named("6.12").version == "6.12.95-amd64"
    assert kernels.newest().version == "6.12.95-amd64"


def test_variable_stands_before_boot(
    only: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(only, "6.12.95-amd64")
    other = made(tmp_path_factory.mktemp("other"), "5.10.0-1-amd64")
    monkeypatch.setenv(kernels.VARIABLE, str(other))
    assert kernels.newest().image == other


def test_version_that_is_not_there_names_those_that_are(only: Path) -> None:
    made(only, "6.1.0-56-amd64")
    with pytest.raises(UsageError, match=r"no such kernel was found; there are: 6\.1\.0-56-amd64"):
        kernels.named("4.19")


def test_file_that_is_no_kernel_is_told(only: Path) -> None:
    (only / "text").write_text("no kernel")
    with pytest.raises(NeedError, match="no Linux kernel"):
        kernels.named(str(only / "text"))


@pytest.mark.skipif(os.geteuid() == 0, reason="needs an ordinary user")
def test_kernel_that_only_root_may_read_says_what_to_do(only: Path) -> None:
    made(only, "6.8.0-1-generic").chmod(0)
    with pytest.raises(NeedError, match=r"sudo chmod \+r"):
        kernels.newest()


@pytest.mark.skipif(os.geteuid() == 0, reason="needs an ordinary user")
def test_kernel_whose_modules_only_root_may_read_is_passed_over(only: Path) -> None:
    made(only, "6.8.0-1-generic")
    made(only, "6.1.0-56-amd64")
    (hidden := only / "lib/modules/6.8.0-1-generic").chmod(0)
    assert kernels.newest().version == "6.1.0-56-amd64"
    with pytest.raises(NeedError, match=r"no modules\.dep that you may read"):
        kernels.named("6.8")
    hidden.chmod(0o755)


def test_kernel_without_modules_is_told(only: Path) -> None:
    alone = only / "vmlinuz-6.1.0-1-amd64"
    alone.write_bytes(image("6.1.0-1-amd64"))
    with pytest.raises(NeedError, match="depmod"):
        kernels.named(str(alone))


def test_kernel_without_netem_or_9p_is_passed_over(only: Path) -> None:
    made(only, "6.2.0-cloud", ("drivers/virtio/virtio_pci",))
    made(only, "6.3.0-bare", ALL)
    with pytest.raises(NeedError, match=r"(?s)no module sch_netem.*no module 9p"):
        kernels.newest()
    made(only, "6.1.0-56-amd64")
    assert kernels.newest().version == "6.1.0-56-amd64"


def test_no_kernel_at_all_says_how_to_get_one(only: Path) -> None:
    for find in (kernels.newest, lambda: kernels.named("6.1")):
        with pytest.raises(NeedError, match="apt install linux-image-amd64"):
            find()


def test_modules_are_loaded_after_what_they_need(only: Path) -> None:
    kernel = kernels.at(made(only, "6.1.0-56-amd64", ()))
    (kernel.modules / "modules.dep").write_text("k/bridge.ko: k/stp.ko k/llc.ko\nk/stp.ko: k/llc.ko\nk/llc.ko:\n")
    (kernel.modules / "modules.builtin").write_text("kernel/net/sched/sch-fifo.ko\n")
    assert [file.name for file in kernel.order(("bridge", "sch_fifo"))] == ["llc.ko", "stp.ko", "bridge.ko"]
    assert kernel.has("sch_fifo")
    assert not kernel.has("veth")


def test_kernel_by_another_name_is_found_again_by_its_own(only: Path) -> None:
    """A link whose modules lie beside it, and not beside what it leads to."""
    made(only, "6.1.0-56-amd64").rename(only / "image")
    (link := only / "boot/vmlinuz-6.1.0-56-amd64").symlink_to(only / "store/image")
    (only / "store").mkdir()
    (only / "image").rename(only / "store/image")
    (only / "lib").rename(only / "boot/lib")
    found = kernels.named(str(link))
    assert kernels.named(str(found.image)) == found


@pytest.mark.parametrize("name", ["~nobody-here/vmlinuz", "/nowhere/vmlinuz"])
def test_path_to_nothing_is_a_mistake(only: Path, name: str) -> None:
    made(only, "6.1.0-56-amd64")
    with pytest.raises(UsageError, match=r"no such file; .*there are: 6\.1\.0-56-amd64|no user of this name"):
        kernels.named(name)


@pytest.mark.parametrize("pack", [lambda data: zlib.compress(data, wbits=31), lzma.compress])
def test_damaged_kernel_is_told(only: Path, pack: Callable[[bytes], bytes]) -> None:
    payload = bytearray(pack(os.urandom(4096)))
    payload[20:40] = bytes(20)
    payload[2000:2100] = bytes(100)
    head = bytearray(image("6.1.0-56-amd64").ljust(5 * 512, b"\0"))
    head[0x24C:0x250] = (len(payload) + 4).to_bytes(4, "little")
    (only / "damaged").write_bytes(head + payload)
    with pytest.raises(NeedError, match=r"unpack the kernel \S+/damaged: it is damaged \(.*; install it again"):
        vmlinux(only / "damaged")


@pytest.mark.parametrize("packed", [b"as it is", zlib.compress(b"as it is", wbits=31), lzma.compress(b"as it is")])
def test_what_is_packed_is_unpacked(packed: bytes) -> None:
    assert unpacked(packed) == b"as it is"
