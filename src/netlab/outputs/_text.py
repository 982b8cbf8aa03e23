"""Lines for a terminal: pieces of text with a style each, safe to print.

Rules: a style is a word of rich ("red", "bold", "dim"), and "" for none; joined without styles the pieces are the plain
text. Whatever comes out of a record passes `clean`: a program under test may have written escape sequences.
"""

from __future__ import annotations

import textwrap
from typing import TypeAlias

WIDTH = 98
"""Columns of a timeline: it fits a README and half a screen."""

Span: TypeAlias = tuple[str, str]
Line: TypeAlias = tuple[Span, ...]


def plain(line: Line) -> str:
    """The line without styles, and without blanks at its end."""
    return "".join(text for text, _ in line).rstrip()


def clean(text: str) -> str:
    """The text on one line, with every character that is not printable spelled out."""
    return "".join(char if char.isprintable() else _spelled(char) for char in text)


def cut(text: str, width: int) -> str:
    """The cleaned text, ended by "…" where it is longer than `width`."""
    shown = clean(text)
    return shown if len(shown) <= width else shown[: max(width - 1, 0)] + "…"


def wrapped(text: str, indent: str, style: str = "", first: str | None = None) -> list[Line]:
    """A paragraph as lines that begin with `indent` (the first one with `first`)."""
    start = indent if first is None else first
    lines = textwrap.wrap(clean(text), WIDTH, initial_indent=start, subsequent_indent=indent, break_on_hyphens=False)
    return [((line, style),) for line in lines]


def quoted(payload: bytes, width: int) -> str:
    """Payload as text in quotes, at most `width` characters of it: "hello", "GET /…"."""
    text = payload[: width + 1].decode("latin-1")
    return f'"{cut("".join(char if " " <= char <= "~" else _spelled(char) for char in text), width)}"'


def _spelled(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
