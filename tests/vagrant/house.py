"""A place of its own for libvirt: namespaces in which it may change what it likes.

libvirtd turns forwarding on, writes firewall chains, makes a bridge and starts dnsmasq; all of that belongs to a
network namespace, and here to a fresh one. Its sockets, configuration and images lie on mounts of a fresh mount
namespace. All its processes are in one PID namespace whose PID 1 ends when this process's end of a pipe closes, be it
by SIGKILL: then the kernel kills the rest and frees everything.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

QEMU_CONF = """\
security_driver = "none"
user = "root"
group = "root"
stdio_handler = "file"
namespaces = []
cgroup_controllers = []
dynamic_ownership = 0
remember_owner = 0
"""
"""For a libvirtd without systemd, D-Bus and cgroups. Source: /etc/libvirt/qemu.conf, which says what each one means."""

INIT = r"""
mount -t sysfs sysfs /sys
for place in /run /etc/libvirt /var/cache/libvirt /var/log/libvirt; do mount -t tmpfs tmpfs $place; done
mount --bind "$1" /var/lib/libvirt
printf %s "$2" >/etc/libvirt/qemu.conf
ip link set lo up
exec "$3" -c '
import signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print("ready", flush=True)
sys.stdin.read()'
"""
"""PID 1: it reaps what others leave (libvirt waits until a dead guest is no process), and ends with its stdin."""


CHANGES = {
    "links": ("ip", "-brief", "link"),
    "rules": ("ip", "rule"),
    "routes": ("ip", "route", "show", "table", "all"),
    "nftables": ("nft", "list", "ruleset"),
    "iptables": ("iptables-save",),
    "forwarding": ("cat", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/all/forwarding"),
}
"""What of a machine's network libvirt changes, and how it is seen."""


def host() -> dict[str, str]:
    """This machine's own network, and what is mounted where libvirt lives."""
    told = {name: subprocess.run(words, capture_output=True, text=True).stdout for name, words in CHANGES.items()}
    counters = re.compile(r"\[\d+:\d+\]|packets \d+ bytes \d+|^#.*$", re.MULTILINE)
    rules = {name: counters.sub("", told[name]) for name in ("nftables", "iptables")}
    mounts = re.findall(r"\S*libvirt\S*", Path("/proc/self/mounts").read_text())
    return told | rules | {"mounts": "\n".join(mounts)}


class House:
    """The namespaces, with libvirtd running in them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            key: value for key, value in os.environ.items() if not key.startswith(("VAGRANT", "NETLAB"))
        }
        images = folder / "libvirt"
        images.mkdir()
        unshare = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
        self.process = subprocess.Popen(
            (*unshare, "sh", "-eu", "-c", INIT, "init", str(images), QEMU_CONF, sys.executable),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            assert self.process.stdout
            assert self.process.stdout.readline() == b"ready\n", "PID 1 of the house did not start"
            self.init = self._init()
            self._start_libvirtd()
        except BaseException:
            self.close()
            raise

    def _init(self) -> int:
        """The PID of its PID 1, seen from here: the one child of unshare."""
        return int(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text())

    def _start_libvirtd(self) -> None:
        self.run("libvirtd", "--daemon", "--pid-file", "/run/libvirtd.pid")
        deadline = time.monotonic() + 60
        while (done := self.run("virsh", "-c", "qemu:///system", "version", check=False)).returncode:
            assert time.monotonic() < deadline, done.stdout
            time.sleep(0.2)

    def command(self, *words: str | Path) -> list[str]:
        """The command that runs these words in the house, in the caller's folder."""
        inside = ("nsenter", f"--target={self.init}", "--mount", "--net", "--pid", f"--wd={Path.cwd()}", "--")
        return [*inside, *map(str, words)]

    def run(
        self, *words: str | Path, check: bool = True, seconds: float = 1200, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """A command in the house, ended; its two streams as one text."""
        done = subprocess.run(
            self.command(*words),
            env={**self.environment, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
        )
        assert not check or done.returncode == 0, f"{words}: status {done.returncode}\n{done.stdout}"
        return done

    def close(self) -> None:
        """End everything in it."""
        self.process.communicate(timeout=30)
