"""What was found, as lines: what impaired cables dropped, each check with its mark, then the verdict in one sentence.

    cable of client.nic-b, outbound: 12 of 1,034 packets lost by netem

    ✓ reset
    ✗ wire: line 7
        expected  server > client  R
        seen      server > client  R.
        where     packet 27 at 0.912345 s
        because   the server's kernel still held the orphan

Rules: a check that passed says what it showed; the steps that just went as written are one line together; any other
check says all that it knows.
"""

from __future__ import annotations

from netlab.outputs._text import WIDTH, Line, clean, cut, plain, wrapped
from netlab.records import Cable, Check, RunRecord, Verdict, entry

MARKS = {Verdict.PASS: ("✓", "green"), Verdict.FAIL: ("✗", "bold red"), Verdict.UNKNOWN: ("?", "bold yellow")}


DROPPED: dict[str, str] = {
    "loss": "lost by netem",
    "queue": "dropped by its full queue",
    "loss or queue": "lost by netem or dropped by its full queue",
    "replaced": "dropped with a queue that was replaced",
}
"""The causes of a Cable's drops, in words."""


def checks(record: RunRecord) -> list[Line]:
    """Every check: those that passed first, so that trouble stands next to the verdict."""
    lines: list[Line] = []
    good = [check for check in record.checks if check.verdict is Verdict.PASS]
    played = [check for check in good if check.step is not None and not check.explanation]
    if played:
        noun = "step went" if len(played) == 1 else "steps went"
        lines.append(_marked(Verdict.PASS, f"{len(played)} {noun} as written"))
    for check in good:
        if check not in played:
            lines += _shown(check)
    for verdict in (Verdict.UNKNOWN, Verdict.FAIL):
        for check in record.checks:
            if check.verdict is verdict:
                lines += _explained(check)
    return lines


def verdict(record: RunRecord) -> list[Line]:
    """The verdict in one sentence, and what limits it."""
    mark, style = MARKS[record.verdict]
    name = entry(record.lab, record.variant)
    head = f"{mark} {record.verdict.value.upper()}  {clean(name)}: "
    sentence = record.sentence.removeprefix(f"{record.verdict.value}: ")
    lines = wrapped(sentence or "not judged", "  ", style, first=head)
    if record.interrupted:
        lines += wrapped(f"interrupted: {record.interrupted}", "  ", "yellow")
    if record.environment.target:
        lines += wrapped(f"ran on {record.environment.target} (Linux {record.environment.kernel})", "  ", "dim")
    for witness, sight in record.environment.witnesses.items():
        if sight != "full":
            lines += wrapped(f"{witness} witness: {sight}", "  ", "dim")
    return lines


def cables(record: RunRecord) -> list[Line]:
    """What impaired cables dropped, a line for each direction in which they dropped something."""
    return [
        line
        for cable in record.of(Cable)
        if cable.dropped
        for line in wrapped(f"cable of {cable.nic}, {cable.way}: {_dropped(cable)}", "    ", "yellow", first="  ")
    ]


def _dropped(cable: Cable) -> str:
    """ "12 of 1,034 packets lost by netem, 3 dropped by its full queue"."""
    total = cable.passed + sum(cable.dropped.values()) + cable.waiting
    told = ", ".join(f"{count:,} {DROPPED.get(cause, cause)}" for cause, count in cable.dropped.items())
    return told.replace(" ", f" of {total:,} packets ", 1)


def _shown(check: Check) -> list[Line]:
    """A check that passed, with what it showed."""
    name = check.name if check.step is None else check.name.partition(": ")[0]
    text = ": ".join(filter(None, (name, check.explanation or check.seen)))
    (first, *rest) = wrapped(text, "    ", first="    ")
    return [_marked(Verdict.PASS, plain(first).strip()), *rest]


def _marked(verdict: Verdict, text: str) -> Line:
    mark, style = MARKS[verdict]
    return ((f"  {mark} ", style), (cut(text, WIDTH - 4), ""))


def _explained(check: Check) -> list[Line]:
    lines = [_marked(check.verdict, check.name)]
    for label, text in (
        ("expected", check.expected),
        ("seen", check.seen),
        ("where", "; ".join(check.evidence)),
        ("because", check.explanation),
    ):
        if text:
            lines += wrapped(text, " " * 16, first=f"      {label:10}")
    return lines
