"""check: what the record must hold for it to pass."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from netlab.records import Step, Verdict
from netlab.steps.check import Check
from tests.judge.builder import half_open, planned


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
