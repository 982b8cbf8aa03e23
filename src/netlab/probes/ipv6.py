"""Whether hosts can speak IPv6."""

from __future__ import annotations

from netlab.probes import Finding, Probe
from netlab.probes._trial import enter, in_child, sysctl, why


class Ipv6(Probe):
    """Opens an IPv6 socket in a fresh namespace, and looks whether its interfaces may have IPv6 addresses."""

    question = "Do hosts have IPv6?"

    def probe(self) -> Finding:
        """Try in a child, in a namespace of its own."""
        return in_child(_speak)


def _speak() -> Finding:
    import socket

    from netlab.agent.process import CLONE_NEWNET

    enter(CLONE_NEWNET)
    remedy = "boot without ipv6.disable=1 (cat /proc/cmdline)"
    try:
        socket.socket(socket.AF_INET6, socket.SOCK_STREAM).close()
    except OSError as error:
        return Finding("no", f"open an IPv6 socket: {why(error)}", remedy)
    if sysctl("net/ipv6/conf/all/disable_ipv6") is None:
        return Finding("no", "no interface of a new namespace has IPv6", remedy)
    return Finding("yes", "IPv6 sockets and addresses")
