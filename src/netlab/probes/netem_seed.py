"""Whether netem's dice can be told where to start, so that a lab repeats."""

from __future__ import annotations

from netlab.probes import Finding, Probe
from netlab.probes._netem import ABSENT, REMEDY
from netlab.probes._trial import enter, in_child


class NetemSeed(Probe):
    """Asks for a seed on the loopback of a fresh namespace, and looks whether the kernel took it."""

    question = "Can the same packets be lost in each run (seed)?"

    def probe(self) -> Finding:
        """Ask in a child, in a namespace of its own."""
        return in_child(_seed)


def _seed() -> Finding:
    import errno

    from netlab.agent.process import CLONE_NEWNET
    from netlab.errors import KernelError
    from netlab.impairment import Impairment
    from netlab.kernel import namespaces
    from netlab.kernel.shaping import Shaper

    enter(CLONE_NEWNET)
    try:
        Shaper(namespaces.current("probe"), 1, "lo").ask("probe", Impairment(seed=1))
    except KernelError as error:
        if error.errno == errno.ENOENT:
            return Finding("no", ABSENT, REMEDY)
        text = "this kernel's netem takes no seed" if error.errno == errno.EOPNOTSUPP else str(error)
        return Finding("no", text, "Linux 6.6 or newer: netlab run LAB --on microvm:, or leave the seed out")
    return Finding("yes", "sch_netem takes a seed")
