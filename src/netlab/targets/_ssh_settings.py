"""How an SSH server is reached: from a URL and the user's OpenSSH configuration, or given outright.

Rules: pure but for reading configuration files; paramiko.SSHConfig says what they mean, with two additions: `Include`,
which it does not know, and the URL's user and port, which go before the file (the first value wins, ssh_config(5)), so
that %p, %r and `Match user` see them, too.
"""

from __future__ import annotations

import getpass
import glob
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from netlab.errors import UsageError

__all__ = ["FORM", "Address", "Settings", "configured", "parse"]

FORM = "ssh://[user@]host[:port][?trust=first-use]"
SSH_PORT = 22
"""Source: RFC 4251 section 9 (the port assigned by IANA)."""
CONNECT_S, ALIVE_S, ALIVE_COUNT = 15.0, 5.0, 3
DEFAULT_KEYS = ("id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk")
"""Below ~/.ssh. Source: ssh_config(5), IdentityFile."""
GLOBAL_CONFIG = Path("/etc/ssh/ssh_config")
GLOBAL_KNOWN = (Path("/etc/ssh/ssh_known_hosts"), Path("/etc/ssh/ssh_known_hosts2"))
MOST_HOPS, MOST_INCLUDES = 8, 16
"""Bounds against configurations that lead in circles; OpenSSH's for Include is 16 (readconf.c, READCONF_MAX_DEPTH)."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One server, and all that is needed to get there."""

    host: str
    user: str
    port: int = SSH_PORT
    keys: tuple[Path, ...] = ()
    """Files of private keys, tried in this order; those that are not there are passed over."""
    keys_only: bool = False
    """Offer nothing from the agent but these keys."""
    agent: str = ""
    """The agent's socket; "" for none."""
    known_hosts: tuple[Path, ...]
    """Where host keys are looked for. What is trusted on first use is written to the first."""
    known_as: str = ""
    """The name under which the host key is kept, where that is not the host's own."""
    trust_first_use: bool = False
    """Whether the key of a host that is not known yet is taken, told and kept. A changed one never is."""
    hash_names: bool = False
    """Whether a host's name is kept hashed."""
    jumps: tuple[Settings, ...] = ()
    """Servers to go through, the nearest first."""
    proxy_command: str = ""
    """A command whose standard streams are the connection; not with `jumps`."""
    connect_s: float = CONNECT_S
    """How long a connection may take to come about: each address of the host, the greeting, a key."""
    alive_s: float = ALIVE_S
    """The server is asked for a sign of life this often..."""
    alive_count: int = ALIVE_COUNT
    """...and taken for dead when it has not given one for this many times that long."""
    prefix: tuple[str, ...] = ()
    """What stands before the far end's command: ("sudo", "-n")."""

    @property
    def place(self) -> str:
        """For messages: user@host, and the port where it is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.user}@{host}" + (f":{self.port}" if self.port != SSH_PORT else "")

    @property
    def known_name(self) -> str:
        """What known_hosts calls it. Source: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT."""
        name = (self.known_as or self.host).lower()
        return name if self.port == SSH_PORT or self.known_as else f"[{name}]:{self.port}"


@dataclass(frozen=True, kw_only=True)
class Address:
    """What a URL or a hop of ProxyJump names: nothing is looked up yet."""

    host: str
    user: str = ""
    port: int | None = None
    trust_first_use: bool = False


def parse(url: str) -> Address:
    """The parts of `ssh://[user@]host[:port][?trust=first-use]`. Raises: UsageError."""
    wrong = f"read the target {url!r}: {{}}; write {FORM}"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(wrong.format(str(error).lower())) from None
    if parts.scheme != "ssh" or not parts.hostname:
        raise UsageError(wrong.format("it names no host"))
    if parts.password is not None:
        raise UsageError(wrong.format("passwords have no place in a URL, keys and the agent are used"))
    if parts.path not in ("", "/") or parts.fragment:
        raise UsageError(wrong.format(f"{parts.path or '#' + parts.fragment!r} means nothing after the host"))
    options = parse_qsl(parts.query, keep_blank_values=True)
    if any(option != ("trust", "first-use") for option in options):
        raise UsageError(wrong.format(f"the options {parts.query!r} are not known"))
    host = name_as_written(parts.netloc)
    refuse_odd(url, host, unquote(parts.username or ""))
    return Address(host=host, user=unquote(parts.username or ""), port=port, trust_first_use=bool(options))


def name_as_written(netloc: str) -> str:
    """The host of user@host:port in its own letters (urlsplit makes them small, and an alias may have large ones)."""
    host = netloc.rpartition("@")[2]
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def refuse_odd(url: str, host: str, user: str) -> None:
    """Refuse names that a ProxyCommand's shell or a file's line could take for something else."""
    for name in (host, user):
        if not re.fullmatch(r"[\w.:%@+~-]*", name) or name.startswith("-"):
            raise UsageError(f"read the target {url!r}: {name!r} is no name of a host or user; write {FORM}")


def configured(address: Address) -> Settings:
    """What the user's configuration makes of an address. Raises: UsageError where it cannot be read."""
    return settings_of(address, Path.home(), MOST_HOPS)


def settings_of(address: Address, home: Path, hops: int) -> Settings:
    """`configured`, with so many hops left."""
    found = lookup(address, home)
    jumps: tuple[Settings, ...] = ()
    jump = found.get("proxyjump") or "none"
    if jump.lower() != "none":
        jumps = chain(jump, address, home, hops)
    try:
        return Settings(
            host=found["hostname"],
            user=found.get("user") or getpass.getuser(),
            port=int(found.get("port", SSH_PORT)),
            keys=key_files(found, home),
            keys_only=found.get("identitiesonly", "no").lower() == "yes",
            agent=agent_socket(found, home),
            known_hosts=known_files(found, home),
            known_as=found.get("hostkeyalias", ""),
            trust_first_use=address.trust_first_use or found.get("stricthostkeychecking") == "accept-new",
            hash_names=found.get("hashknownhosts", "no").lower() == "yes",
            jumps=jumps,
            proxy_command="" if jumps else found.get("proxycommand") or "",
            connect_s=seconds(found.get("connecttimeout"), CONNECT_S),
            alive_s=seconds(found.get("serveraliveinterval"), ALIVE_S),
            alive_count=max(int(found.get("serveralivecountmax", ALIVE_COUNT)), 1),
        )
    except ValueError as error:
        raise UsageError(f"read {home / '.ssh/config'} for {address.host}: {error}; a number is needed") from None


def chain(jump: str, address: Address, home: Path, hops: int) -> tuple[Settings, ...]:
    """The servers of a ProxyJump; the first may itself need one. Source: ssh_config(5), ProxyJump; ssh.c."""
    if hops == 0:
        raise UsageError(f"read {home / '.ssh/config'}: ProxyJump of {address.host} leads through too many hosts")
    passed: list[Settings] = []
    for text in jump.split(","):
        text = text.strip()
        hop = parse(text if text.startswith("ssh://") else f"ssh://{text}")
        settings = settings_of(replace(hop, trust_first_use=address.trust_first_use), home, hops - 1)
        if passed:
            settings = replace(settings, jumps=(), proxy_command="")
        passed += [*settings.jumps, replace(settings, jumps=())]
    return tuple(passed)


def lookup(address: Address, home: Path) -> Mapping[str, str]:
    """What ssh_config(5) calls the host's options, by their names in small letters. Raises: UsageError."""
    from paramiko.config import SSHConfig
    from paramiko.ssh_exception import ConfigParseError, CouldNotCanonicalize

    own = home / ".ssh" / "config"
    lines = ["Host *"]
    lines += [f"User {address.user}"] if address.user else []
    lines += [f"Port {address.port}"] if address.port else []
    try:
        lines += [*included(own, home / ".ssh"), "Host *", *included(GLOBAL_CONFIG, GLOBAL_CONFIG.parent)]
        found: Mapping[str, str] = SSHConfig.from_text("\n".join(lines)).lookup(address.host)
    except (ConfigParseError, CouldNotCanonicalize, ValueError, ImportError) as error:
        raise UsageError(f"read {own} for {address.host}: {error}; `ssh -G {address.host}` checks it") from None
    return found


def included(path: Path, folder: Path, depth: int = 0) -> Iterator[str]:
    """The lines of a configuration, each Include replaced by what it names. Raises: UsageError.

    What an included file leaves open ends with it: the section in which it was included begins again after it.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"read {path}: {error.strerror}; make it readable, or remove it") from None
    section = "Host *"
    for number, line in enumerate(text.splitlines(), 1):
        word, _, rest = re.sub(r"^\s*(\w+)(\s*=\s*|\s+)", r"\1 ", line).partition(" ")
        if word.lower() != "include":
            section = line if word.lower() in ("host", "match") else section
            yield line
            continue
        if section.split()[1:] not in (["*"], ["all"]):
            raise UsageError(f"read {path}:{number}: Include below {section.strip()!r} is not understood; move it up")
        if depth == MOST_INCLUDES:
            raise UsageError(f"read {path}:{number}: files include each other {MOST_INCLUDES} deep; break the circle")
        for pattern in shlex.split(rest):
            for name in sorted(glob.glob(str(folder / os.path.expanduser(pattern)))):  # noqa: PTH111, PTH207
                yield from included(Path(name), folder, depth + 1)
                yield section


def key_files(found: Mapping[str, str], home: Path) -> tuple[Path, ...]:
    """The files of IdentityFile, or where OpenSSH looks by itself."""
    names = found.get("identityfile")
    if names is None:
        return tuple(home / ".ssh" / name for name in DEFAULT_KEYS)
    return tuple(expanded(name, home) for name in names if name.lower() != "none")


def agent_socket(found: Mapping[str, str], home: Path) -> str:
    """The agent's socket; "" for none. Source: ssh_config(5), IdentityAgent."""
    named = found.get("identityagent", "SSH_AUTH_SOCK")
    if named == "SSH_AUTH_SOCK":
        return os.environ.get("SSH_AUTH_SOCK", "")
    if named.startswith("$"):
        return os.environ.get(named[1:].strip("{}"), "")
    return "" if named.lower() == "none" else str(expanded(named, home))


def known_files(found: Mapping[str, str], home: Path) -> tuple[Path, ...]:
    """The user's files of host keys, then the machine's."""
    own = found.get("userknownhostsfile", "~/.ssh/known_hosts ~/.ssh/known_hosts2")
    everyone = found.get("globalknownhostsfile")
    shared = GLOBAL_KNOWN if everyone is None else known_in(everyone, home)
    return (*known_in(own, home), *shared)


def known_in(names: str, home: Path) -> list[Path]:
    """Files of host keys; "none" knows nobody, and what is trusted is not kept. Source: ssh_config(5)."""
    return [Path(os.devnull) if name.lower() == "none" else expanded(name, home) for name in shlex.split(names)]


def expanded(name: str, home: Path) -> Path:
    """A file name of the configuration; ~ and %d are the home."""
    name = name.replace("%d", str(home)).replace("%%", "%")
    return home / name[2:] if name.startswith("~/") else Path(name)


def seconds(text: str | None, default: float) -> float:
    """A time of ssh_config: "30", "1m30s"; none and 0 mean the default here: waiting for ever is not offered."""
    if not text or text.lower() == "none":
        return default
    parts = re.findall(r"(\d+)([smhd]?)", text.lower())
    return (
        float(sum(int(count) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[unit] for count, unit in parts))
        or default
    )
