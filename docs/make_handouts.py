"""Plays the labs whose timelines the README and the handouts print, and prints them anew.

    python docs/make_handouts.py                    every page
    python docs/make_handouts.py labs/*close*       these

Rules: a block of a page is such a timeline when its first line is a lab's name (and its variant) and title, as `netlab
run` prints them; nothing else of a page is touched. A line of "…" after it stands for the timeline: only what comes
below is printed then. Run it as root, for the tracepoints, on a machine that does nothing
else: readers look at the times. A run that does not pass changes nothing, and is told.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

import netlab
from netlab.outputs.terminal import Terminal
from netlab.records import RunRecord, Verdict

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"(?<=^```text\n)([a-z0-9-]+)(?: \(([a-z0-9-]+)\))?  \S.*?(?=^```$)", re.MULTILINE | re.DOTALL)


def main(arguments: list[str]) -> int:
    """Print the timelines of these pages (or of folders with a README.md) anew; 1 where a run did not pass."""
    chosen = [Path(argument) for argument in arguments] or [ROOT, *sorted((ROOT / "labs").glob("*/"))]
    pages = [place / "README.md" if place.is_dir() else place for place in chosen]
    return max([renewed(page) for page in pages], default=0)


def renewed(page: Path) -> int:
    """Print a page's timelines anew; 1 where a run did not pass."""
    trouble = 0

    def play(block: re.Match[str]) -> str:
        nonlocal trouble
        record, text = played(block[1], block[2])
        if record.verdict is Verdict.PASS:
            return without_timeline(text) if block[0].split("\n")[1] == "…" else text
        print(f"{page}: {block[1]}: {record.verdict.value}: {record.sentence}", file=sys.stderr)
        trouble = 1
        return block[0]

    text = page.read_text(encoding="utf-8")
    page.write_text(BLOCK.sub(play, text), encoding="utf-8")
    return trouble


def without_timeline(text: str) -> str:
    """The first line, "…" for the timeline, and what comes below it: outputs, checks, verdict."""
    title, _, below = text.split("\n\n", 2)
    return f"{title}\n…\n\n{below}"


def played(name: str, variant: str | None) -> tuple[RunRecord, str]:
    """A run of a lab, and what `netlab run` prints of it."""
    lab = netlab.load(ROOT / "labs" / name / "lab.yaml", variant)
    with tempfile.TemporaryDirectory() as folder:
        record = netlab.run(lab, out=Path(folder) / "run")
    pieces: list[str] = []
    Terminal(lab.outputs).write(record, pieces.append)
    return record, "".join(pieces)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
