"""Whether a run can have a /proc of its own."""

from __future__ import annotations

from netlab.probes import Finding, Probe
from netlab.probes._trial import enter, in_child, why


class ProcMount(Probe):
    """Mounts proc in fresh pid and mount namespaces. Containers often forbid it: their own /proc is partly covered."""

    question = "Can a lab's programs have a /proc of their own?"
    group = "every lab"

    def probe(self) -> Finding:
        """Mount it in a child, where nobody else sees it."""
        return in_child(_enter_and_mount)


def _enter_and_mount() -> Finding:
    from netlab.agent import process

    enter(process.CLONE_NEWNS | process.CLONE_NEWPID)
    return in_child(_mount)  # the first child of this one is the first process of the new pid namespace


def _mount() -> Finding:
    from netlab.agent import process

    try:
        process.mount("none", "/", None, process.MS_REC | process.MS_PRIVATE)
        process.mount("proc", "/proc", "proc", process.MS_NOSUID | process.MS_NODEV | process.MS_NOEXEC)
    except OSError as error:
        remedy = (
            "labs still run, their programs see the outer processes; in a container give it an unmasked /proc "
            "(docker: --security-opt systempaths=unconfined)"
        )
        return Finding("no", why(error), remedy)
    return Finding("yes", "a new proc in a new pid namespace")
