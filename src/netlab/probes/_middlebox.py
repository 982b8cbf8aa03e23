"""Builds a middlebox of one loopback interface in a fresh namespace, as a run would, and reads its tracking table."""

from __future__ import annotations

from netlab.probes import Finding
from netlab.probes._trial import enter
from netlab.spec import Conntrack, Firewall, Host, Nat


def trial(modules: str, *, nat: bool) -> Finding:
    """Whether it can be built; called in a trial's child."""
    from netlab.agent.process import CLONE_NEWNET
    from netlab.errors import KernelError
    from netlab.kernel import conntrack, middlebox, namespaces

    enter(CLONE_NEWNET)
    here = namespaces.current("probe")
    host = Host(
        nat=Nat(inside=("lo",), outside="lo") if nat else None,
        firewall=None if nat else Firewall(stateful="reject"),
        conntrack=Conntrack(loose=False),
    )
    try:
        middlebox.set_up(here, host)
        conntrack.table(here)
    except KernelError as error:
        return Finding("no", str(error), f"sudo modprobe -a {modules}")
    return Finding("yes", "a masquerading table" if nat else "a stateful table")
