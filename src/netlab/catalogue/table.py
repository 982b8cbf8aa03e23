"""The catalogue of claims as lines for a terminal: what stands out first, then a block for each claim. Pure.

confirmed  half-open                                                                            1.02 s
           after the server dies with its NIC out, the client still believes it is connected, and its …
           → "world" (packet 25) was answered by RST (NO_SOCKET), packet 29
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from netlab.catalogue.claim import Row
from netlab.catalogue.markdown import status
from netlab.outputs._text import WIDTH, Line, clean, wrapped

STYLES = {
    "confirmed": "green",
    "refuted": "magenta",
    "depends": "cyan",
    "changed": "bold red",
    "new": "bold yellow",
    "unknown": "yellow",
}
INDENT = " " * 11


def lines(rows: Sequence[Row]) -> Iterator[Line]:
    """A block for each row, and how many there are of each status."""
    for row in rows:
        yield from block(row)
        yield ()
    counted: Counter[str] = Counter(row.status for row in rows)
    yield tuple((f"{counted[word]} {word}   ", style) for word, style in STYLES.items() if counted[word])


def block(row: Row) -> Iterator[Line]:
    """One claim: its status, its words, its evidence."""
    seconds = f"{row.seconds:.2f} s"
    room = WIDTH - len(INDENT) - len(seconds)
    yield ((f"{row.status:11}", STYLES[row.status]), (f"{clean(row.title):{room}}", "bold"), (seconds, "dim"))
    yield from wrapped(row.claim, INDENT)
    if row.status in ("changed", "new"):
        yield from wrapped(f"found here: {row.finding}; {status(row)} on Linux {row.kernel}", INDENT, "yellow")
    yield from wrapped(row.evidence, f"{INDENT}  ", "dim", f"{INDENT}→ ")
