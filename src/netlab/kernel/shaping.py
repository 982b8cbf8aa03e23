"""The one owner of a device's root qdisc: what several askers want of one direction of a link, merged and applied.

Rules: whoever wants an impairment asks its Shaper, by a key of its own; nobody else touches the root qdisc.
"""

from __future__ import annotations

from typing import NamedTuple

from netlab.impairment import Impairment
from netlab.kernel.namespaces import Namespace

__all__ = ["Shaper", "Statistics"]


class Statistics(NamedTuple):
    """What a direction's qdiscs have done since the first asker."""

    sent_packets: int = 0
    sent_bytes: int = 0
    dropped: int = 0
    """Packets lost, on purpose or because more came than may wait."""
    overlimits: int = 0
    backlog_packets: int = 0
    """Packets that are under way or wait, now."""
    backlog_bytes: int = 0


class Shaper:
    """What happens to the packets that leave by one device."""

    def __init__(self, namespace: Namespace, index: int, name: str) -> None:
        self.namespace = namespace
        self.index = index
        self.name = name
        self.asked: dict[str, Impairment] = {}
        """What is asked for now, by asker, the latest last."""

    def ask(self, key: str, impairment: Impairment) -> None:
        """Impair from now on, besides what others ask; again by the same key replaces what was asked.

        Returns when it is in effect, read back. Raises: KernelError.
        """
        raise NotImplementedError

    def withdraw(self, key: str) -> None:
        """Ask no longer: what others ask stays. Packets under way arrive as they would have; new ones overtake them.

        Raises: KernelError.
        """
        raise NotImplementedError

    def settled(self) -> bool:
        """Nothing is asked, nothing is under way, and the device has again what it had before: for `until`.

        Raises: KernelError.
        """
        raise NotImplementedError

    def statistics(self) -> Statistics:
        """Raises: KernelError."""
        raise NotImplementedError
