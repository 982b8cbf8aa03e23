"""One VM for all tests here, made by `netlab vm up` out of the project's own Vagrantfile, in a house of its own.

It is emulated and boots without a boot loader: both are settings of the Vagrantfile.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from netlab.commands import find
from tests.vagrant import box
from tests.vagrant.house import House, host

ROOT = Path(__file__).parents[2]
COMMANDS = "vagrant libvirtd virsh qemu-system-x86_64 dnsmasq mmdebstrap qemu-img mke2fs rsync iptables nft"
PACKAGES = "python3-venv python3-pip nftables"
PYTHON = "3.13"
"""Debian 13's."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """These take minutes: only where they are asked for."""
    if os.environ.get("NETLAB_VAGRANT") != "1":
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="takes minutes: NETLAB_VAGRANT=1 runs it"))


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Namespaces with a libvirtd of their own."""
    lacking = [command for command in COMMANDS.split() if find(command) is None]
    assert not lacking, f"NETLAB_VAGRANT=1 needs {', '.join(lacking)} (Debian's packages: .ci/run)"
    assert os.getuid() == 0, "NETLAB_VAGRANT=1 needs root: for libvirt's network, and to make a box"
    before = host()
    house = House(tmp_path_factory.mktemp("house"))
    yield house
    house.close()
    assert host() == before


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What netlab needs, for the VM's Python: the VM has no way to an index."""
    folder = tmp_path_factory.mktemp("wheels")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = project["project"]["dependencies"]
    pip = (sys.executable, "-m", "pip", "download", "--quiet", f"--python-version={PYTHON}", "--only-binary=:all:")
    done = subprocess.run(
        (*pip, f"--dest={folder}", *wanted), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, done.stdout
    return folder


class Vm:
    """The VM, as its user at the command line has it."""

    def __init__(self, house: House, folder: Path) -> None:
        self.house = house
        self.folder = folder

    def netlab(self, *words: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`netlab`, on the machine that the VM runs on."""
        return self.house.run(sys.executable, "-m", "netlab", *words, check=check)

    def vagrant(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`vagrant`, in the VM's folder."""
        return self.house.run("env", f"--chdir={ROOT / 'vagrant'}", "vagrant", *words, check=check)


@pytest.fixture(scope="session")
def vm(house: House, wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Vm:
    """The VM, running and provisioned."""
    folder = tmp_path_factory.mktemp("vm")
    made = box.make(folder / "box", ROOT / "vagrant" / "packages.sh", PACKAGES)
    house.environment |= {
        "PYTHONPATH": str(ROOT / "src"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheels),
        "VAGRANT_HOME": str(folder / "home"),
        "VAGRANT_DOTFILE_PATH": str(folder / "dot"),
        "NETLAB_BOX": "netlab-test",
        "NETLAB_BOX_URL": made.file.as_uri(),
        "NETLAB_KERNEL": str(made.kernel),
        "NETLAB_INITRD": str(made.initrd),
        "NETLAB_CMDLINE": made.cmdline,
        "NETLAB_DRIVER": "qemu",
        "NETLAB_MACHINE": "q35",
        "NETLAB_CPU": "qemu64",
        "NETLAB_CPU_WITHOUT": "cx16",  # with it, Linux 6.12 panics at random under QEMU 7.2's emulation
        "NETLAB_WHEELS": str(wheels),
        "NETLAB_PACKAGES": PACKAGES,
        "NETLAB_MEMORY": "1024",
        "NETLAB_BOOT_TIMEOUT": "900",  # a minute, where nobody else uses this machine
    }
    vm = Vm(house, folder)
    done = vm.netlab("vm", "up", "--provider", "libvirt")
    assert "the VM is running (libvirt)" in done.stdout
    return vm
