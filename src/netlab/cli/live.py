"""The progress of a run, on stderr.

Rules: at a terminal one line that is overwritten; elsewhere one plain line a step, written when the step is done. No
thread and no spinner: they would take processor time from an experiment that is being timed.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from netlab.cli import streams
from netlab.progress import Progress
from netlab.records import entry
from netlab.units import human_duration

if TYPE_CHECKING:
    from netlab.lab import Lab
    from netlab.steps import Planned

ERASE = "\r\x1b[K"


def watcher() -> Plain:
    """The progress that suits stderr."""
    return Live() if at_terminal() else Plain()


def at_terminal() -> bool:
    """Whether stderr is a terminal on which a line can be overwritten."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


class Plain(Progress):
    """One line a step."""

    def __init__(self) -> None:
        self.steps = 0
        self.directory: Path | None = None
        self.notes: list[str] = []

    def reaching(self, text: str) -> None:
        self.tell(text)

    def started(self, lab: Lab) -> None:
        self.steps = len(lab.steps)
        self.tell(f"{entry(lab.name, lab.variant)}: {self.steps} steps{time_it_takes(lab)}")

    def done(self, planned: Planned, error: str | None, took_ns: int) -> None:
        self.tell(f"{self.place(planned)} {planned.text} ({human_duration(took_ns)})")
        if error:
            self.tell(f"{'':{len(self.place(planned))}} {error}")

    def held(self, text: str) -> None:
        self.tell(text)
        wait_for_enter()

    def saved(self, directory: Path) -> None:
        self.directory = directory

    def noted(self, note: str) -> None:
        self.notes.append(note)

    def over(self) -> None:
        """The run is over, however it ended."""

    def place(self, planned: Planned) -> str:
        """How far the run has come: "[ 3/12]"."""
        width = len(str(self.steps))
        return f"[{planned.index + 1:{width}}/{self.steps}]"

    def tell(self, text: str) -> None:
        streams.err(f"{text}\n")


class Live(Plain):
    """One line that is overwritten, and gone when the run is over."""

    def phase(self, text: str) -> None:
        self.show(f"{text} …")

    def step(self, planned: Planned) -> None:
        self.show(f"{self.place(planned)} {planned.text} …")

    def done(self, planned: Planned, error: str | None, took_ns: int) -> None:
        if error:
            self.tell(f"{self.place(planned)} {planned.text}: {error}")

    def over(self) -> None:
        streams.err(ERASE)

    def tell(self, text: str) -> None:
        streams.err(f"{ERASE}{text}\n")

    def show(self, text: str) -> None:
        """Replace the live line."""
        columns = shutil.get_terminal_size().columns - 1
        streams.err(ERASE + "".join(char for char in text if char.isprintable())[:columns])


def time_it_takes(lab: Lab) -> str:
    """What the lab says of its time: ", takes 60 s of the kernel's time"."""
    return f", takes {human_duration(lab.takes)} of the kernel's time" if lab.takes is not None else ""


def wait_for_enter() -> None:
    """Wait for Enter, or for Ctrl-C; without a terminal for Ctrl-C (SIGINT) alone."""
    import signal

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if sys.stdin is not None and sys.stdin.isatty():
            streams.err("Press Enter to end the run.\n")
            sys.stdin.readline()
        else:
            streams.err("Send SIGINT (Ctrl-C) to end the run.\n")
            signal.pause()
    except KeyboardInterrupt:
        streams.err("\n")
    finally:
        signal.signal(signal.SIGINT, before)
