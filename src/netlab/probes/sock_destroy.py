"""Whether sockets can be ended from outside, so that no orphan outlives its run."""

from __future__ import annotations

from netlab.probes import Finding, Probe
from netlab.probes._trial import enter, in_child


class SockDestroy(Probe):
    """Ends a listening socket of its own by SOCK_DESTROY, in a fresh namespace."""

    question = "Can orphaned sockets be ended at once?"
    group = "every lab"

    def probe(self) -> Finding:
        """End one in a child, in a namespace of its own."""
        return in_child(_destroy)


def _destroy() -> Finding:
    import os
    import socket

    from netlab.agent.process import CLONE_NEWNET
    from netlab.errors import KernelError
    from netlab.kernel import sockets
    from netlab.kernel.namespaces import Namespace

    enter(CLONE_NEWNET)
    here = Namespace("probe", os.open("/proc/thread-self/ns/net", os.O_RDONLY))
    with socket.socket() as listener:
        listener.listen()
        try:
            ended = [sockets.destroy(here, row) for row in sockets.table(here, ["LISTEN"])]
        except KernelError as error:
            remedy = "labs still run; an orphan then keeps its namespace until the kernel gives it up (a second or two)"
            return Finding("no", str(error), remedy)
    if ended != [True]:
        return Finding("unknown", f"asked to end one socket, the kernel ended {sum(ended)} of {len(ended)}")
    return Finding("yes", "SOCK_DESTROY")
