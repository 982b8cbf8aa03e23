"""An outcome as a row of the catalogue of claims (docs/claims.md).

    the run      finding           recorded for this kernel    status
    passed       finding.expected  the same                    that finding: confirmed, refuted, depends
    passed       finding.expected  another                     changed
    failed       otherwise         any                         changed
    passed       finding.expected  none                        new
    failed       otherwise         none                        new
    unknown      none              any or none                 unknown

Rules: a lab expects what shows its finding, so a run that passes has found that, and a run that fails has found
something else: what, the evidence says. Nothing is confirmed by default: without a record for this kernel a finding is
new, and what this machine could not tell is unknown. Pure.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from netlab.catalogue.evidence import evidence
from netlab.catalogue.labs import Selection
from netlab.catalogue.outcome import Outcome
from netlab.errors import UsageError
from netlab.lab import Lab
from netlab.records import Verdict, entry

__all__ = ["Row", "claiming", "exit_code", "row", "version"]

Found = Literal["confirmed", "refuted", "depends", "otherwise"]
Status = Literal["confirmed", "refuted", "depends", "changed", "new", "unknown"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One claim, and what was found of it here."""

    lab: str
    variant: str | None
    claim: str
    finding: Found | None
    """What this run found; "otherwise" where it failed, None where it could not tell."""
    recorded: dict[str, str]
    """What was found before, by kernel version, as the lab file has it."""
    status: Status
    """How the finding compares with the one that is recorded for this kernel."""
    evidence: str
    """The one fact that shows it best, or why there is none."""
    seconds: float
    kernel: str
    """This kernel's version, as `recorded` names them: "6.18"."""

    @property
    def title(self) -> str:
        """The lab and its variant: "half-open (cable)"."""
        return entry(self.lab, self.variant)

    @property
    def failed(self) -> bool:
        """Whether something else was found than the lab expects, or than is recorded for this kernel."""
        return self.status == "changed" or self.finding == "otherwise"

    def json(self) -> dict[str, Any]:
        """Its fields as a JSON object."""
        return asdict(self)


def claiming(chosen: Selection) -> Selection:
    """Of these labs, those that are rows: each lab with a claim, each variant with a claim or finding of its own.

    Raises: UsageError where no lab has a claim.
    """
    labs = [*chosen.labs, *chosen.left_out]
    plain = {str(lab.path): lab for lab in labs if lab.variant is None}
    claims = chosen.only(lab for lab in labs if lab.claim and is_row(lab, plain.get(str(lab.path))))
    if labs and not (claims.labs or claims.left_out or claims.broken):
        names = ", ".join(dict.fromkeys(lab.name for lab in labs))
        raise UsageError(f"claims of {names}: no `claim` is in the lab file; `netlab run` plays it all the same")
    return claims


def is_row(lab: Lab, plain: Lab | None) -> bool:
    """Whether this lab is a row beside its default, `plain` (None: that one is not there)."""
    if lab.variant is None or plain is None:
        return True
    return (lab.claim, lab.finding) != (plain.claim, plain.finding)


def row(outcome: Outcome) -> Row:
    """What the outcome says of its lab's claim."""
    lab, record = outcome.lab, outcome.record
    recorded: dict[str, str] = dict(lab.finding.recorded) if lab and lab.finding else {}
    kernel = version(record.environment.kernel if record else os.uname().release)
    finding = found(outcome)
    return Row(
        lab=outcome.name,
        variant=outcome.variant,
        claim=lab.claim if lab else "",
        finding=finding,
        recorded=recorded,
        status=status(finding, recorded.get(kernel)),
        evidence=evidence(outcome),
        seconds=round(outcome.seconds, 3),
        kernel=kernel,
    )


def found(outcome: Outcome) -> Found | None:
    """What this run found of its lab's claim; None where it could not tell, or the lab says not what a pass shows."""
    if outcome.lab is None or outcome.lab.finding is None:
        return None
    results: dict[Verdict, Found | None] = {Verdict.PASS: outcome.lab.finding.expected, Verdict.FAIL: "otherwise"}
    return results.get(outcome.verdict)


def status(finding: Found | None, recorded: str | None) -> Status:
    """How a finding compares with the one recorded for this kernel."""
    if finding is None:
        return "unknown"
    if recorded is None:
        return "new"
    return "changed" if finding == "otherwise" or finding != recorded else finding


def version(release: str) -> str:
    """Major and minor of a kernel release: "6.18" for "6.18.1-arch1"."""
    match = re.match(r"\d+\.\d+", release)
    return match[0] if match else release


def exit_code(rows: Iterable[Row]) -> int:
    """1 where something else was found than is recorded or expected, else 3 where something is unknown, else 0."""
    rows = list(rows)
    if any(row.failed for row in rows):
        return 1
    return 3 if any(row.status == "unknown" for row in rows) else 0
