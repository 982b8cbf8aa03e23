"""`netlab doctor`: what this machine can do, and what to do about what it cannot."""

from __future__ import annotations

from netlab.cli import streams
from netlab.cli.guard import PASS, UNKNOWN
from netlab.outputs._text import Line, wrapped
from netlab.probes import PROBES, Finding, Probe

MARKS = {"yes": ("✓", "green"), "no": ("✗", "red"), "unknown": ("?", "yellow")}


def doctor(json: bool) -> int:
    """Try everything; 0 where labs can run here, 3 where something that every lab needs is missing."""
    from netlab.probes._trial import examine

    found = examine(sorted(PROBES.all().values(), key=lambda probe: (not probe.required, probe.word)))
    runs = all(finding.status == "yes" for probe, finding in found if probe.required)
    if json:
        streams.document({"runs": runs, "probes": [entry(probe, finding) for probe, finding in found]})
    else:
        streams.lines(line for probe, finding in found for line in told(probe, finding))
        streams.out("\nLabs can run here.\n" if runs else "\nLabs cannot run here; judging saved runs works.\n")
    return PASS if runs else UNKNOWN


def entry(probe: type[Probe], finding: Finding) -> dict[str, object]:
    """One probe for the JSON document."""
    return {
        "probe": probe.word,
        "question": probe.question,
        "required": probe.required,
        "status": finding.status,
        "text": finding.text,
        "remedy": finding.remedy,
    }


def told(probe: type[Probe], finding: Finding) -> list[Line]:
    """One probe for eyes: its word, what was found, and the remedy below."""
    mark, style = MARKS[finding.status]
    lines: list[Line] = [((f"{mark} ", style), (f"{probe.word:17}", "bold"), (f" {probe.question}", "dim"))]
    lines += wrapped(finding.text, " " * 4)
    if finding.status != "yes" and finding.remedy:
        lines += wrapped(finding.remedy, " " * 6, first="    → ")
    return lines
