from __future__ import annotations

from dataclasses import dataclass

from netlab.steps import doc
from tests.lab.words.idle import IdleAction


@dataclass(frozen=True, kw_only=True)
class Receive(IdleAction):
    """Receive."""

    shorthand = "bytes"
    bytes: str | None = doc("Exactly this.", default=None)
    eof: bool = doc("EOF.", default=False)

    def __post_init__(self) -> None:
        if self.bytes and self.eof:
            raise ValueError("bytes and eof both; give one")
