"""One clock out of two."""

from __future__ import annotations

import time

from netlab.wire import clock
from netlab.wire.clock import ClockSample
from netlab.wire.spool import CaptureEnd, Counted


def test_a_sample_holds_both_clocks_at_one_moment() -> None:
    before = time.monotonic_ns()
    sample = clock.sample()
    after = time.monotonic_ns()
    assert before <= sample.monotonic_ns <= after
    assert abs(time.time_ns() - time.monotonic_ns() - sample.offset_ns) < 10**8
    assert 0 <= sample.error_ns < 10**6


def test_what_reading_the_clocks_explains_is_no_step() -> None:
    first = ClockSample(10**18, 10**12, 400)
    assert clock.step_ns(first, ClockSample(10**18 + 5_000_700, 10**12 + 5_000_000, 300)) == 0


def test_a_clock_that_was_set_is_a_step() -> None:
    first = ClockSample(10**18, 10**12, 400)
    assert clock.step_ns(first, ClockSample(10**18 + 3_000_000, 10**12 + 5_000_000, 300)) == -2_000_000


def test_a_step_is_trouble_with_the_clock_and_drops_are_trouble_with_the_wire() -> None:
    samples = (ClockSample(10**18, 10**12, 400), ClockSample(10**18 + 10**9, 10**12, 400))
    end = CaptureEnd((Counted("server", 10, 3, 7), Counted("client", 4, 0, 4)), samples)
    troubles = end.troubles(99)
    assert [(trouble.witness, trouble.time_ns) for trouble in troubles] == [("wire", 99), ("clock", 99)]
    assert troubles[0].what == "server: dropped 3 of 10 frames"
    assert "+1.000000 s" in troubles[1].what


def test_an_orderly_end_is_no_trouble() -> None:
    samples = (ClockSample(10**18, 10**12, 400), ClockSample(10**18 + 10**9, 10**12 + 10**9, 400))
    assert CaptureEnd((Counted("server", 7, 0, 7),), samples).troubles(99) == []
