"""What a run tells whoever watches it, while it runs.

Rules: a Progress is told, it never asks and never fails the run. This one says nothing: it is the default, and the
base of those that speak (`netlab.cli.live`). Its methods are called in the client's process, between requests.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netlab.lab import Lab
    from netlab.steps import Planned

__all__ = ["Progress"]


class Progress:
    """Silent; override what you want to hear."""

    def reaching(self, text: str) -> None:
        """Where the lab is going to run, where that is not here, and what is done to get there: "booting Linux 6.1"."""

    def started(self, lab: Lab) -> None:
        """The run of this lab begins."""

    def phase(self, text: str) -> None:
        """What is done now that is no step: "building", "judging"."""

    def step(self, planned: Planned) -> None:
        """This step is about to be played."""

    def done(self, planned: Planned, error: str | None, took_ns: int) -> None:
        """This step was played, in this time; `error` says why it could not be."""

    def held(self, text: str) -> None:
        """The run stopped with its topology alive (`--keep-open`); `text` says how to look inside.

        The run goes on to its end as soon as this returns.
        """

    def saved(self, directory: Path) -> None:
        """The record, the capture and the logs are in this directory."""

    def noted(self, note: str) -> None:
        """One of the lab's outputs wrote a file there, or says why it could not and what to do."""
