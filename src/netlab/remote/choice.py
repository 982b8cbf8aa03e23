"""Where a lab runs when nobody says where: here, unless this machine cannot and another place can.

    not Linux                                         vagrant:
    the lab impairs links, this kernel has no netem   microvm:, where that can be booted here
    anything else                                     here

Rules: pure: it is told what there is, and asks only what it has to know. What it decides it says why.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from netlab.errors import NeedError
from netlab.probes import Finding

__all__ = ["HERE", "Place", "choose", "linux"]

NETEM = "netem"
"""The need that another kernel meets. What is not installed lacks in a microVM, too: it has this machine's files."""

Ask = Callable[[], Finding]


@dataclass(frozen=True)
class Place:
    """Where a lab runs: the URL of a target, "" for this process; and why, where nobody asked for it."""

    url: str
    why: str = ""


HERE = Place("")


def linux(platform: str) -> bool:
    """Whether labs can run on this platform (`sys.platform`) at all."""
    return platform.startswith("linux")


def choose(on: str | None, platform: str, needs: Collection[str], netem: Ask, microvm: Ask) -> Place:
    """The place for a lab with these needs. `on` is what was asked for; `netem` and `microvm` find out, when asked,
    whether this kernel has the one and whether the other can be booted here.

    Raises: NeedError where neither is so.
    """
    if on is not None:
        return Place(on)
    if not linux(platform):
        return Place("vagrant:", f"this is {platform}, and a lab needs a Linux kernel: it runs in the Vagrant VM")
    if NETEM not in needs or (found := netem()).status != "no":
        return HERE
    vm = microvm()
    if vm.status == "yes":
        return Place("microvm:", f"this kernel cannot impair links ({found.text}): it runs in a microVM")
    raise NeedError(
        f"impair links: this machine lacks {NETEM} ({found.text}; {found.remedy}), and cannot boot a microVM with "
        f"another kernel for it ({vm.text}; {vm.remedy})"
    )
