"""Every lab of the catalogue passes as itself: in each variant and round, over both families, on the real kernel."""

from __future__ import annotations

import json

import pytest

from netlab.records import RunRecord, Verdict
from tests.labs.played import ROUNDS, Catalogue, Run, entries


def record(run: Run) -> RunRecord:
    """The record of this run; the test is skipped where this machine lacks what the lab needs."""
    problem = run.outcome.problem
    if problem is not None and problem.kind == "need":
        pytest.skip(problem.text)
    assert run.outcome.record is not None, f"{run}: {run.outcome.sentence}"
    return run.outcome.record


def wrong(run: Run) -> list[str]:
    """What did not pass in this run, each with why."""
    return [
        f"{run}: {check.verdict.value}: {check.name}: {check.explanation or check.seen}"
        for check in record(run).checks
        if check.verdict is not Verdict.PASS
    ]


@pytest.mark.parametrize(("name", "variant"), entries(), ids=lambda value: value or "default")
def test_lab_passes_as_itself(name: str, variant: str | None, catalogue: Catalogue) -> None:
    runs = catalogue.of(name, variant)
    assert {run.round for run in runs} in ({1}, set(range(1, ROUNDS + 1)))
    assert [line for run in runs for line in wrong(run)] == []
    for run in runs:
        assert record(run).verdict is Verdict.PASS, run
        assert run.outcome.folder is not None
        saved = json.loads((run.outcome.folder / "record.json").read_text())
        assert (saved["lab"], saved["variant"], saved["verdict"]) == (name, variant, "pass")


def test_both_families_were_played(catalogue: Catalogue) -> None:
    families = {run.family for run in catalogue.of("half-close", None)}
    assert families == {"ipv4", "ipv6"}


EXPECTED_RESETS = {
    None: ["NO_SOCKET"],
    "down": ["NO_SOCKET"],
    "cable": ["NO_SOCKET"],
    "orphan-alive": ["TCP_ABORT_ON_DATA"],
    "paused": [],
}


@pytest.mark.parametrize("variant", EXPECTED_RESETS)
def test_the_same_rst_has_another_reason_in_each_variant(variant: str | None, catalogue: Catalogue) -> None:
    for run in catalogue.of("half-open", variant):
        assert [reset.reason for reset in record(run).resets] == EXPECTED_RESETS[variant], run
