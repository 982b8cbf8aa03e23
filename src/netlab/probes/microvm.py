"""Whether a microVM with another kernel can be booted here: QEMU, virtme-ng, busybox, a kernel with its modules."""

from __future__ import annotations

from netlab.probes import Finding, Probe


class Microvm(Probe):
    """Looks for all that it takes; nothing is booted."""

    question = "Can a microVM with another kernel be booted (--on microvm:)?"
    group = "targets"

    def probe(self) -> Finding:
        """Look for QEMU, virtme-ng and a kernel with netem."""
        from netlab.targets.microvm import available

        return available()
