"""The one fact of a run that shows its finding best, in one line.

Rules: of a run that passed, what its lab points at (`shown_by`), or the most telling of its checks: an RST with its
reason, the half-open state, a call that the lab singles out, a call that failed or met the end of file, a state, a
counter, the wire. Of any other, the first check that did not pass, with the packet or moment it names. Nothing is made
up: the words are the checks' own. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from netlab.catalogue.outcome import Outcome
from netlab.lab import Lab
from netlab.records import Check, RunRecord, Verdict

__all__ = ["evidence"]

STATES = ("half-open", "impostor")
"""Steps that look at both ends of a connection."""

TRACEBACK = "Traceback (most recent call last):"

Kind = Callable[[Check, str], bool]

KINDS: tuple[Kind, ...] = (
    lambda check, word: check.name.startswith("reset "),
    lambda check, word: word in STATES,
    lambda check, word: check.name.startswith("call of "),
    lambda check, word: bool(word) and bool(re.match(r"E[A-Z]{3,}|SIG[A-Z]+|TIMEOUT", check.seen)),
    lambda check, word: "eof=true" in check.name,
    lambda check, word: word == "check" and "ESTABLISHED" not in check.seen,
    lambda check, word: check.name.startswith(("socket ", "Tcp", "Ip", "output ", "exit ")),
    lambda check, word: check.name == "wire",
)
"""The most telling first: a check, and the verb of its step ("" for an expectation)."""


def evidence(outcome: Outcome) -> str:
    """The line for this outcome."""
    if outcome.record is None or outcome.lab is None:
        said = outcome.sentence.strip().splitlines()
        return said[-1 if TRACEBACK in said else 0]  # of a traceback, what it comes to
    checks = outcome.record.checks
    if outcome.verdict is not Verdict.PASS:
        first = next((check for check in checks if check.verdict is outcome.verdict), None)
        return told(first, outcome.lab) if first is not None else outcome.sentence
    if outcome.lab.finding is None:
        return "it passes, but the lab does not say what that shows; give it a finding"
    pointed = pointed_at(outcome.record, outcome.lab, outcome.lab.finding.shown_by)
    return told(pointed or strongest(checks, outcome.lab), outcome.lab)


def pointed_at(record: RunRecord, lab: Lab, shown_by: str | None) -> Check | None:
    """The check that the lab says shows its finding: a step's by its id, or the first one of a word of `expect`."""
    step = next((planned.index for planned in lab.steps if planned.name == shown_by), None)
    if step is not None:
        return next((check for check in record.checks if check.step == step), None)
    meant = [expectation for expectation in lab.expectations if expectation.word == shown_by]
    return meant[0].judge(record)[0] if meant else None


def strongest(checks: tuple[Check, ...], lab: Lab) -> Check:
    """Of the kind that tells most, the last one: what a lab leads up to."""
    for kind in KINDS:
        fitting = [check for check in checks if kind(check, word(check, lab))]
        if fitting:
            return fitting[-1]
    return checks[-1]


def word(check: Check, lab: Lab) -> str:
    """The verb of the step that was checked; "" for an expectation."""
    return lab.steps[check.step].word if check.step is not None else ""


def told(check: Check, lab: Lab) -> str:
    """A check in one line: what it explains, or what was seen where; with its place where that is not said."""
    text = check.explanation or seen(check, lab)
    if check.verdict is not Verdict.PASS and check.explanation:
        text = f"{subject(check, lab)}: {check.explanation}"
    place = re.search(r"packet \d+|at [\d.]+ s", check.evidence[-1]) if check.evidence else None
    if place is None or re.search(r"packet \d+|at [\d.]+ s", text):
        return text
    return f"{text} ({place[0]})"


def seen(check: Check, lab: Lab) -> str:
    """What was checked and what was seen, where that says more: a step's text often names its outcome already."""
    text = subject(check, lab)
    outcome = check.seen.partition(",")[0]
    return text if check.step is not None and (outcome == "success" or outcome in text) else f"{text}: {check.seen}"


def subject(check: Check, lab: Lab) -> str:
    """What was checked: a step by its text, an expectation by its name."""
    if check.step is not None:
        return lab.steps[check.step].text
    named = check.name.removeprefix("call of ")
    return next((step.text for step in lab.steps if named != check.name and step.name == named), check.name)
