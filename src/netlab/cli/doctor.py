"""`netlab doctor`: what this machine can do, and what to do about what it cannot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netlab.cli import streams
from netlab.cli.guard import PASS, UNKNOWN
from netlab.outputs._text import Line, clean, wrapped
from netlab.probes import GROUPS, PROBES, Finding, Probe

MARKS = {"yes": ("✓", "green"), "no": ("✗", "red"), "unknown": ("?", "yellow")}
ORDER = list(GROUPS)
INDENT = " " * 21


def doctor(json: bool) -> int:
    """Try everything; 0 where labs can run here, 3 where something that every lab needs is missing."""
    from netlab.probes._trial import examine

    found = examine(sorted(PROBES.all().values(), key=place))
    runs = all(finding.status == "yes" for probe, finding in found if probe.required)
    if json:
        streams.document({"runs": runs, "probes": [entry(probe, finding) for probe, finding in found]})
    else:
        streams.lines(told(found))
        streams.out("\nLabs can run here.\n" if runs else "\nLabs cannot run here; judging saved runs works.\n")
    return PASS if runs else UNKNOWN


def place(probe: type[Probe]) -> tuple[int, bool, str]:
    """Where a probe is shown: by groups, what nothing runs without first."""
    return ORDER.index(probe.group), not probe.required, probe.word


def entry(probe: type[Probe], finding: Finding) -> dict[str, object]:
    """One probe for the JSON document."""
    return {
        "probe": probe.word,
        "group": probe.group,
        "question": probe.question,
        "required": probe.required,
        "status": finding.status,
        "text": finding.text,
        "remedy": finding.remedy,
    }


def told(found: Sequence[tuple[type[Probe], Finding]]) -> Iterator[Line]:
    """Every probe for eyes, below the headings of their groups. What several ask to do is said once."""
    group, said = None, set[str]()
    for probe, finding in found:
        if probe.group != group:
            yield from [()] * (group is not None)
            yield ((GROUPS[probe.group], "bold"),)
            group = probe.group
        mark, style = MARKS[finding.status]
        first, *more = wrapped(f"{probe.question} {finding.text}", INDENT)
        yield (f"  {mark} ", style), (f"{probe.word:16} ", "bold"), (first[0][0].lstrip(), "")
        yield from more
        if finding.status != "yes" and finding.remedy not in said:
            yield from advice(finding.remedy)
            said.add(finding.remedy)


def advice(remedy: str) -> Iterator[Line]:
    """What to do; a command to copy stays on one line, however long."""
    start = f"{INDENT}→ "
    for line in remedy.splitlines():
        if line.startswith(" "):
            yield ((INDENT + "  " + clean(line.strip()), "bold"),)
        else:
            yield from wrapped(line, f"{INDENT}  ", first=start)
        start = f"{INDENT}  "
