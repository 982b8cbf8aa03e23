"""Whether packets can be dropped and rejected inside a host: nftables."""

from __future__ import annotations

from netlab.probes import Finding, Probe
from netlab.probes._nftables import NEWTABLE, TABLE, create, netfilter
from netlab.probes._trial import enter, in_child


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
    with netfilter() as sock:
        number = create(sock, {NEWTABLE: TABLE})
    if number:
        return Finding("no", f"create a table: {errno_name(number)}", "sudo modprobe nf_tables (CONFIG_NF_TABLES_INET)")
    return Finding("yes", "a table of family inet")
