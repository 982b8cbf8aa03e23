"""Whether an ordinary user can make namespaces here, so that labs need no root."""

from __future__ import annotations

import os

from netlab.probes import Finding, Probe
from netlab.probes._trial import in_child, why

NOBODY = 65534
PR_SET_DUMPABLE = 4


class UserNamespaces(Probe):
    """Makes a user and a network namespace as an ordinary user, and a link inside. Asked by root, it asks as nobody."""

    question = "Can an ordinary user make namespaces?"
    group = "every lab"

    def probe(self) -> Finding:
        """Make them in a child that is not root."""
        return in_child(_unprivileged)


def _unprivileged() -> Finding:
    from netlab.agent import process
    from netlab.errors import KernelError
    from netlab.kernel import netlink  # noqa: F401  (now: nobody may not be allowed to read this Python's files)
    from netlab.probes import _remedies
    from netlab.probes._netlink import new_link

    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        # setresuid made this process undumpable, and /proc/self/uid_map root's. Source: prctl(2), PR_SET_DUMPABLE.
        process.libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
    uid, gid = os.geteuid(), os.getegid()
    try:
        process.unshare(process.CLONE_NEWUSER | process.CLONE_NEWNET, "make a user namespace")
        process.map_own_user(uid, gid)
        new_link("veth", "probe0")  # where AppArmor restricts user namespaces, only this is refused
    except (OSError, KernelError) as error:
        return Finding("no", f"make a user namespace as uid {uid}: {why(error)}", _remedies.for_namespaces())
    return Finding("yes", "labs run without root")
