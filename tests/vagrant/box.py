"""Makes a box: Debian 13 with its cloud kernel, as small as it can be, for a machine that libvirt boots directly.

No boot loader: the kernel and its initrd are taken out of the image, for the Vagrantfile's settings. The packages of
the project's own vagrant/packages.sh are installed by running it, where there is a network: the VM has none.
"""

from __future__ import annotations

import json
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

MIRROR = "http://deb.debian.org/debian"
SUITE = "trixie"
PACKAGES = "linux-image-cloud-amd64,initramfs-tools,systemd-sysv,dbus,udev,iproute2,openssh-server,sudo,rsync,python3"
CMDLINE = (
    "root=/dev/vda rw console=ttyS0 quiet net.ifnames=0 audit=0 mitigations=off "
    "systemd.default_timeout_start_sec=900 systemd.service_watchdogs=no"
)
"""Emulated, on a machine that does much else, what starts within systemd's 90 s elsewhere may take minutes."""
SIZE = "3G"

INSECURE_KEY = (
    "ssh-rsa AAAAB3NzaC1yc2EAAAABIwAAAQEA6NF8iallvQVp22WDkTkyrtvp9eWW6A8YVr+kz4TjGYe7gHzIw+niNltGEFHzD8+v1I2YJ6oXev"
    "ct1YeS0o9HZyN1Q9qgCgzUFtdOKLv6IedplqoPkcmF0aYet2PkEDo3MlTBckFXPITAMzF8dJSIFo9D8HfdOV0IAdx4O7PtixWKn5y2hMNG0zQP"
    "yUecp4pzC6kivAIhyfHilFR61RGL+GPXQ2MWZWFYbAGjyiYJnAmCP3NOTd0jMZEnDkbUvxhMmBYSdETk1rRgm+R4LOzFUGaHqHDLKLX+FIPKcF"
    "96hrucXzcWyLbIbEgE98OHlnVYCzRdK8jlqm8tehUc9c9WhQ== vagrant insecure public key"
)
"""The key that every box begins with. Source: keys/vagrant.pub of Vagrant; the first `vagrant up` replaces it."""

NETWORK = """\
[Match]
Name=eth0
[Network]
DHCP=ipv4
[DHCPv4]
ClientIdentifier=mac
"""
"""Vagrant asks dnsmasq's leases for the machine's address, by its MAC address."""

SETUP = """
useradd --create-home --shell /bin/bash vagrant
echo 'vagrant ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/vagrant
install -d -m 700 -o vagrant -g vagrant /home/vagrant/.ssh
install -m 600 -o vagrant -g vagrant /setup/key /home/vagrant/.ssh/authorized_keys
install -m 644 /setup/network /etc/systemd/network/eth0.network
echo '/dev/vda / ext4 defaults 0 1' >/etc/fstab
echo netlab >/etc/hostname
systemctl enable --quiet systemd-networkd ssh
systemctl mask --quiet systemd-networkd-wait-online.service e2scrub_reap.service apt-daily.timer apt-daily-upgrade.timer
"""


@dataclass(frozen=True)
class Box:
    """What the Vagrantfile is told of it."""

    file: Path
    kernel: Path
    initrd: Path
    cmdline: str = CMDLINE


def make(folder: Path, provision: Path, packages: str) -> Box:
    """A box below `folder`, with `packages` installed by the script `provision`."""
    root = folder / "root"
    setup = folder / "setup"
    setup.mkdir(parents=True)
    (setup / "key").write_text(INSECURE_KEY + "\n")
    (setup / "network").write_text(NETWORK)
    (setup / "setup.sh").write_text(SETUP)
    (setup / "packages.sh").write_text(provision.read_text())
    run(
        *("mmdebstrap", "--quiet", "--variant=minbase", "--format=directory", f"--include={PACKAGES}"),
        *("--aptopt=Acquire::Languages none", "--dpkgopt=path-exclude=/usr/share/doc/*"),
        *("--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*"),
        f"--customize-hook=copy-in {setup} /",
        '--customize-hook=chroot "$1" sh -eu /setup/setup.sh',
        f'--customize-hook=chroot "$1" env PACKAGES="{packages}" sh /setup/packages.sh',
        '--customize-hook=rm -r "$1/setup"',
        *(SUITE, str(root), MIRROR),
    )
    kernel, initrd = (
        next((root / "boot").glob(f"{name}-*")).rename(folder / name) for name in ("vmlinuz", "initrd.img")
    )
    return Box(pack(folder, root), kernel, initrd)


def pack(folder: Path, root: Path) -> Path:
    """The box that Vagrant reads: an image and what it is, in a tar file."""
    raw, image = folder / "disk.raw", folder / "box.img"
    run("mke2fs", "-q", "-t", "ext4", "-d", str(root), str(raw), SIZE)
    run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(image))
    raw.unlink()
    run("rm", "-rf", "--one-file-system", str(root))
    metadata = folder / "metadata.json"
    metadata.write_text(json.dumps({"provider": "libvirt", "format": "qcow2", "virtual_size": int(SIZE.rstrip("G"))}))
    box = folder / "netlab.box"
    with tarfile.open(box, "w") as file:
        for part in (metadata, image):
            file.add(part, part.name)
    image.unlink()
    return box


def run(*command: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, f"{command}: status {done.returncode}\n{done.stdout}"
