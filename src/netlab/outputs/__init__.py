"""Outputs: what is made of a record, one form a file.

Two kinds. An `Output` is a form of any record: text for a terminal, JSON. A `Report` is what a lab asks for under
`outputs:`, with its settings as fields:

    record ──▶ rows    in record.json and --json, for programs
           ──▶ lines   after the timeline, and in `netlab judge`
           ──▶ files   in the run directory: a plot

Rules: pure but for the stream or the files they write; a record goes in, also one of a run that ended early. `write`
takes a callable, not a file, wherever the output is text. What an output needs and this machine lacks (a library that
draws) is told in one line with its remedy, and nothing fails. Outputs never import each other.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from netlab.fields import STRICT, doc
from netlab.outputs._text import Line, plain
from netlab.records import RunRecord, Table
from netlab.registry import Registry

__all__ = ["OUTPUTS", "STRICT", "Line", "Output", "Report", "doc", "tabled"]


class Output(ABC):
    """A form in which a record is shown or kept."""

    word: ClassVar[str]

    @abstractmethod
    def write(self, record: RunRecord, write: Callable[[str], object]) -> None:
        """Write the record, in pieces, through `write`."""


@dataclass(frozen=True, kw_only=True)
class Report(Output):
    """What a lab asks for under `outputs:`; its fields are its settings."""

    example: ClassVar[str] = ""
    """An `outputs:` entry that uses it, as YAML; the reference shows it and the tests load it."""
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT

    @abstractmethod
    def rows(self, record: RunRecord) -> list[dict[str, Any]]:
        """What it says, as JSON objects."""

    @abstractmethod
    def lines(self, record: RunRecord) -> Iterable[Line]:
        """What it says, for eyes: lines with styles, at most 98 columns."""

    def save(self, record: RunRecord, folder: Path) -> list[str]:
        """Write its files into the run directory; a line for each that says so, or why there is none and what to do.

        Raises: OSError where the directory cannot be written.
        """
        return []

    def write(self, record: RunRecord, write: Callable[[str], object]) -> None:
        """Write its lines as plain text through `write`."""
        for line in self.lines(record):
            write(f"{plain(line)}\n")


OUTPUTS: Registry[Output] = Registry("netlab.outputs", Output)


def tabled(record: RunRecord, reports: Sequence[Report]) -> RunRecord:
    """The record with the rows of these reports; those it may have had are made again."""
    tables = tuple(Table(report.word, tuple(report.rows(record))) for report in reports)
    return dataclasses.replace(record, tables=tables)
