"""nftables as messages: tables, chains, rules and the expressions they are made of, carried out all or none.

    transact(namespace, [new_table("mine"), chain("mine", "input"), rule("mine", "input", [*tcp(), reject("rst")])])

Rules: this knows how nftables is spoken to, firewall.py and middlebox.py what is said. pyroute2's message classes, our
socket: its NFTSocket runs an event loop of its own, in the supervisor's. No `nft` program.

Source: include/uapi/linux/netfilter/nf_tables.h, nft(8); `nft --debug=netlink list ruleset` shows what nft would send.
"""

from __future__ import annotations

import socket
from typing import Any

from pyroute2.netlink.nfnetlink import NFNL_SUBSYS_NFTABLES, nfgen_msg
from pyroute2.netlink.nfnetlink.nftsocket import (
    NFT_MSG_DELTABLE,
    NFT_MSG_GETRULE,
    NFT_MSG_NEWCHAIN,
    NFT_MSG_NEWRULE,
    NFT_MSG_NEWTABLE,
    nft_chain_msg,
    nft_rule_msg,
    nft_table_msg,
)

from netlab.kernel.messages import NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, attributes, encode, u32
from netlab.kernel.namespaces import Namespace
from netlab.kernel.netlink import NETLINK_NETFILTER, Netlink, Request

NFPROTO_INET, NFPROTO_IPV4, NFPROTO_BRIDGE, NFPROTO_IPV6 = 1, 2, 7, 10
NF_DROP, NF_ACCEPT = 0, 1
BATCH_BEGIN, BATCH_END = 0x10, 0x11
HOOKS = {"input": 1, "forward": 2, "output": 3, "postrouting": 4}
"""Source: enum nf_inet_hooks in include/uapi/linux/netfilter.h; a bridge's hooks have the same numbers."""
PRIORITIES = {"raw": -300, "filter": 0, "srcnat": 100}
"""Before connection tracking, after it, and where sources are translated. Source: enum nf_ip_hook_priorities in
include/uapi/linux/netfilter_ipv4.h."""

NETWORK_HEADER, TRANSPORT_HEADER = 1, 2
IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_ICMPV6 = 1, 6, 58
ND_FIRST, ND_LAST = 133, 137
"""ICMPv6 types of neighbour discovery. Source: RFC 4861 section 4."""
META_PROTOCOL, META_IIFNAME, META_OIFNAME, META_NFPROTO, META_L4PROTO = 1, 6, 7, 15, 16
META_LEN = 0
CMP_EQ, CMP_NEQ, CMP_LTE, CMP_GT, CMP_GTE = 0, 1, 3, 4, 5
HOST_TO_NETWORK = 1
REGISTER, SECOND_REGISTER, VERDICT_REGISTER = 1, 2, 0
IFNAMSIZ = 16

CT_STATE = 0
CT_STATES = {"established": 2, "related": 4, "new": 8}
"""Source: NF_CT_STATE_BIT in include/uapi/linux/netfilter/nf_conntrack_common.h, of enum ip_conntrack_info."""

REJECTS: dict[str, tuple[int, int]] = {
    "rst": (1, 0),
    "icmp-net": (2, 0),
    "icmp-port": (2, 1),
    "icmp-host": (2, 2),
    "icmp-admin": (2, 3),
}
"""Type and code: NFT_REJECT_TCP_RST; NFT_REJECT_ICMPX_UNREACH with no route, port, host, administratively prohibited.
Each becomes ICMP or ICMPv6 as the packet is (RFC 792; RFC 4443 section 3.1, which has no host: address unreachable)."""


# --- carrying out ---


def transact(namespace: Namespace, requests: list[Request]) -> None:
    """All of these or none. Raises: KernelError."""
    edges = [_edge(BATCH_BEGIN), _edge(BATCH_END)]
    netlink = _socket(namespace)
    try:
        netlink.transaction([edges[0], *requests, edges[1]])
    finally:
        netlink.close()


def rules_of(namespace: Namespace, name: str, family: int = NFPROTO_INET) -> int:
    """How many rules a table holds, as the kernel tells it. Raises: KernelError."""
    netlink = _socket(namespace)
    try:
        asked = _message(f"read nftables table {name}", nft_rule_msg(), NFT_MSG_GETRULE, 0, [], family)
        found = netlink.dump(asked)
    finally:
        netlink.close()
    return sum(dict(attributes(data, ATTRIBUTES)).get(NFTA_RULE_TABLE) == name.encode() + b"\0" for data in found)


ATTRIBUTES, NFTA_RULE_TABLE = 20, 1
"""A message's attributes follow its headers (struct nlmsghdr, struct nfgenmsg); a rule's first one names its table."""


def _socket(namespace: Namespace) -> Netlink:
    return Netlink(namespace.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER), namespace.name)


def _edge(kind: int) -> Request:
    return Request("change nftables", "", encode(nfgen_msg(), kind, 0, res_id=NFNL_SUBSYS_NFTABLES))


def _message(operation: str, message: Any, kind: int, flags: int, attrs: list[tuple[str, Any]], family: int) -> Request:
    number = NFNL_SUBSYS_NFTABLES << 8 | kind
    return Request(operation, "", encode(message, number, flags, nfgen_family=family, attrs=attrs))


# --- tables, chains, rules ---


def new_table(name: str, family: int = NFPROTO_INET) -> Request:
    """Make a table that is not there yet."""
    attrs = [("NFTA_TABLE_NAME", name)]
    flags = NLM_F_CREATE | NLM_F_EXCL
    return _message(f"make nftables table {name}", nft_table_msg(), NFT_MSG_NEWTABLE, flags, attrs, family)


def delete_table(name: str, family: int = NFPROTO_INET) -> Request:
    """Delete a table with all that is in it."""
    attrs = [("NFTA_TABLE_NAME", name)]
    return _message(f"delete nftables table {name}", nft_table_msg(), NFT_MSG_DELTABLE, 0, attrs, family)


def chain(table: str, hook: str, family: int = NFPROTO_INET, kind: str = "filter", priority: str = "raw") -> Request:
    """Make a chain called like the hook it stands at; what no rule decides passes."""
    place = [("NFTA_HOOK_HOOKNUM", HOOKS[hook]), ("NFTA_HOOK_PRIORITY", PRIORITIES[priority])]
    attrs: list[tuple[str, Any]] = [
        ("NFTA_CHAIN_TABLE", table),
        ("NFTA_CHAIN_NAME", hook),
        ("NFTA_CHAIN_HOOK", {"attrs": place}),
        ("NFTA_CHAIN_TYPE", kind),
        ("NFTA_CHAIN_POLICY", NF_ACCEPT),
    ]
    flags = NLM_F_CREATE | NLM_F_EXCL
    return _message(f"make nftables chain {hook}", nft_chain_msg(), NFT_MSG_NEWCHAIN, flags, attrs, family)


def rule(table: str, chain: str, expressions: list[Any], family: int = NFPROTO_INET) -> Request:
    """Append a rule to a chain."""
    attrs: list[tuple[str, Any]] = [
        ("NFTA_RULE_TABLE", table),
        ("NFTA_RULE_CHAIN", chain),
        ("NFTA_RULE_EXPRESSIONS", expressions),
    ]
    flags = NLM_F_CREATE | NLM_F_APPEND
    return _message(f"add a rule to nftables chain {chain}", _NewRule(), NFT_MSG_NEWRULE, flags, attrs, family)


class _NewRule(nft_rule_msg):  # type: ignore[misc]
    """A rule whose log group has 16 bits, as in the kernel (`nft_log_policy`); pyroute2 0.9.7 would write 32."""

    class nft_expr(nft_rule_msg.nft_expr):  # type: ignore[misc]
        class nft_log(nft_rule_msg.nft_expr.nft_log):  # type: ignore[misc]
            nla_map = (("NFTA_LOG_UNSPEC", "none"), ("NFTA_LOG_GROUP", "be16"))


# --- what a rule asks ---


def neighbour_discovery() -> list[Any]:
    """ICMPv6 router and neighbour solicitations, advertisements and redirects."""
    first, last = bytes([ND_FIRST]), bytes([ND_LAST])
    icmp_type = payload(TRANSPORT_HEADER, 0, first, CMP_GTE)
    return [*meta(META_L4PROTO, bytes([IPPROTO_ICMPV6])), *icmp_type, compare(last, CMP_LTE)]


def tcp() -> list[Any]:
    """A TCP segment, over IPv4 or IPv6."""
    return meta(META_L4PROTO, bytes([IPPROTO_TCP]))


def icmp(version: int, kind: int, code: int | None) -> list[Any]:
    """An ICMP (or, of version 6, an ICMPv6) message of this type, and of this code where one is given."""
    protocol = IPPROTO_ICMP if version == 4 else IPPROTO_ICMPV6
    value = bytes([kind]) + (b"" if code is None else bytes([code]))
    return [*meta(META_L4PROTO, bytes([protocol])), *payload(TRANSPORT_HEADER, 0, value)]


def larger_than(size: int) -> list[Any]:
    """The packet, from its network header on, is larger than so many bytes."""
    swap = expression("byteorder", SREG=REGISTER, DREG=REGISTER, OP=HOST_TO_NETWORK, LEN=4, SIZE=4)
    return [expression("meta", DREG=REGISTER, KEY=META_LEN), swap, compare(size.to_bytes(4), CMP_GT)]


def interface(key: int, name: str) -> list[Any]:
    """It came in (META_IIFNAME) or goes out (META_OIFNAME) by this interface."""
    return meta(key, name.encode().ljust(IFNAMSIZ, b"\0"))


def named_like(key: int, beginning: str) -> list[Any]:
    """The interface it came in or goes out by has a name that begins so."""
    return meta(key, beginning.encode())


def ct_state(*states: str) -> list[Any]:
    """Connection tracking holds it for one of these: "established", "related", "new"."""
    mask = u32(sum(CT_STATES[state] for state in states))
    return [
        expression("ct", DREG=REGISTER, KEY=CT_STATE),
        expression("bitwise", SREG=REGISTER, DREG=REGISTER, LEN=4, MASK=data(mask), XOR=data(bytes(4))),
        compare(bytes(4), CMP_NEQ),
    ]


def meta(key: int, value: bytes) -> list[Any]:
    """The packet's meta data under this key is this."""
    return [expression("meta", DREG=REGISTER, KEY=key), compare(value)]


def payload(header: int, offset: int, value: bytes, operator: int = CMP_EQ) -> list[Any]:
    """These bytes stand at this place of the network or transport header."""
    load = expression("payload", DREG=REGISTER, BASE=header, OFFSET=offset, LEN=len(value))
    return [load, compare(value, operator)]


def compare(value: bytes, operator: int = CMP_EQ) -> Any:
    """The register compared with this."""
    return expression("cmp", SREG=REGISTER, OP=operator, DATA=data(value))


# --- what a rule does ---


def verdict(code: int) -> Any:
    """NF_ACCEPT or NF_DROP."""
    return expression("immediate", DREG=VERDICT_REGISTER, DATA={"attrs": [("NFTA_DATA_VERDICT", code_of(code))]})


def code_of(code: int) -> dict[str, Any]:
    return {"attrs": [("NFTA_VERDICT_CODE", code)]}


def log(group: int) -> Any:
    """Hand a copy to whoever listens to this NFLOG group."""
    return expression("log", GROUP=group)


def reject(how: str) -> Any:
    """Refuse it and say so, as REJECTS has it."""
    kind, code = REJECTS[how]
    return expression("reject", TYPE=kind, ICMP_CODE=code)


def data(value: bytes) -> dict[str, Any]:
    """A constant."""
    return {"attrs": [("NFTA_DATA_VALUE", value)]}


def expression(name: str, **fields: Any) -> dict[str, Any]:
    """One expression as pyroute2 encodes it."""
    inner = [(f"NFTA_{name.upper()}_{field}", value) for field, value in fields.items()]
    return {"attrs": [("NFTA_EXPR_NAME", name), ("NFTA_EXPR_DATA", {"attrs": inner})]}
