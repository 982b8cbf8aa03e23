"""What `half-open` and `impostor` share: three readings at one moment, and the check of what they were diagnosed as."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netlab.judge.diagnosis import Diagnosis
from netlab.records import Check, Verdict
from netlab.steps import Planned

if TYPE_CHECKING:
    from netlab.agent.ground import Ground


def look(ground: Ground, survivor: str, peer: str) -> None:
    """Read the survivor's table, its peer's, and the survivor's again."""
    for host in (survivor, peer, survivor):
        ground.look([host])


def judged(planned: Planned, expected: str, found: Diagnosis) -> Check:
    """Pass for the expected diagnosis, unknown for none, fail for any other."""
    verdict = {expected: Verdict.PASS, "unknown": Verdict.UNKNOWN}.get(found.kind, Verdict.FAIL)
    return Check(
        name=f"{planned.name}: {planned.text}",
        verdict=verdict,
        expected=expected,
        seen=found.kind,
        evidence=found.evidence,
        explanation=found.sentence,
        step=planned.index,
    )
