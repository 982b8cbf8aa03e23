"""Outputs: what a run leaves behind, one form a file.

Rules: pure but for the stream or file they write; a record goes in. `write` takes a callable, not a file, wherever the
output is text. Outputs never import each other.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

from netlab.records import RunRecord
from netlab.registry import Registry

__all__ = ["OUTPUTS", "Output"]


class Output(ABC):
    """A form in which a record is shown or kept."""

    word: ClassVar[str]

    @abstractmethod
    def write(self, record: RunRecord, write: Callable[[str], object]) -> None:
        """Write the record, in pieces, through `write`."""


OUTPUTS: Registry[Output] = Registry("netlab.outputs", Output)
