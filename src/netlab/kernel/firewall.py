"""nftables inside a host: packets dropped or rejected, and exactly as before afterwards.

    drop(host, "in", ["10.0.0.2"], port=80)      table inet netlab-1 {
                                                     chain input   { … ip saddr 10.0.0.2 tcp sport 80 drop; … }
                                                     chain forward { … }
                                                 }

Rules: each call makes one table of its own in one transaction, and removing it deletes that table and nothing else:
what a program in the host set up itself stays. "in" is what arrives at the host or is forwarded from the peers, "out"
what the host sends or forwards to them. A packet dropped on its way in was seen by the captures; one dropped on its way
out was not, and its sender is told (EPERM: TCP takes it for a local problem, not for loss). Loss on the path is "in" at
the other host. ARP and neighbour discovery pass: the first is no IP, the second is let through.

pyroute2's message classes, our socket: its NFTSocket runs an event loop of its own, in the supervisor's. No `nft`
program. Source: include/uapi/linux/netfilter/nf_tables.h, nft(8).
"""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Literal

from pyroute2.netlink.nfnetlink import NFNL_SUBSYS_NFTABLES, nfgen_msg
from pyroute2.netlink.nfnetlink.nftsocket import (
    NFT_MSG_DELTABLE,
    NFT_MSG_NEWCHAIN,
    NFT_MSG_NEWRULE,
    NFT_MSG_NEWTABLE,
    nft_chain_msg,
    nft_rule_msg,
    nft_table_msg,
)

from netlab.kernel.messages import NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, encode
from netlab.kernel.namespaces import Namespace
from netlab.kernel.netlink import NETLINK_NETFILTER, Netlink, Request

Direction = Literal["in", "out", "both"]
How = Literal["rst", "icmp-port", "icmp-host", "icmp-net", "icmp-admin"]

NFPROTO_INET, NFPROTO_IPV4, NFPROTO_BRIDGE, NFPROTO_IPV6 = 1, 2, 7, 10
ETHERTYPES = {4: b"\x08\x00", 6: b"\x86\xdd"}
NF_DROP, NF_ACCEPT = 0, 1
BATCH_BEGIN, BATCH_END = 0x10, 0x11
HOOKS = {"input": 1, "forward": 2, "output": 3}
"""Source: enum nf_inet_hooks in include/uapi/linux/netfilter.h; a bridge's hooks have the same numbers."""
CHAINS = {"in": ("input", "forward"), "out": ("output", "forward")}
PRIORITY = -300
"""Before connection tracking (NF_IP_PRI_RAW): a dropped packet makes no entry there."""

NETWORK_HEADER, TRANSPORT_HEADER = 1, 2
ADDRESS_AT = {(4, "in"): 12, (4, "out"): 16, (6, "in"): 8, (6, "out"): 24}
"""Where the source (for "in") or destination address is. Source: RFC 791 section 3.1, RFC 8200 section 3."""
SOURCE_PORT, TARGET_PORT = 0, 2
IPPROTO_TCP, IPPROTO_ICMPV6 = 6, 58
ND_FIRST, ND_LAST = 133, 137
"""ICMPv6 types of neighbour discovery. Source: RFC 4861 section 4."""
META_PROTOCOL, META_NFPROTO, META_L4PROTO = 1, 15, 16
CMP_EQ, CMP_GTE, CMP_LTE = 0, 5, 3
REGISTER, VERDICT_REGISTER = 1, 0

REJECTS: dict[str, tuple[int, int]] = {
    "rst": (1, 0),
    "icmp-net": (2, 0),
    "icmp-port": (2, 1),
    "icmp-host": (2, 2),
    "icmp-admin": (2, 3),
}
"""Type and code: NFT_REJECT_TCP_RST; NFT_REJECT_ICMPX_UNREACH with no route, port, host, administratively prohibited.
Each becomes ICMP or ICMPv6 as the packet is (RFC 792; RFC 4443 section 3.1, which has no host: address unreachable)."""

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Rules:
    """What was set up in one host; `remove` takes it away again."""

    namespace: Namespace
    table: str
    family: int = NFPROTO_INET

    def remove(self) -> None:
        """Delete the table with all that is in it. Raises: KernelError (ENOENT: somebody else did)."""
        _transact(self.namespace, [_table(NFT_MSG_DELTABLE, 0, self.table, self.family)])


def drop(namespace: Namespace, direction: Direction, peers: Iterable[str] = (), port: int | None = None) -> Rules:
    """Drop packets between this host and these addresses (default: everybody), of this TCP port only where given.

    A port counts at either end: both the segments to a server and its answers match. Raises: KernelError.
    """
    return _install(namespace, direction, peers, port, [_verdict(NF_DROP)], tcp_only=port is not None)


def reject(
    namespace: Namespace,
    how: How,
    direction: Direction = "in",
    peers: Iterable[str] = (),
    port: int | None = None,
) -> Rules:
    """Like `drop`, but answer: with a TCP reset ("rst": TCP only) or with an ICMP error. Raises: KernelError."""
    kind, code = REJECTS[how]
    answer = _expression("reject", TYPE=kind, ICMP_CODE=code)
    return _install(namespace, direction, peers, port, [answer], tcp_only=how == "rst" or port is not None)


def drop_on_path(fabric: Namespace, flows: Iterable[tuple[str, str]], port: int | None = None) -> Rules:
    """Drop packets on their way through the fabric's bridges, for each flow (source address, destination address).

    They were sent, and the switch port saw them come in; nothing saw them go out: loss on the path, at neither end.
    A port counts at either end. Raises: KernelError.
    """
    table, family = f"netlab-{next(_numbers)}", NFPROTO_BRIDGE
    messages = [_table(NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL, table, family), _chain(table, "forward", family)]
    messages.append(_rule(table, "forward", [*_neighbour_discovery(), _verdict(NF_ACCEPT)], family))
    for source, target in flows:
        version = ip_address(source).version
        path = [
            *_meta(META_PROTOCOL, ETHERTYPES[version]),
            *_payload(NETWORK_HEADER, ADDRESS_AT[version, "in"], ip_address(source).packed),
            *_payload(NETWORK_HEADER, ADDRESS_AT[version, "out"], ip_address(target).packed),
        ]
        for rest in _protocol(port, port is not None):
            messages.append(_rule(table, "forward", [*path, *rest, _verdict(NF_DROP)], family))
    _transact(fabric, messages)
    return Rules(fabric, table, family)


def _install(
    namespace: Namespace,
    direction: Direction,
    peers: Iterable[str],
    port: int | None,
    action: list[Any],
    tcp_only: bool,
) -> Rules:
    """One table with a chain for each hook: neighbour discovery passes, then what matches meets the action."""
    table = f"netlab-{next(_numbers)}"
    ways: list[Literal["in", "out"]] = ["in", "out"] if direction == "both" else [direction]
    addresses = list(peers)
    hooks = dict.fromkeys(chain for way in ways for chain in CHAINS[way])
    messages = [_table(NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL, table)]
    for chain in hooks:
        messages += [_chain(table, chain), _rule(table, chain, [*_neighbour_discovery(), _verdict(NF_ACCEPT)])]
    for way in ways:
        matches = [[*address, *rest] for address in _peers(way, addresses) for rest in _protocol(port, tcp_only)]
        messages += [_rule(table, chain, [*match, *action]) for chain in CHAINS[way] for match in matches]
    _transact(namespace, messages)
    return Rules(namespace, table)


def _transact(namespace: Namespace, requests: list[Request]) -> None:
    """All of these or none."""
    edges = [_edge(BATCH_BEGIN), _edge(BATCH_END)]
    netlink = Netlink(namespace.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER), namespace.name)
    try:
        netlink.transaction([edges[0], *requests, edges[1]])
    finally:
        netlink.close()


def _edge(kind: int) -> Request:
    return Request("change nftables", "", encode(nfgen_msg(), kind, 0, res_id=NFNL_SUBSYS_NFTABLES))


def _message(operation: str, message: Any, kind: int, flags: int, attrs: list[tuple[str, Any]], family: int) -> Request:
    number = NFNL_SUBSYS_NFTABLES << 8 | kind
    return Request(operation, "", encode(message, number, flags, nfgen_family=family, attrs=attrs))


def _table(kind: int, flags: int, table: str, family: int = NFPROTO_INET) -> Request:
    word = "delete" if kind == NFT_MSG_DELTABLE else "make"
    attrs = [("NFTA_TABLE_NAME", table)]
    return _message(f"{word} nftables table {table}", nft_table_msg(), kind, flags, attrs, family)


def _chain(table: str, chain: str, family: int = NFPROTO_INET) -> Request:
    hook = [("NFTA_HOOK_HOOKNUM", HOOKS[chain]), ("NFTA_HOOK_PRIORITY", PRIORITY)]
    attrs: list[tuple[str, Any]] = [
        ("NFTA_CHAIN_TABLE", table),
        ("NFTA_CHAIN_NAME", chain),
        ("NFTA_CHAIN_HOOK", {"attrs": hook}),
        ("NFTA_CHAIN_TYPE", "filter"),
        ("NFTA_CHAIN_POLICY", NF_ACCEPT),
    ]
    flags = NLM_F_CREATE | NLM_F_EXCL
    return _message(f"make nftables chain {chain}", nft_chain_msg(), NFT_MSG_NEWCHAIN, flags, attrs, family)


def _rule(table: str, chain: str, expressions: list[Any], family: int = NFPROTO_INET) -> Request:
    attrs: list[tuple[str, Any]] = [
        ("NFTA_RULE_TABLE", table),
        ("NFTA_RULE_CHAIN", chain),
        ("NFTA_RULE_EXPRESSIONS", expressions),
    ]
    flags = NLM_F_CREATE | NLM_F_APPEND
    return _message(f"add a rule to nftables chain {chain}", nft_rule_msg(), NFT_MSG_NEWRULE, flags, attrs, family)


def _peers(way: Literal["in", "out"], addresses: list[str]) -> Iterator[list[Any]]:
    """A match for each address; one that matches everybody where there is none."""
    if not addresses:
        yield []
    for text in addresses:
        address = ip_address(text)
        family = NFPROTO_IPV4 if address.version == 4 else NFPROTO_IPV6
        yield [
            *_meta(META_NFPROTO, bytes([family])),
            *_payload(NETWORK_HEADER, ADDRESS_AT[address.version, way], address.packed),
        ]


def _protocol(port: int | None, tcp_only: bool) -> Iterator[list[Any]]:
    """A match for all of IP, for TCP, or for each end's port."""
    tcp = _meta(META_L4PROTO, bytes([IPPROTO_TCP])) if tcp_only else []
    if port is None:
        yield tcp
    else:
        yield from ([*tcp, *_payload(TRANSPORT_HEADER, at, port.to_bytes(2))] for at in (SOURCE_PORT, TARGET_PORT))


def _neighbour_discovery() -> list[Any]:
    """ICMPv6 router and neighbour solicitations, advertisements and redirects."""
    first, last = bytes([ND_FIRST]), bytes([ND_LAST])
    icmp_type = _payload(TRANSPORT_HEADER, 0, first, CMP_GTE)
    return [*_meta(META_L4PROTO, bytes([IPPROTO_ICMPV6])), *icmp_type, _compare(last, CMP_LTE)]


def _meta(key: int, value: bytes) -> list[Any]:
    return [_expression("meta", DREG=REGISTER, KEY=key), _compare(value)]


def _payload(header: int, offset: int, value: bytes, operator: int = CMP_EQ) -> list[Any]:
    load = _expression("payload", DREG=REGISTER, BASE=header, OFFSET=offset, LEN=len(value))
    return [load, _compare(value, operator)]


def _compare(value: bytes, operator: int = CMP_EQ) -> Any:
    return _expression("cmp", SREG=REGISTER, OP=operator, DATA={"attrs": [("NFTA_DATA_VALUE", value)]})


def _verdict(code: int) -> Any:
    verdict = {"attrs": [("NFTA_DATA_VERDICT", {"attrs": [("NFTA_VERDICT_CODE", code)]})]}
    return _expression("immediate", DREG=VERDICT_REGISTER, DATA=verdict)


def _expression(name: str, **fields: Any) -> dict[str, Any]:
    """One expression as pyroute2 encodes it."""
    data = [(f"NFTA_{name.upper()}_{field}", value) for field, value in fields.items()]
    return {"attrs": [("NFTA_EXPR_NAME", name), ("NFTA_EXPR_DATA", {"attrs": data})]}
