"""Whether a host can be a stateful firewall: nftables rules that ask connection tracking."""

from __future__ import annotations

from netlab.probes import Finding, Probe
from netlab.probes._middlebox import trial
from netlab.probes._trial import in_child


class Conntrack(Probe):
    """Builds a stateful table in a fresh namespace."""

    question = "Can a host track connections (firewall, forget)?"

    def probe(self) -> Finding:
        """Build one in a child, in a namespace of its own."""
        return in_child(lambda: trial("nft_ct nft_reject_inet nf_conntrack_netlink", nat=False))
