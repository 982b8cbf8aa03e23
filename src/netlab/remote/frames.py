r"""What the two ends say: a JSON object on a line, and behind it as many raw bytes as its `bytes` announces.

    {"say": "piece", "bytes": 5}\nhello{"say": "sent"}\n

Rules: pure. A frame holds at most PIECE raw bytes and its line at most LINE, so that nobody has to hold more; whoever
says otherwise is not believed (FrameError).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

__all__ = ["LINE", "PIECE", "Frame", "FrameError", "Frames"]

LINE = 16 << 20
"""Bytes of a line: a lab's definition is one line."""
PIECE = 256 << 10
"""Raw bytes behind a line."""


class FrameError(ValueError):
    """What was said is no frame."""


@dataclass(frozen=True)
class Frame:
    """One thing said."""

    say: str
    fields: dict[str, Any] = field(default_factory=dict)
    data: bytes = b""

    def encoded(self) -> bytes:
        """The bytes that say it."""
        size = {"bytes": len(self.data)} if self.data else {}
        return json.dumps({"say": self.say, **self.fields, **size}).encode() + b"\n" + self.data


class Frames:
    """Bytes as they come, to frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._head: tuple[str, dict[str, Any], int] | None = None
        self._searched = 0

    @property
    def between(self) -> bool:
        """Nothing of a frame is pending."""
        return not self._buffer and self._head is None

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are whole now. Raises: FrameError."""
        self._buffer += data
        while True:
            if self._head is None:
                self._head = self._take_head()
            if self._head is None or len(self._buffer) < self._head[2]:
                return
            say, fields, size = self._head
            raw = bytes(self._buffer[:size])
            del self._buffer[:size]
            self._head = None
            yield Frame(say, fields, raw)

    def _take_head(self) -> tuple[str, dict[str, Any], int] | None:
        end = self._buffer.find(b"\n", self._searched)
        if end < 0:
            self._searched = len(self._buffer)
            if self._searched > LINE:
                raise FrameError(f"a line of more than {LINE} bytes")
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        self._searched = 0
        return head(line)


def head(line: bytes) -> tuple[str, dict[str, Any], int]:
    """What a line says, with what fields, and how many bytes are behind it. Raises: FrameError."""
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        raise FrameError(f"{line[:200]!r} is no JSON") from None
    if not isinstance(fields, dict) or not isinstance(say := fields.pop("say", None), str):
        raise FrameError(f"{line[:200]!r} says nothing")
    size = fields.pop("bytes", 0)
    if type(size) is not int or not 0 <= size <= PIECE:
        raise FrameError(f"{say!r} announces {size!r} bytes; at most {PIECE} are allowed")
    return say, fields, size
