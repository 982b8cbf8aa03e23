"""Packet stamps are CLOCK_REALTIME, everything else is CLOCK_MONOTONIC: the offset between the two, and its steps.

Rules: Linux slews both clocks together; their difference changes only when somebody sets the wall clock or a leap
second is inserted. So two samples that differ by more than reading them can explain mean a step, and then the order
of packets against everything else is unknown.

Source: kernel/time/timekeeping.c (wall_to_monotonic is changed by do_settimeofday64, timekeeping_inject_offset and
leap seconds only); clock_gettime(2).
"""

from __future__ import annotations

import time
from dataclasses import dataclass

__all__ = ["ClockSample", "sample", "step_ns"]

ATTEMPTS = 16
TOLERANCE_NS = 1000
"""Allowed beyond what the two readings' brackets explain: rounding."""


@dataclass(frozen=True)
class ClockSample:
    """Both clocks read at one moment."""

    realtime_ns: int
    monotonic_ns: int
    error_ns: int
    """How far from the moment of `realtime_ns` the true `monotonic_ns` can be."""

    @property
    def offset_ns(self) -> int:
        """CLOCK_REALTIME less CLOCK_MONOTONIC."""
        return self.realtime_ns - self.monotonic_ns


def sample() -> ClockSample:
    """Read the wall clock between two readings of the monotonic one; the tightest of a few attempts."""
    return min((_bracket() for _ in range(ATTEMPTS)), key=lambda reading: reading.error_ns)


def _bracket() -> ClockSample:
    before = time.monotonic_ns()
    realtime = time.time_ns()
    after = time.monotonic_ns()
    return ClockSample(realtime, (before + after) // 2, (after - before + 1) // 2)


def step_ns(first: ClockSample, last: ClockSample) -> int:
    """By how much the wall clock was set between two samples; 0 where their readings explain the difference."""
    moved = last.offset_ns - first.offset_ns
    return moved if abs(moved) > first.error_ns + last.error_ns + TOLERANCE_NS else 0
