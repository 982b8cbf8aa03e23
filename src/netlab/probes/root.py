"""Whether this is root, with its powers over the host."""

from __future__ import annotations

from netlab.probes import Finding, Probe
from netlab.probes._trial import in_child, why


class Root(Probe):
    """Makes a network namespace without a user namespace: that takes CAP_SYS_ADMIN on the host."""

    question = "Does netlab run as root?"
    group = "every lab"

    def probe(self) -> Finding:
        """Try in a child."""
        return in_child(_privileged)


def _privileged() -> Finding:
    from netlab.agent import process

    try:
        process.unshare(process.CLONE_NEWNET, "make a network namespace")
    except OSError as error:
        remedy = "nothing to do unless you want the kernel's tracepoints: then sudo netlab …"
        return Finding("no", f"without CAP_SYS_ADMIN: {why(error)}", remedy)
    return Finding("yes", "CAP_SYS_ADMIN")
