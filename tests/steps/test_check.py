"""check: what the record must hold for it to pass."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from netlab.records import Step, Verdict
from netlab.steps.check import Check
from netlab.units import Duration
from tests.judge.builder import half_open, planned

SECOND = Duration(10**9)


@pytest.mark.parametrize(
    ("asked", "verdict"),
    [
        ({"socket": "ESTABLISHED"}, Verdict.PASS),
        ({"socket": "ESTABLISHED", "peer": "server", "port": 40001}, Verdict.PASS),
        ({"socket": "ESTABLISHED", "peer": "client"}, Verdict.FAIL),
        ({"socket": "CLOSE-WAIT"}, Verdict.FAIL),
        ({"socket": "none"}, Verdict.FAIL),
        ({"socket": "none", "port": 1}, Verdict.PASS),
        ({"socket": "none", "host": "server"}, Verdict.UNKNOWN),
    ],
)
def test_check_judges_the_table_of_its_moment(asked: dict[str, Any], verdict: Verdict) -> None:
    step = Check(**{"host": "client", **asked})
    (found,) = step.judge(planned(3, "step", "check", step, "check client"), half_open().record())
    assert (found.verdict, found.step) == (verdict, 3)
    assert found.verdict is Verdict.PASS or found.explanation


@pytest.mark.parametrize(
    ("asked", "verdict"),
    [
        ({"timer": "keepalive"}, Verdict.PASS),
        ({"timer": "keepalive", "least": SECOND, "most": SECOND}, Verdict.PASS),
        ({"timer": "keepalive", "least": Duration(SECOND + 1)}, Verdict.FAIL),
        ({"timer": "keepalive", "most": Duration(SECOND - 1)}, Verdict.FAIL),
        ({"timer": "retransmit"}, Verdict.FAIL),
        ({"timer": "none"}, Verdict.FAIL),
    ],
)
def test_check_judges_the_timer_and_how_long_it_has_to_run(asked: dict[str, Any], verdict: Verdict) -> None:
    step = Check(host="client", socket="ESTABLISHED", **asked)
    run = half_open()
    run.timer(3, "client", "keepalive", 1000)
    (found,) = step.judge(planned(3, "step", "check", step, "check client"), run.record())
    assert (found.verdict, found.expected) == (verdict, str(step.asked))
    assert found.seen.endswith("ESTABLISHED, timer keepalive 1 s")


def test_a_socket_without_a_timer_has_none() -> None:
    step = Check(host="client", socket="ESTABLISHED", timer="none")
    (found,) = step.judge(planned(3, "step", "check", step, "check client"), half_open().record())
    assert (found.verdict, found.seen[-10:]) == (Verdict.PASS, "timer none")


@pytest.mark.parametrize(
    ("asked", "wrong"),
    [
        ({"least": SECOND}, "say which one: timer: time-wait"),
        ({"timer": "none", "most": SECOND}, "say which one: timer: time-wait"),
        ({"socket": "none", "timer": "none"}, "timer belongs to a connection, not to none"),
        ({"socket": "LISTEN", "timer": "probe"}, "timer belongs to a connection, not to LISTEN"),
    ],
)
def test_a_timer_is_asked_of_a_socket_that_can_have_it(asked: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        Check(**{"host": "client", "socket": "ESTABLISHED", **asked})


def test_the_first_table_of_the_step_is_its_own() -> None:
    """When a step has ended, the tables of every host are read once more."""
    run = half_open()
    run.table(733.5, 3, "client", "CLOSE-WAIT")
    step = Check(host="client", socket="ESTABLISHED")
    (found,) = step.judge(planned(3, "step", "check", step, "check client"), run.record())
    assert found.verdict is Verdict.PASS


def test_a_check_that_could_not_be_played_fails() -> None:
    run = half_open()
    run.events = [replace(e, error="gone") if isinstance(e, Step) and e.index == 3 else e for e in run.events]
    step = Check(host="client", socket="ESTABLISHED")
    (found,) = step.judge(planned(3, "step", "check", step, "check client"), run.record())
    assert (found.verdict, found.explanation) == (Verdict.FAIL, "gone")
