"""Probes: what this machine can do, one question a file.

Rules: a probe tries the thing itself (creates a user namespace in a child, opens a tracepoint) instead of reading what
should be possible; it changes nothing and leaves nothing. `netlab doctor` shows them all; a lab's `requires`, and the
`needs` of its steps and faults, are words of this folder, probed before the first namespace is made.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from netlab.registry import Registry

__all__ = ["GROUPS", "PROBES", "Finding", "Group", "Probe"]

Group: TypeAlias = Literal["every lab", "some labs", "witnesses", "targets"]

GROUPS: dict[Group, str] = {
    "every lab": "What every lab stands on",
    "some labs": "What some labs use",
    "witnesses": "Who sees what happens",
    "targets": "Where else labs can run",
}
"""Each group's heading, in the order in which doctor shows them."""


@dataclass(frozen=True)
class Finding:
    """What a probe found.

    `remedy` says what to do where `status` is not "yes"; lines that begin with a blank are commands to copy.
    """

    status: Literal["yes", "no", "unknown"]
    text: str
    remedy: str = ""


class Probe(ABC):
    """One question about this machine."""

    word: ClassVar[str]
    question: ClassVar[str]
    """As doctor shows it: "Can an ordinary user make namespaces?"."""
    group: ClassVar[Group] = "some labs"
    required: ClassVar[bool] = False
    """Nothing at all runs without it."""

    @abstractmethod
    def probe(self) -> Finding:
        """Try it, now, on this machine. Never raises for a lack of the machine."""


PROBES: Registry[Probe] = Registry("netlab.probes", Probe)
