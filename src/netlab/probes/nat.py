"""Whether a host can translate addresses: nftables masquerade and connection tracking."""

from __future__ import annotations

from netlab.probes import Finding, Probe
from netlab.probes._middlebox import trial
from netlab.probes._trial import in_child


class Nat(Probe):
    """Builds a masquerading table in a fresh namespace."""

    question = "Can a router translate addresses (nat)?"

    def probe(self) -> Finding:
        """Build one in a child, in a namespace of its own."""
        return in_child(lambda: trial("nft_masq nft_chain_nat nf_conntrack_netlink", nat=True))
