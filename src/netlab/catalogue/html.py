"""The catalogue of claims as one HTML file, for offline reading.

Rules: nothing is loaded from anywhere; no script; light and dark as the reader's system has it; a status is a word and
a colour, never a colour alone. Whatever comes from a record or a lab file is escaped. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from html import escape

from netlab.catalogue.claim import Row
from netlab.catalogue.markdown import status

ORDER = ("changed", "unknown", "new", "confirmed", "refuted", "depends")

STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --dim: #5b6675; --paper: #fbfbf9; --line: #dcdfe4; --raised: #fff;
  --confirmed: #1a7f4b; --refuted: #a1487d; --depends: #2b62b8; --changed: #c2281d; --new: #7a5b00;
  --unknown: #5b6675; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --dim: #98a3b3; --paper: #14181e; --line: #2e3640;
  --raised: #1b2129; --confirmed: #57c98d; --refuted: #df8fbf; --depends: #86b1f5; --changed: #ff8a7f; --new: #e0bd5a;
  --unknown: #98a3b3; } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 2.5rem 1.25rem 4rem; max-width: 78rem; color: var(--ink); background: var(--paper);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; letter-spacing: -.01em }
p { color: var(--dim); margin: 0 0 1.25rem; max-width: 46rem }
.counts { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; list-style: none; padding: 0; margin: 0 0 1.5rem }
.counts b { font-size: 1.25rem; font-variant-numeric: tabular-nums; margin-right: .35rem }
table { width: 100%; border-collapse: collapse; background: var(--raised); border: 1px solid var(--line) }
th, td { text-align: left; vertical-align: top; padding: .6rem .8rem; border-bottom: 1px solid var(--line) }
th { font-size: .8rem; color: var(--dim); font-weight: 600; position: sticky; top: 0; background: var(--raised) }
td.lab { font-family: ui-monospace, "SF Mono", Consolas, monospace; font-size: .85rem; white-space: nowrap }
td.lab span { color: var(--dim); display: block; padding-left: 1ch }
td.claim { min-width: 18rem }
td.evidence { color: var(--dim); font-size: .9rem; overflow-wrap: anywhere; min-width: 16rem }
td.seconds { text-align: right; font-variant-numeric: tabular-nums; color: var(--dim) }
.status { font-weight: 600; white-space: nowrap }
.status::before { content: ""; display: inline-block; width: .6em; height: .6em; border-radius: 50%;
  background: currentColor; margin-right: .5em }
.confirmed { color: var(--confirmed) } .refuted { color: var(--refuted) } .depends { color: var(--depends) }
.changed { color: var(--changed) } .new { color: var(--new) } .unknown { color: var(--unknown) }
@media (max-width: 50rem) { thead { display: none } tr, td { display: block } tr { border-bottom: 1px solid var(--line);
  padding: .6rem 0 } td, td.seconds { border: 0; padding: .15rem .8rem; text-align: left; min-width: 0 } }
"""


def write(rows: Sequence[Row], write: Callable[[str], object]) -> None:
    """Write the page through `write`."""
    for piece in page(rows):
        write(piece)


def page(rows: Sequence[Row]) -> Iterator[str]:
    kernels = escape(", ".join(dict.fromkeys(row.kernel for row in rows)))
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield f"<title>What Linux {kernels} does</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
    yield f"<h1>Claims about TCP, and what Linux {kernels} does</h1>\n"
    yield "<p>Each row is a lab that was played. Its status is the finding where that is as recorded for this kernel; "
    yield "<em>changed</em> where it is not, <em>new</em> without a record, <em>unknown</em> where this machine could "
    yield "not tell.</p>\n"
    yield from counts(rows)
    yield "<table>\n<thead><tr><th>lab</th><th>claim</th><th>finding</th><th>status</th><th>evidence</th>"
    yield "<th>seconds</th></tr></thead>\n<tbody>\n"
    for row in rows:
        yield line(row)
    yield "</tbody>\n</table>\n</body>\n</html>\n"


def counts(rows: Sequence[Row]) -> Iterator[str]:
    """How many rows have each status, the ones to look at first."""
    counted: Counter[str] = Counter(row.status for row in rows)
    yield '<ul class="counts">\n'
    for word in ORDER:
        if counted[word]:
            yield f'<li><b>{counted[word]}</b><span class="status {word}">{word}</span></li>\n'
    yield "</ul>\n"


def line(row: Row) -> str:
    """One row of the table."""
    variant = f"<span>{escape(row.variant)}</span>" if row.variant else ""
    return (
        f'<tr><td class="lab">{escape(row.lab)}{variant}</td><td class="claim">{escape(row.claim)}</td>'
        f"<td>{escape(row.finding or 'none')}</td>"
        f'<td><span class="status {row.status}">{escape(status(row))}</span></td>'
        f'<td class="evidence">{escape(row.evidence)}</td><td class="seconds">{row.seconds:.1f}</td></tr>\n'
    )
