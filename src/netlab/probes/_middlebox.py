"""Builds the smallest middlebox in a fresh namespace: a table, a chain and a rule, as a run would, and reads what it
tracks.

Rules: called in a trial's child. Packed by hand: a run asks this before it begins, and pyroute2 takes a third of a
second to import. Source: include/uapi/linux/netfilter/nf_tables.h, nfnetlink.h, nfnetlink_conntrack.h.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator

from netlab.probes import Finding
from netlab.probes._netlink import NLM_F_ACK, NLM_F_CREATE, NLM_F_REQUEST, attribute, message
from netlab.probes._trial import enter

NETLINK_NETFILTER, NFPROTO_INET = 12, 1
BATCH_BEGIN, BATCH_END, NFTABLES, CTNETLINK = 0x10, 0x11, 10, 1
NEWTABLE, NEWCHAIN, NEWRULE, CT_GET = NFTABLES << 8, NFTABLES << 8 | 3, NFTABLES << 8 | 6, CTNETLINK << 8 | 1
TABLE_NAME = RULE_TABLE = CHAIN_TABLE = LIST_ELEM = EXPR_NAME = HOOK_NUM = CT_DREG = 1
RULE_CHAIN = EXPR_DATA = HOOK_PRIORITY = CT_KEY = 2
CHAIN_NAME, CHAIN_HOOK, RULE_EXPRESSIONS, CHAIN_TYPE, NESTED = 3, 4, 4, 7, 0x8000
FORWARD, POSTROUTING, FILTER, SRCNAT = 2, 4, 0, 100
NLM_F_DUMP = 0x300
NLMSG_ERROR = 2
SETTING = "/proc/sys/net/netfilter/nf_conntrack_tcp_loose"


def trial(modules: str, *, nat: bool) -> Finding:
    """Whether it can be built."""
    from netlab.agent.process import CLONE_NEWNET
    from netlab.errors import errno_name

    enter(CLONE_NEWNET)
    remedy = f"sudo modprobe -a {modules}"
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as sock:
        if number := carry_out(sock, b"".join(batch(nat)), last=4):
            what = "a masquerading rule" if nat else "a stateful rule"
            return Finding("no", f"make {what}: {errno_name(number)}", remedy)
        if number := carry_out(sock, message(CT_GET, bytes(4), NLM_F_REQUEST | NLM_F_ACK | NLM_F_DUMP), last=0):
            return Finding("no", f"read what is tracked: {errno_name(number)}", remedy)
    if not os.access(SETTING, os.W_OK):
        return Finding("no", f"{SETTING} cannot be written here", "use a kernel of 5.10 or newer")
    return Finding("yes", "a masquerading rule" if nat else "a stateful rule")


def batch(nat: bool) -> Iterator[bytes]:
    """Table, chain and rule between the frames of a transaction, numbered by their place."""
    edge = struct.pack("=BB", 0, 0) + struct.pack(">H", NFTABLES)
    hook, priority, kind = (POSTROUTING, SRCNAT, b"nat\0") if nat else (FORWARD, FILTER, b"filter\0")
    place = attribute(HOOK_NUM, struct.pack(">I", hook)) + attribute(HOOK_PRIORITY, struct.pack(">i", priority))
    loads = b"" if nat else attribute(CT_DREG, struct.pack(">I", 1)) + attribute(CT_KEY, struct.pack(">I", 0))
    name = attribute(EXPR_NAME, b"masq\0" if nat else b"ct\0")
    expression = attribute(LIST_ELEM | NESTED, name + attribute(EXPR_DATA | NESTED, loads))
    table = attribute(TABLE_NAME, b"probe\0")
    chain = attribute(CHAIN_NAME, b"c\0") + attribute(CHAIN_HOOK | NESTED, place) + attribute(CHAIN_TYPE, kind)
    rule = attribute(RULE_CHAIN, b"c\0") + attribute(RULE_EXPRESSIONS | NESTED, expression)
    head = struct.pack("=BBH", NFPROTO_INET, 0, 0)
    bodies = {NEWTABLE: head + table, NEWCHAIN: head + table + chain, NEWRULE: head + table + rule}
    yield numbered(1, message(BATCH_BEGIN, edge, NLM_F_REQUEST))
    for number, (kind_, body) in enumerate(bodies.items(), 2):
        yield numbered(number, message(kind_, body, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE))
    yield numbered(5, message(BATCH_END, edge, NLM_F_REQUEST))


def numbered(number: int, data: bytes) -> bytes:
    """The message with its sequence number."""
    return data[:8] + struct.pack("=I", number) + data[12:]


def carry_out(sock: socket.socket, data: bytes, last: int) -> int:
    """Send; the errno of the first refusal, 0 where the message numbered `last` was done."""
    sock.send(data)
    while True:
        answer = sock.recv(32768)
        at = 0
        while at < len(answer):
            length, kind, _, number, _ = struct.unpack_from("=IHHII", answer, at)
            refused = -int(struct.unpack_from("=i", answer, at + 16)[0]) if kind == NLMSG_ERROR else 0
            if refused or number == last:
                return refused
            at += (length + 3) & ~3
