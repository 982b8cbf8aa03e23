"""Plays the labs whose timelines the README and the handouts print, and prints them anew.

    python docs/make_handouts.py                    every page
    python docs/make_handouts.py labs/*close*       these

Rules: a block of a page is such a timeline when its first line is a lab's name (and its variant) and title, as `netlab
run` prints them; nothing else of a page is touched, nor a block in which somebody left lines out: "(…)". A line of "…"
after the first one stands for the timeline: only what comes below is printed then. Run it as root, for the
tracepoints, on a machine that does nothing else: readers look at the times. A run that does not pass changes nothing,
and is told; where a witness did not see all of one, another is made.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

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
        if "(…)" in block[0]:
            return block[0]
        verdict, text = played(block[1], block[2])
        if verdict == "pass":
            return without_timeline(text) if block[0].split("\n")[1] == "…" else text
        print(f"{page}: {block[1]} {verdict}:\n{text}", file=sys.stderr)
        trouble = 1
        return block[0]

    text = page.read_text(encoding="utf-8")
    page.write_text(BLOCK.sub(play, text), encoding="utf-8")
    return trouble


def without_timeline(text: str) -> str:
    """The first line, "…" for the timeline, and what comes below it: outputs, checks, verdict."""
    title, _, below = text.split("\n\n", 2)
    return f"{title}\n…\n\n{below}"


@cache  # the README's block is that of a handout
def played(name: str, variant: str | None) -> tuple[str, str]:
    """A run of a lab: its verdict, and what `netlab run` prints of it; the last of ten, if a witness always failed."""
    chosen = ["--variant", variant] if variant else []
    for _ in range(10):
        with tempfile.TemporaryDirectory() as folder:
            run = [sys.executable, "-m", "netlab", "run", str(ROOT / "labs" / name), *chosen, "--out", f"{folder}/run"]
            done = subprocess.run(run, capture_output=True, text=True, check=False)
            if done.returncode:
                return "did not pass", done.stdout + done.stderr
            text = done.stdout.rpartition(f"\n{folder}/run/ holds ")[0].replace(f"{folder}/run/", "")
        if "incomplete: " not in text:
            break
    return "pass", text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
