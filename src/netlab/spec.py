"""What a lab is made of: hosts, NICs, switches, wires, programs. Plain dataclasses.

Rules: the lab file is validated into these (by pydantic, in `netlab.lab`), the supervisor is sent these (as JSON), the
record embeds them. So they import neither pydantic nor the kernel, and hold only what JSON holds. Every field carries
its description: the JSON Schema and the reference are made of them.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from netlab.fields import STRICT, doc
from netlab.impairment import Link
from netlab.units import ByteSize, Duration

DEFAULT_WITHIN = Duration(5 * 10**9)
SCRATCH = "/dev/shm/netlab"
"""The folder that `${scratch}` stands for: in memory, in the run's own mount namespace, gone with the run."""


@dataclass(frozen=True)
class Ref:
    """Marks a string field as the name of something: `Annotated[str, Ref("host")]`.

    `kind` is one of "host", "nic" (host.nic), "plugged-nic" (one that is in a switch or wire), "endpoint" (host or
    host.endpoint), "program" (host.program), "address" (host:port, host.nic:port or ip:port), "step" (an earlier step's
    id), "barrier" (a step's id, or the word of a fault or healing that is played), "background" (a step's `background`
    name), "socket" (a name of the host's endpoint; not checked before the run), "port" (1 to 65535).
    """

    kind: str


@dataclass(frozen=True, kw_only=True)
class Nic:
    """A network interface of a host."""

    ip: tuple[str, ...] = doc("Its addresses with prefix length, IPv4 or IPv6: 10.77.0.1/24.", default=())
    mac: str | None = doc(
        'Its hardware address: "02:00:00:00:00:0a". Default: one that depends on its place only.', None
    )
    mtu: int = doc("Its MTU in bytes, 68 to 65535.", default=1500)
    link: Link | None = doc("What its cable does to packets: a preset by name, or settings (docs/links.md).", None)
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT


@dataclass(frozen=True, kw_only=True)
class Route:
    """A route of a host."""

    to: str = doc('A prefix, 10.78.0.0/24, or "default" (give `via` of the family meant).')
    via: str = doc("The next hop: an address on one of the host's networks.")
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT


TimeoutName = Literal[
    "syn-sent",
    "syn-recv",
    "established",
    "fin-wait",
    "close-wait",
    "last-ack",
    "time-wait",
    "close",
    "unacknowledged",
    "max-retrans",
    "udp",
    "udp-stream",
    "icmp",
    "icmp6",
]
"""The states of TCP as connection tracking has them, and other protocols. Source:
Documentation/networking/nf_conntrack-sysctl.rst."""


@dataclass(frozen=True, kw_only=True)
class Nat:
    """Network address translation: what comes in by `inside` and leaves by `outside` bears that NIC's address."""

    inside: tuple[str, ...] = doc("The NICs of this host whose networks are translated.")
    outside: str = doc("The NIC of this host that lends its address.")
    preset: str | None = doc(
        "Settings by name, timeouts of `conntrack` too: home, symmetric, carrier-grade (docs/links.md).", default=None
    )
    kind: Literal["endpoint-independent", "symmetric"] | None = doc(
        "endpoint-independent: one inside address and port gets one outside port, whatever it speaks to, and its own "
        "port where that is free (RFC 5382 REQ-1). symmetric: a random port for each connection. Default: the "
        "preset's, else endpoint-independent.",
        default=None,
    )
    ports: str | None = doc("The TCP ports it may lend, as 40000-40999. Default: any.", default=None)
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT


@dataclass(frozen=True, kw_only=True)
class Firewall:
    """A stateful firewall: what is forwarded, or for the host itself, must belong to a connection that it knows."""

    preset: str | None = doc("Settings by name, timeouts of `conntrack` too: stateful (docs/links.md).", default=None)
    stateful: Literal["drop", "reject"] | None = doc(
        "What happens to a packet that does not. drop: nothing more. reject: an RST for TCP, an ICMP error for others. "
        "Default: the preset's.",
        default=None,
    )
    inside: tuple[str, ...] = doc("The NICs of this host by which new connections may come in.", default=())
    open: tuple[int, ...] = doc("TCP ports to which new connections may come by any NIC.", default=())
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT


@dataclass(frozen=True, kw_only=True)
class Conntrack:
    """How a host with `nat` or `firewall` tracks connections. Source: nf_conntrack-sysctl.rst of the kernel."""

    timeouts: dict[TimeoutName, Duration] = doc(
        "After how long without a packet an entry in this state is forgotten, in whole seconds. These stand over a "
        "preset's of `nat` or `firewall`. Default: the kernel's, 5 days for established.",
        factory=dict,
    )
    loose: bool = doc(
        "A segment in the middle of a connection that it does not know makes a new entry (nf_conntrack_tcp_loose, on "
        "unless somebody turns it off).",
        default=True,
    )
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT


@dataclass(frozen=True, kw_only=True)
class Ready:
    """When a program counts as started: exactly one of the two."""

    port: int | None = doc("It listens on this TCP port.", default=None)
    line: str | None = doc("It wrote a line that this regular expression finds.", default=None)
    within: Duration = doc("How long it may take.", default=Duration(10 * 10**9))
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT


@dataclass(frozen=True, kw_only=True)
class Program:
    """A user's own command, run inside a host. No shell is involved. It finds the lab's hosts by name (/etc/hosts)."""

    argv: tuple[str, ...] = doc(
        "The command and its arguments. A command without a slash is looked for in netlab's own virtual environment "
        "(so `python3` has the libraries installed there), on the PATH, in /usr/sbin and the like, and in "
        "/usr/lib/postgresql/*/bin; one with a slash in `cwd`.",
        default=(),
    )
    command: str | None = doc(
        "Or both in one text, as typed at a prompt: split at blanks, quotes hold together, nothing is expanded. Handy "
        "for a parameter: command: ${server}.",
        default=None,
    )
    env: dict[str, str] = doc("Environment variables to set besides the inherited ones.", factory=dict)
    cwd: str | None = doc("Working directory; relative to the lab file. Default: the lab file's folder.", default=None)
    user: str | None = doc(
        "As root: the user to run as. Without root it is the caller, and no other may be named but nobody, which "
        "stands for whoever has no rights of root: the caller, then.",
        default=None,
    )
    stdin: str | None = doc("Text it reads on its standard input. Default: nothing.", default=None)
    interactive: bool = doc(
        "After that its standard input stays open, for `input` steps; else it reads end of file.", default=False
    )
    ready: Ready | None = doc("When it counts as started. Default: as soon as it runs.", default=None)
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT

    @property
    def words(self) -> tuple[str, ...]:
        """The command and its arguments, from `argv` or from `command`. Raises: ValueError (a quote not closed)."""
        return self.argv if self.command is None else tuple(shlex.split(self.command))


@dataclass(frozen=True, kw_only=True)
class Host:
    """A host: a network namespace with NICs, endpoints and programs."""

    nics: dict[str, Nic] = doc("Its NICs by interface name (at most 15 characters).", factory=dict)
    sysctls: dict[str, str] = doc("Sysctls below net., as dotted names: net.ipv4.tcp_orphan_retries.", factory=dict)
    routes: tuple[Route, ...] = doc("Its routes besides those its addresses bring.", default=())
    neighbours: tuple[str, ...] = doc(
        "NICs (host.nic) whose addresses it holds as permanent neighbours: no ARP, no neighbour discovery.", default=()
    )
    forward: bool = doc("It forwards packets between its NICs: a router.", default=False)
    nat: Nat | None = doc("It translates addresses. Needs `forward`.", default=None)
    firewall: Firewall | None = doc("It refuses what belongs to no connection it knows.", default=None)
    conntrack: Conntrack | None = doc("How it tracks connections. Needs `nat` or `firewall`.", default=None)
    offloads: bool = doc("Leave segmentation offloads on, so that captured frames may exceed the MTU.", default=False)
    programs: dict[str, Program] = doc("Commands that steps can `start` on it.", factory=dict)
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT

    @property
    def tracks(self) -> bool:
        """Its kernel keeps a table of the connections that pass it."""
        return self.nat is not None or self.firewall is not None

    @property
    def needs(self) -> tuple[str, ...]:
        """Words of probes/ that must be answered with yes before it can be built."""
        return (*(("nat",) if self.nat else ()), *(("conntrack",) if self.firewall else ()))


@dataclass(frozen=True, kw_only=True)
class Capture:
    """How the wire is watched."""

    ring: ByteSize | None = doc("Memory for each host's capture ring. Default: sized to the lab.", default=None)
    snap: int = doc("Bytes of each frame to keep.", default=65535)
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT


@dataclass(frozen=True, kw_only=True)
class Topology:
    """All that has to be built before the first step."""

    hosts: dict[str, Host]
    switches: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Switch name to members: host.nic, or the name of another switch (a trunk)."""
    wires: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Wire name to its two NICs."""
    capture: Capture = field(default_factory=Capture)
    family: Literal["ipv4", "ipv6"] = "ipv4"
    """Which address a host's name stands for in `connect` and the like."""
    folder: str = "."
    """The lab file's folder, absolute: programs start there."""
    cables: tuple[str, ...] = ()
    """NICs whose cables faults will impair while the lab runs, besides those that have a `link`."""

    def nics(self) -> dict[str, Nic]:
        """Every NIC by its full name "host.nic", in the order of the file."""
        return {f"{host}.{name}": nic for host, spec in self.hosts.items() for name, nic in spec.nics.items()}

    def own_cables(self) -> tuple[str, ...]:
        """The NICs that get a cable of their own: those with a `link`, and those that faults will impair."""
        return tuple(name for name, nic in self.nics().items() if nic.link is not None or name in self.cables)
