"""Whether this kernel says why it sends a reset."""

from __future__ import annotations

from netlab.probes import Finding, Probe
from netlab.probes._trial import in_child


class ResetReasons(Probe):
    """Reads the format of tcp:tcp_send_reset: from Linux 6.10 on it has a reason."""

    question = "Does the kernel give a reason for each reset?"
    group = "witnesses"

    def probe(self) -> Finding:
        """Read it in a child."""
        return in_child(_reasons)


def _reasons() -> Finding:
    from netlab.errors import NeedError
    from netlab.kernel.tracepoints import formats

    try:
        fields = {layout.name: layout.fields for layout in formats()}
    except NeedError as error:
        return Finding("unknown", str(error), "run as root: then the kernel's own description can be read")
    if "reason" in fields["tcp_send_reset"]:
        return Finding("yes", "tcp:tcp_send_reset carries a reason")
    return Finding("no", "tcp:tcp_send_reset carries no reason", "Linux 6.10 or newer has it; counters stand in for it")
