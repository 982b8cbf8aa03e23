"""Whether links can be impaired: the netem qdisc."""

from __future__ import annotations

import struct

from netlab.probes import Finding, Probe
from netlab.probes._netem import ABSENT, REMEDY
from netlab.probes._trial import enter, in_child


class Netem(Probe):
    """Puts a netem qdisc on the loopback of a fresh namespace."""

    question = "Can links lose, delay and reorder packets?"

    def probe(self) -> Finding:
        """Add one in a child, in a namespace of its own."""
        return in_child(_impair)


def _impair() -> Finding:
    import errno

    from netlab.agent.process import CLONE_NEWNET
    from netlab.errors import KernelError
    from netlab.probes._netlink import new_qdisc

    enter(CLONE_NEWNET)
    try:
        # struct tc_netem_qopt: latency, limit, loss, gap, duplicate, jitter
        new_qdisc("netem", struct.pack("=6I", 0, 1000, 0, 0, 0, 0))
    except KernelError as error:
        return Finding("no", ABSENT if error.errno == errno.ENOENT else str(error), REMEDY)
    return Finding("yes", "sch_netem")
