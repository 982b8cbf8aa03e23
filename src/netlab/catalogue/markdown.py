"""The catalogue of claims as a Markdown table, as GitHub renders it. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from netlab.catalogue.claim import Row

HEADINGS = ("lab", "claim", "finding", "status", "evidence", "seconds")


def write(rows: Sequence[Row], write: Callable[[str], object]) -> None:
    """Write the table through `write`."""
    kernels = ", ".join(dict.fromkeys(row.kernel for row in rows))
    write(f"| {' | '.join(HEADINGS)} |\n|{' --- |' * (len(HEADINGS) - 1)} ---: |\n")
    for row in rows:
        cells = (row.title, row.claim, row.finding or "none", status(row), row.evidence, f"{row.seconds:.1f}")
        write(f"| {' | '.join(map(cell, cells))} |\n")
    if kernels:
        write(f"\nSeen on Linux {kernels}.\n")


def status(row: Row) -> str:
    """The status, and what was recorded where something else was found."""
    before = row.recorded.get(row.kernel)
    return f"changed, was {before}" if row.status == "changed" and before else row.status


def cell(text: str) -> str:
    """Text that stands in a cell as it is: on one line, its punctuation without a meaning."""
    return re.sub(r"([\\`*_{}\[\]<>|#~])", r"\\\1", " ".join(text.split()))
