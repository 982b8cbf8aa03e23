"""One line of a timeline: what happened, where, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Moment:
    """One line of a timeline."""

    time_ns: int
    kind: Literal["segment", "frame", "state", "call", "program", "tracked", "step", "fault", "healing", "trouble"]
    text: str
    host: str | None = None
    """Where it happened; the sender of a segment. None: nowhere in particular."""
    peer: str | None = None
    """The receiver of a segment."""
    style: str = ""
    packet: int = 0
    lost: bool = False
    remark: str = ""
    """What else is known of a segment, told at its sender."""
    late: str = ""
    """When a segment arrived, told at its receiver."""
