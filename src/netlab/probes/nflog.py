"""Whether packets can be held on the wire: nftables' log statement, and somebody to hear it."""

from __future__ import annotations

from netlab.probes import Finding, Probe
from netlab.probes._trial import enter, in_child


class Nflog(Probe):
    """Holds packets of nobody in a fresh namespace."""

    question = "Can packets be held on their way (hold)?"

    def probe(self) -> Finding:
        """Hold in a child, in a namespace of its own."""
        return in_child(_hold)


def _hold() -> Finding:
    from netlab.agent.process import CLONE_NEWNET
    from netlab.errors import KernelError
    from netlab.kernel import namespaces
    from netlab.kernel.holding import Held

    enter(CLONE_NEWNET)
    try:
        Held(namespaces.current("probe"), [("192.0.2.1", "192.0.2.2")], None).close()
    except KernelError as error:
        return Finding(
            "no", str(error), "sudo modprobe -a nft_log nfnetlink_log (CONFIG_NFT_LOG, CONFIG_NF_TABLES_BRIDGE)"
        )
    return Finding("yes", "a rule of family bridge that logs and drops")
