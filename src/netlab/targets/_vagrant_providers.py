"""What a VM can run on, here: Vagrant's providers, and how to get one.

Rules: a provider counts where its program is found and its plugin is installed, in the order in which a machine of this
kind is served best. Nothing is started to find out but `vagrant plugin list`.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from netlab.errors import NeedError, UsageError

__all__ = ["PROVIDERS", "choose", "installed", "remedy"]


@dataclass(frozen=True)
class Provider:
    """One that vagrant/Vagrantfile knows."""

    programs: tuple[str, ...]
    """Any of these is its program: a command, or a file."""
    plugin: str = ""
    systems: tuple[str, ...] = ("darwin", "win32", "linux")
    """Values of sys.platform."""

    def here(self, plugins: Collection[str], which: Callable[[str], str | None]) -> bool:
        """Whether it is installed on this machine."""
        if sys.platform not in self.systems or (self.plugin and self.plugin not in plugins):
            return False
        return any(which(name) or Path(name).is_file() for name in self.programs)


def _virtualbox() -> tuple[str, ...]:
    """Its program; on Windows its installer sets a variable instead of the PATH."""
    folders = [os.environ.get(name) for name in ("VBOX_INSTALL_PATH", "VBOX_MSI_INSTALL_PATH")]
    return ("VBoxManage", *(str(Path(folder) / "VBoxManage.exe") for folder in folders if folder))


PROVIDERS = {
    "virtualbox": Provider(_virtualbox()),
    "vmware_desktop": Provider(
        (
            "vmrun",
            "/Applications/VMware Fusion.app/Contents/Public/vmrun",
            "C:/Program Files (x86)/VMware/VMware Workstation/vmrun.exe",
        ),
        plugin="vagrant-vmware-desktop",
    ),
    "parallels": Provider(("prlctl",), plugin="vagrant-parallels", systems=("darwin",)),
    "libvirt": Provider(
        ("libvirtd", "virtqemud", "/usr/sbin/libvirtd", "/usr/sbin/virtqemud"), "vagrant-libvirt", ("linux",)
    ),
    "qemu": Provider(("qemu-system-aarch64", "qemu-system-x86_64"), plugin="vagrant-qemu"),
    "hyperv": Provider(("C:/Windows/System32/vmms.exe",), systems=("win32",)),
}

ORDER = {
    ("darwin", True): ("parallels", "vmware_desktop", "qemu", "virtualbox"),
    ("darwin", False): ("virtualbox", "parallels", "vmware_desktop", "qemu"),
    ("win32", True): ("hyperv", "virtualbox"),
    ("win32", False): ("virtualbox", "vmware_desktop", "hyperv", "qemu"),
    ("linux", True): ("libvirt", "qemu", "vmware_desktop", "virtualbox"),
    ("linux", False): ("libvirt", "virtualbox", "vmware_desktop", "qemu"),
}
"""By system, and whether the processor is an ARM: VirtualBox has guests for those since 7.1 only."""


def is_arm() -> bool:
    """Whether this machine's processor is an ARM, as Apple silicon is."""
    return platform.machine().lower() in ("arm64", "aarch64")


def installed(plugins: Collection[str], which: Callable[[str], str | None] = shutil.which) -> list[str]:
    """The providers that are installed here, the best one first."""
    system = sys.platform if sys.platform in ("darwin", "win32") else "linux"
    return [name for name in ORDER[system, is_arm()] if PROVIDERS[name].here(plugins, which)]


def choose(asked: str | None, plugins: Collection[str]) -> str:
    """The provider for a new VM: what was asked for, or what Vagrant's own variable says, or the best one here.

    Raises: UsageError for one that the Vagrantfile does not know, NeedError where none is installed.
    """
    asked = asked or os.environ.get("VAGRANT_DEFAULT_PROVIDER")
    if asked:
        if asked not in PROVIDERS:
            raise UsageError(f"make a VM with {asked!r}: netlab's VM runs on {', '.join(PROVIDERS)}")
        return asked
    here = installed(plugins)
    if not here:
        raise NeedError(f"make a VM: Vagrant is here, but nothing that it could run one on; {remedy()}")
    return here[0]


def remedy() -> str:
    """How to get Vagrant and something that it can run a VM on, on a machine of this kind."""
    if sys.platform == "darwin" and is_arm():
        return "brew install --cask hashicorp-vagrant, brew install qemu, and vagrant plugin install vagrant-qemu"
    if sys.platform == "darwin":
        return "brew install --cask hashicorp-vagrant virtualbox"
    if sys.platform == "win32":
        return "winget install Hashicorp.Vagrant Oracle.VirtualBox, then open a new terminal"
    return (
        "install Vagrant (https://developer.hashicorp.com/vagrant/install) and what it runs a VM on: VirtualBox, or "
        "libvirt with `vagrant plugin install vagrant-libvirt`; on Debian 12 `apt install vagrant-libvirt` is all of it"
    )
