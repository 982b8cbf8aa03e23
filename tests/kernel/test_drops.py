"""What the counters of netem and tbf tell of why packets were dropped, and what they leave open."""

from __future__ import annotations

import pytest

from netlab.impairment import Delay, Impairment, Loss, Slot
from netlab.kernel.drops import Drops, netem_cause
from netlab.records import DropCause
from netlab.units import Duration, Rate, Ratio

LOSSY = Impairment(loss=Loss(random=Ratio(0.1)))
SLOW = Impairment(rate=Rate(10**6))


@pytest.mark.parametrize(
    ("wanted", "cause"),
    [
        (Impairment(delay=Delay(time=Duration(10**6)), limit=5), "queue"),
        (SLOW, "queue"),
        (LOSSY, "loss"),
        (Impairment(loss=LOSSY.loss, delay=Delay(time=Duration(10**6))), "loss"),
        (Impairment(loss=LOSSY.loss, rate=SLOW.rate), "loss or queue"),
        (Impairment(loss=LOSSY.loss, limit=5), "loss or queue"),
        (Impairment(loss=LOSSY.loss, slot=Slot(min=Duration(10**6), packets=1)), "loss or queue"),
    ],
)
def test_netem_has_one_counter_for_what_it_loses_and_what_it_has_no_room_for(
    wanted: Impairment, cause: DropCause
) -> None:
    assert netem_cause(wanted) == cause


def test_what_came_between_two_readings_was_dropped_for_what_was_asked_then() -> None:
    drops = Drops()
    drops.begin(LOSSY)
    drops.read(4, 0, LOSSY)
    drops.read(5, 3, SLOW)  # one more at the change: before it, or after it
    drops.read(7, 3, SLOW)
    assert drops.causes == {"loss": 4, "queue": 2 + 3, "loss or queue": 1}


def test_new_qdiscs_count_from_nothing() -> None:
    drops = Drops()
    drops.begin(SLOW)
    drops.read(4, 2, SLOW)
    drops.begin(LOSSY)
    drops.read(1, 0, LOSSY)
    assert drops.causes == {"queue": 6, "loss": 1}


def test_a_child_that_was_read_later_is_made_up_for() -> None:
    drops = Drops()
    drops.begin(LOSSY)
    drops.read(4, 0, LOSSY)
    drops.read(3, 1, LOSSY)
    drops.read(5, 1, LOSSY)
    assert drops.causes == {"loss": 5, "queue": 1}
