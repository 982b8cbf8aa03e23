"""What a host of the lab does to packets that pass it: translate them, track them, refuse them.

    client ──▶ [ inside   router   outside ] ──▶ server
                 firewall: forward, input   (filter)    what belongs to no known connection is refused
                 nat: postrouting           (srcnat)    what leaves by `outside` bears its address

Rules: one table for each of the two, in one transaction, read back; then the connection tracking's sysctls, which exist
once something tracks. Interfaces are matched by name, so that the rules hold for a NIC that went and came back.

Source: nft(8); nft_masq in net/netfilter/nft_masq.c; nf_nat_setup_info and get_unique_tuple in
net/netfilter/nf_nat_core.c: a source that was translated before keeps its port, unless the range is fully random.
"""

from __future__ import annotations

from typing import Any, get_args

from netlab.errors import KernelError
from netlab.kernel import nftables, sysctl
from netlab.kernel.namespaces import Namespace
from netlab.kernel.netlink import Request
from netlab.kernel.nftables import META_IIFNAME, META_OIFNAME, NF_ACCEPT, NF_DROP, TRANSPORT_HEADER
from netlab.spec import Conntrack, Firewall, Host, Nat, TimeoutName

NAT_TABLE, FIREWALL_TABLE = "netlab-nat", "netlab-firewall"
PROTO_SPECIFIED, RANDOM_FULLY = "NF_NAT_RANGE_PROTO_SPECIFIED", "NF_NAT_RANGE_PROTO_RANDOM_FULLY"
"""Source: NF_NAT_RANGE_ in include/uapi/linux/netfilter/nf_nat.h."""
TARGET_PORT = 2
SECOND = 10**9
PREFIX = "net.netfilter.nf_conntrack_"
_OTHERS = {"udp": "udp_timeout", "udp-stream": "udp_timeout_stream", "icmp": "icmp_timeout", "icmp6": "icmpv6_timeout"}
TIMEOUTS: dict[TimeoutName, str] = {
    name: _OTHERS.get(name) or f"tcp_timeout_{name.replace('-', '_')}" for name in get_args(TimeoutName)
}
"""Their sysctls, behind the prefix. Source: Documentation/networking/nf_conntrack-sysctl.rst."""


def set_up(namespace: Namespace, host: Host) -> None:
    """Build what the lab says of this host; its interfaces need not be there yet. Raises: KernelError."""
    if host.nat is not None:
        _install(namespace, NAT_TABLE, translation(host.nat))
    if host.firewall is not None:
        _install(namespace, FIREWALL_TABLE, filtering(host.firewall))
    if host.conntrack is not None:
        _set_sysctls(namespace, sysctls(host.conntrack))


def _install(namespace: Namespace, table: str, requests: list[Request]) -> None:
    """Make the table, and read back that every rule is in it."""
    nftables.transact(namespace, [nftables.new_table(table), *requests])
    wanted = sum(request.operation.startswith("add a rule") for request in requests)
    there = nftables.rules_of(namespace, table)
    if there != wanted:
        raise KernelError(
            f"make nftables table {table}", namespace.name, hint=f"{there} of its {wanted} rules are there"
        )


def translation(nat: Nat) -> list[Request]:
    """One rule for each inside NIC: what came in there and leaves by `outside` is masqueraded."""
    masquerade = _masquerade(nat)
    return [
        nftables.chain(NAT_TABLE, "postrouting", kind="nat", priority="srcnat"),
        *(
            nftables.rule(NAT_TABLE, "postrouting", [*_came_by(nic), *_leaves_by(nat.outside), *match, *action])
            for nic in nat.inside
            for match, action in masquerade
        ),
    ]


def _masquerade(nat: Nat) -> list[tuple[list[Any], list[Any]]]:
    """(what is matched, what is done): a range of ports can be named for protocols that have ports only."""
    flags = {RANDOM_FULLY} if nat.kind == "symmetric" else set()
    whatever = nftables.expression("masq", **({"FLAGS": flags} if flags else {}))
    if nat.ports is None:
        return [([], [whatever])]
    registers = (nftables.REGISTER, nftables.SECOND_REGISTER)
    bounds = [
        nftables.expression("immediate", DREG=register, DATA=nftables.data(port.to_bytes(2)))
        for register, port in zip(registers, _bounds(nat.ports), strict=True)
    ]
    ranged = {"REG_PROTO_MIN": registers[0], "REG_PROTO_MAX": registers[1], "FLAGS": flags | {PROTO_SPECIFIED}}
    return [(nftables.tcp(), [*bounds, nftables.expression("masq", **ranged)]), ([], [whatever])]


def _bounds(ports: str) -> tuple[int, int]:
    """The first and last port of "40000-40999"."""
    first, _, last = ports.partition("-")
    return int(first), int(last)


def filtering(firewall: Firewall) -> list[Request]:
    """The same rules for what is forwarded and for what is for the host itself."""
    requests = []
    for hook in ("forward", "input"):
        requests.append(nftables.chain(FIREWALL_TABLE, hook, priority="filter"))
        requests += [nftables.rule(FIREWALL_TABLE, hook, rule) for rule in _rules(firewall, hook)]
    return requests


def _rules(firewall: Firewall, hook: str) -> list[list[Any]]:
    """What belongs to a known connection passes, what may begin one too; the rest is refused."""
    accept, begins = nftables.verdict(NF_ACCEPT), nftables.ct_state("new")
    passing = [
        nftables.neighbour_discovery(),
        *([_came_by("lo")] if hook == "input" else []),
        nftables.ct_state("established", "related"),
        *([*_came_by(nic), *begins] for nic in firewall.inside),
        *(
            [*nftables.tcp(), *nftables.payload(TRANSPORT_HEADER, TARGET_PORT, port.to_bytes(2)), *begins]
            for port in firewall.open
        ),
    ]
    if firewall.stateful == "drop":
        refusing = [[nftables.verdict(NF_DROP)]]
    else:
        refusing = [[*nftables.tcp(), nftables.reject("rst")], [nftables.reject("icmp-admin")]]
    return [*([*match, accept] for match in passing), *refusing]


def _came_by(nic: str) -> list[Any]:
    return nftables.interface(META_IIFNAME, nic)


def _leaves_by(nic: str) -> list[Any]:
    return nftables.interface(META_OIFNAME, nic)


def sysctls(conntrack: Conntrack) -> dict[str, str]:
    """What the lab says of connection tracking, as the kernel's settings by name."""
    timeouts = {TIMEOUTS[name]: str(timeout // SECOND) for name, timeout in conntrack.timeouts.items()}
    return {PREFIX + "tcp_loose": str(int(conntrack.loose)), **{PREFIX + name: text for name, text in timeouts.items()}}


def _set_sysctls(namespace: Namespace, values: dict[str, str]) -> None:
    """Set them, and read them back."""
    sysctl.write_all(namespace, values)
    for name, value in sysctl.read_all(namespace, values).items():
        if value != values[name]:
            raise KernelError(
                f"set sysctl {name} to {values[name]!r}", namespace.name, hint=f"it is {value!r} afterwards"
            )
