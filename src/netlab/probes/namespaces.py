"""Whether a run's namespaces, links and switch can be made here, by this user."""

from __future__ import annotations

from netlab.probes import Finding, Probe
from netlab.probes._trial import enter, in_child, why


class Namespaces(Probe):
    """Makes what every run makes: user (without root), mount, pid, net, uts and ipc namespaces, a veth, a bridge."""

    question = "Can labs be built here?"
    group = "every lab"
    required = True

    def probe(self) -> Finding:
        """Make them in a child."""
        return in_child(_build)


def _build() -> Finding:
    from netlab.agent.launcher import NAMESPACES
    from netlab.errors import KernelError
    from netlab.probes import _remedies
    from netlab.probes._netlink import new_link

    try:
        enter(NAMESPACES)
    except OSError as error:
        return Finding("no", f"make namespaces: {why(error)}", _remedies.for_namespaces())
    try:
        new_link("veth", "probe0")
        new_link("bridge", "probe1")
    except KernelError as error:
        missing = "the kernel needs CONFIG_VETH and CONFIG_BRIDGE (modprobe veth bridge); else {}"
        return Finding("no", str(error), missing.format(_remedies.for_namespaces()))
    return Finding("yes", "namespaces, a veth and a bridge")
