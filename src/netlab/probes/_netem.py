"""What both probes of netem say where a kernel has none."""

from __future__ import annotations

ABSENT = "this kernel has no sch_netem"
REMEDY = (
    "sudo modprobe sch_netem, which your kernel may have in a package of its own (Ubuntu: "
    "linux-modules-extra-$(uname -r); Fedora: kernel-modules-extra); or play the lab on a kernel that has it: "
    "netlab run LAB --on microvm:"
)
