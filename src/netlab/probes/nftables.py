"""Whether packets can be dropped and rejected inside a host: nftables."""

from __future__ import annotations

import struct

from netlab.probes import Finding, Probe
from netlab.probes._trial import enter, in_child

NETLINK_NETFILTER, NFPROTO_INET = 12, 1
NFNL_MSG_BATCH_BEGIN, NFNL_MSG_BATCH_END, NFNL_SUBSYS_NFTABLES = 0x10, 0x11, 10
NFT_MSG_NEWTABLE, NFTA_TABLE_NAME = NFNL_SUBSYS_NFTABLES << 8, 1
"""Source: include/uapi/linux/netfilter/nfnetlink.h, nf_tables.h."""


class Nftables(Probe):
    """Creates a table in a fresh namespace."""

    question = "Can packets be dropped and rejected (partition, reject)?"

    def probe(self) -> Finding:
        """Create one in a child, in a namespace of its own."""
        return in_child(_filter)


def _filter() -> Finding:
    from netlab.agent.process import CLONE_NEWNET
    from netlab.errors import errno_name

    enter(CLONE_NEWNET)
    number = _make_table()
    if number:
        return Finding("no", f"create a table: {errno_name(number)}", "sudo modprobe nf_tables (CONFIG_NF_TABLES_INET)")
    return Finding("yes", "a table of family inet")


def _make_table() -> int:
    """Create a table; the errno of the kernel's answer, 0 for done."""
    import socket

    from netlab.probes._netlink import NLM_F_ACK, NLM_F_CREATE, NLM_F_REQUEST, attribute, message

    edge = struct.pack("=BB", 0, 0) + struct.pack(">H", NFNL_SUBSYS_NFTABLES)
    table = struct.pack("=BBH", NFPROTO_INET, 0, 0) + attribute(NFTA_TABLE_NAME, b"probe\0")
    request = (
        message(NFNL_MSG_BATCH_BEGIN, edge, NLM_F_REQUEST)
        + message(NFT_MSG_NEWTABLE, table, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE)
        + message(NFNL_MSG_BATCH_END, edge, NLM_F_REQUEST)
    )
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as sock:
        sock.send(request)
        answer = sock.recv(4096)  # one NLMSG_ERROR: of the batch where nf_tables is missing, else of the table
    return -int(struct.unpack_from("=i", answer, 16)[0])
