"""Builds the smallest middlebox in a fresh namespace: a table, a chain and a rule, as a run would, and reads what it
tracks.

Rules: called in a trial's child. Source: include/uapi/linux/netfilter/nf_tables.h, nfnetlink.h, nfnetlink_conntrack.h.
"""

from __future__ import annotations

import os
import struct

from netlab.probes import Finding
from netlab.probes._netlink import NLM_F_ACK, NLM_F_REQUEST, attribute, message
from netlab.probes._nftables import NEWTABLE, NFTABLES, TABLE, carry_out, create, netfilter
from netlab.probes._trial import enter

CTNETLINK = 1
NEWCHAIN, NEWRULE, CT_GET = NFTABLES << 8 | 3, NFTABLES << 8 | 6, CTNETLINK << 8 | 1
LIST_ELEM = EXPR_NAME = HOOK_NUM = CT_DREG = 1
RULE_CHAIN = EXPR_DATA = HOOK_PRIORITY = CT_KEY = 2
CHAIN_NAME, CHAIN_HOOK, RULE_EXPRESSIONS, CHAIN_TYPE, NESTED = 3, 4, 4, 7, 0x8000
FORWARD, POSTROUTING, FILTER, SRCNAT = 2, 4, 0, 100
NLM_F_DUMP = 0x300
SETTING = "/proc/sys/net/netfilter/nf_conntrack_tcp_loose"


def trial(modules: str, *, nat: bool) -> Finding:
    """Whether it can be built."""
    from netlab.agent.process import CLONE_NEWNET
    from netlab.errors import errno_name

    enter(CLONE_NEWNET)
    remedy = f"sudo modprobe -a {modules}"
    with netfilter() as sock:
        if number := create(sock, made(nat)):
            what = "a masquerading rule" if nat else "a stateful rule"
            return Finding("no", f"make {what}: {errno_name(number)}", remedy)
        if number := carry_out(sock, message(CT_GET, bytes(4), NLM_F_REQUEST | NLM_F_ACK | NLM_F_DUMP), last=0):
            return Finding("no", f"read what is tracked: {errno_name(number)}", remedy)
    if not os.access(SETTING, os.W_OK):
        return Finding("no", f"{SETTING} cannot be written here", "use a kernel of 5.10 or newer")
    return Finding("yes", "a masquerading rule" if nat else "a stateful rule")


def made(nat: bool) -> dict[int, bytes]:
    """Table, chain and rule, by message type."""
    hook, priority, kind = (POSTROUTING, SRCNAT, b"nat\0") if nat else (FORWARD, FILTER, b"filter\0")
    place = attribute(HOOK_NUM, struct.pack(">I", hook)) + attribute(HOOK_PRIORITY, struct.pack(">i", priority))
    loads = b"" if nat else attribute(CT_DREG, struct.pack(">I", 1)) + attribute(CT_KEY, struct.pack(">I", 0))
    name = attribute(EXPR_NAME, b"masq\0" if nat else b"ct\0")
    expression = attribute(LIST_ELEM | NESTED, name + attribute(EXPR_DATA | NESTED, loads))
    chain = attribute(CHAIN_NAME, b"c\0") + attribute(CHAIN_HOOK | NESTED, place) + attribute(CHAIN_TYPE, kind)
    rule = attribute(RULE_CHAIN, b"c\0") + attribute(RULE_EXPRESSIONS | NESTED, expression)
    return {NEWTABLE: TABLE, NEWCHAIN: TABLE + chain, NEWRULE: TABLE + rule}
