"""Whether links can be held to a bandwidth: the tbf qdisc."""

from __future__ import annotations

import struct

from netlab.probes import Finding, Probe
from netlab.probes._trial import enter, in_child

PARMS, BURST = 1, 6
"""TCA_TBF_PARMS and TCA_TBF_BURST. Source: include/uapi/linux/pkt_sched.h."""
RATE, BYTES, ETHERNET = 125_000, 10_000, 1


class Tbf(Probe):
    """Puts a token bucket on the loopback of a fresh namespace."""

    question = "Can links be held to a bandwidth?"

    def probe(self) -> Finding:
        """Add one in a child, in a namespace of its own."""
        return in_child(_limit)


def _limit() -> Finding:
    import errno

    from netlab.agent.process import CLONE_NEWNET
    from netlab.errors import KernelError
    from netlab.probes._netlink import attribute, new_qdisc

    enter(CLONE_NEWNET)
    rate = struct.pack("=BBHhHI", 0, ETHERNET, 0, 0, 0, RATE)
    # struct tc_tbf_qopt: rate, peak rate, limit, buffer, mtu
    parameters = rate + bytes(12) + struct.pack("=III", BYTES, 0, 0)
    try:
        new_qdisc("tbf", attribute(PARMS, parameters) + attribute(BURST, struct.pack("=I", BYTES)))
    except KernelError as error:
        remedy = "sudo modprobe sch_tbf, or use a kernel with CONFIG_NET_SCH_TBF (every distribution's has it)"
        return Finding("no", "this kernel has no sch_tbf" if error.errno == errno.ENOENT else str(error), remedy)
    return Finding("yes", "sch_tbf")
