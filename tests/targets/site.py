"""Servers of SSH to reach, for real: OpenSSH's sshd in network namespaces, below the test's sandbox.

    here ─ 10.99.2.1 ───────────────────────────── 10.99.2.2 ─ far
         ─ 10.99.0.1 ── 10.99.0.2 ─ jump ─ 10.99.1.1 ── 10.99.1.2 ─

Rules: everything is called inside `tests.sandbox.sandboxed`, so all of it goes with the test; nothing of the machine's
network, accounts or homes is touched: the account's home is a folder of the test, by a passwd file mounted over the
machine's in the sandbox alone. As root, sshd runs as root; else as an ordinary user, in a user namespace of its own.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pyroute2 import IPRoute

from netlab.agent import process
from netlab.kernel import namespaces
from netlab.kernel.namespaces import Namespace
from tests.kernel.ways import until
from tests.sandbox import sandboxed

SSHD = "/usr/sbin/sshd"
FAR, JUMP, BEHIND = "10.99.2.2", "10.99.0.2", "10.99.1.2"
CLIENT = 1000
"""The ordinary user's number where there is no root: any but 0."""


@dataclass
class Server:
    """A sshd, running or ready to."""

    folder: Path
    host_key: Path
    process: subprocess.Popen[bytes] = field(init=False)

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def fingerprint(self) -> str:
        """As ssh-keygen prints it."""
        return keygen("-lf", f"{self.host_key}.pub").split()[1]

    def known_as(self, name: str) -> str:
        """The line of known_hosts for this server."""
        return f"{name} {' '.join((self.host_key.with_suffix('.pub')).read_text().split()[:2])}\n"


@dataclass
class Site:
    """The test's servers and its user's home. `root` survives the sandbox: what is cached there is found again."""

    root: Path
    hosts: dict[str, Namespace] = field(default_factory=dict)
    servers: list[Server] = field(default_factory=list)

    @property
    def home(self) -> Path:
        """Our user's."""
        return self.root / "home"

    @property
    def far_home(self) -> Path:
        """The account's there."""
        return self.root / "far"

    @property
    def user(self) -> str:
        return "root" if process_is_root() else "netlab-far"

    @classmethod
    def build(cls, root: Path) -> Site:
        """Namespaces, addresses, homes, keys: all but the servers."""
        site = cls(root)
        shutil.rmtree(site.home, ignore_errors=True)
        (site.home / ".ssh").mkdir(parents=True, mode=0o700)
        (site.far_home / ".ssh").mkdir(parents=True, mode=0o700, exist_ok=True)
        keygen("-t", "ed25519", "-N", "", "-f", str(site.home / ".ssh/id_ed25519"))
        site.allow("id_ed25519")
        os.environ["HOME"] = str(site.home)
        os.environ["XDG_CACHE_HOME"] = str(site.root / "cache")
        os.environ.pop("SSH_AUTH_SOCK", None)
        site._accounts()
        site._wires()
        return site

    def allow(self, *names: str) -> None:
        """Have the account there accept these keys of ours, and no others."""
        lines = [(self.home / ".ssh" / f"{name}.pub").read_text() for name in names]
        (self.far_home / ".ssh/authorized_keys").write_text("".join(lines))

    def _accounts(self) -> None:
        process.mount("none", "/", None, process.MS_REC | process.MS_PRIVATE)
        uid = 0 if process_is_root() else CLIENT
        others = [line for line in Path("/etc/passwd").read_text().splitlines() if line.split(":")[0] != self.user]
        passwd = self.root / "passwd"
        passwd.write_text("\n".join([f"{self.user}:x:{uid}:{uid}::{self.far_home}:/bin/sh", *others]) + "\n")
        process.mount(str(passwd), "/etc/passwd", None, process.MS_BIND)
        if process_is_root():  # where sshd's unprivileged half is locked into; not every machine has it
            process.mount("run", "/run", "tmpfs", 0)
            Path("/run/sshd").mkdir(mode=0o755)

    def _wires(self) -> None:
        self.hosts = {"here": namespaces.current("here"), "far": namespaces.create("far")}
        self.hosts["jump"] = namespaces.create("jump")
        for host in self.hosts.values():
            with host.entered(), IPRoute() as route:
                route.link("set", index=1, state="up")
                Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").write_text("22")
        self._wire("here", "10.99.2.1", "far", FAR)
        self._wire("here", "10.99.0.1", "jump", JUMP)
        self._wire("jump", "10.99.1.1", "far", BEHIND)

    def _wire(self, one: str, one_ip: str, other: str, other_ip: str) -> None:
        with self.hosts[one].entered(), IPRoute() as route:
            peer = {"ifname": f"to-{one}", "net_ns_fd": self.hosts[other].fd}
            route.link("add", ifname=f"to-{other}", kind="veth", peer=peer)
        for host, name, ip in ((one, other, one_ip), (other, one, other_ip)):
            with self.hosts[host].entered(), IPRoute() as route:
                index = route.link_lookup(ifname=f"to-{name}")[0]
                route.addr("add", index=index, address=ip, prefixlen=24)
                route.link("set", index=index, state="up")

    def configure(self, host: str, port: int, **options: str) -> Server:
        """What sshd needs on a host; an option's value replaces the one given here."""
        folder = self.root / f"sshd-{host}-{port}-{len(self.servers)}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        host_key = folder / "host_key"
        keygen("-t", "ed25519", "-N", "", "-f", str(host_key))
        settings = {
            "Port": str(port),
            "HostKey": str(host_key),
            "PidFile": "none",
            "UsePAM": "no",
            "StrictModes": "no",
            "PermitRootLogin": "yes",
            "PasswordAuthentication": "no",
            "KbdInteractiveAuthentication": "no",
            "AuthorizedKeysFile": str(self.far_home / ".ssh/authorized_keys"),
            "LogLevel": "VERBOSE",  # no Subsystem: there is no sftp
            **options,
        }
        (folder / "config").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        return Server(folder, host_key)

    def serve(self, host: str = "far", port: int = 22, namespaces: int | None = None, **options: str) -> Server:
        """Start sshd on a host; `namespaces` is how many its ordinary user may make."""
        server = self.configure(host, port, **options)
        with self.hosts[host].entered(), (server.folder / "log").open("wb") as log:
            server.process = subprocess.Popen(
                [SSHD, "-D", "-e", "-f", str(server.folder / "config")],
                stderr=log,
                stdin=subprocess.DEVNULL,
                preexec_fn=None if process_is_root() else lambda: become_ordinary(namespaces),
                start_new_session=True,
            )
        self.servers.append(server)
        started = server.process
        until(lambda: "Server listening on 0.0.0.0" in server.log() or started.poll() is not None, 10)
        assert started.poll() is None, server.log()
        return server

    def know(self, server: Server, name: str = FAR) -> None:
        """Have our user know this server's key."""
        with (self.home / ".ssh/known_hosts").open("a") as file:
            file.write(server.known_as(name))

    def config(self, text: str) -> None:
        """Our user's ~/.ssh/config."""
        (self.home / ".ssh/config").write_text(text)

    def left_there(self) -> dict[int, str]:
        """Processes that logins there have started: by the home that they were given."""
        found = {}
        mark = f"HOME={self.far_home}\0".encode()
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it may end while it is looked at
                if mark in (entry / "environ").read_bytes():
                    found[int(entry.name)] = (entry / "comm").read_text().strip()
        return found


def process_is_root() -> bool:
    """Whether the sandbox has the machine's own root (one without root maps a single user)."""
    return Path("/proc/self/uid_map").read_text().split()[2] != "1"


def become_ordinary(namespaces: int | None = None) -> None:
    """In the child that becomes sshd: a user that is not root, and has no capabilities once it executes.

    It may make so many network namespaces below its own, where a number is given.
    """
    process.unshare(process.CLONE_NEWUSER | process.CLONE_NEWNS, "make sshd's user namespace")
    process.map_own_user(0, 0, CLIENT, CLIENT)
    if namespaces is not None:
        Path("/proc/sys/user/max_net_namespaces").write_text(str(namespaces))


@contextlib.contextmanager
def by_command(root: Path) -> Iterator[str]:
    """A URL of a server that any process of this user reaches, without a network: ProxyCommand starts its sshd.

    The account's home is in the sandbox of a process that waits until this is over.
    """
    kept = {name: os.environ.get(name) for name in ("HOME", "XDG_CACHE_HOME", "SSH_AUTH_SOCK")}
    lifeline, ours = os.pipe()
    report, reported = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ours)
        sandboxed(lambda: wait_as_server(root, lifeline, reported), seconds=1200)
        os._exit(0)
    os.close(lifeline)
    os.close(reported)
    assert os.read(report, 16) == b"ready"
    os.close(report)
    os.environ |= {"HOME": str(root / "home"), "XDG_CACHE_HOME": str(root / "cache")}
    os.environ.pop("SSH_AUTH_SOCK", None)
    try:
        yield "ssh://by-command"
    finally:
        os.close(ours)
        os.waitpid(child, 0)
        for name, value in kept.items():
            os.environ.pop(name, None)
            os.environ |= {name: value} if value is not None else {}


def wait_as_server(root: Path, lifeline: int, reported: int) -> None:
    """In the sandbox: make the account, tell how its sshd is started, wait for the end."""
    site = Site.build(root)
    server = site.configure("by-command", 22)
    holder = subprocess.Popen(
        ["sleep", "infinity"], preexec_fn=None if process_is_root() else become_ordinary, start_new_session=True
    )
    site.know(server, "by-command")
    entering = f"nsenter -t {holder.pid} -m" + ("" if process_is_root() else " -U --preserve-credentials")
    site.config(
        f"Host by-command\n  User {site.user}\n  HostKeyAlias by-command\n"
        f"  ProxyCommand {entering} {SSHD} -i -e -f {server.folder}/config 2>>{server.folder}/log\n"
    )
    os.write(reported, b"ready")
    os.read(lifeline, 1)
    holder.kill()
    holder.wait()


def keygen(*words: str) -> str:
    return subprocess.run(["ssh-keygen", "-q", *words], check=True, capture_output=True, text=True).stdout
