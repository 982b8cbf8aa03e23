"""stdout and stderr, wherever they lead.

Rules: writing never raises for the reader's sake. A reader that went away (`netlab list | head -1`) is no error, and
does not change the exit code. A character that the locale's encoding lacks is replaced by one that looks like it, one
for one, so that a timeline keeps its columns. Colours only at a terminal, and by rich, which respects NO_COLOR.
"""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Iterable
from typing import Any, TextIO

STAND_INS = dict(zip("✓✗→←▶◀─╌━│…·–—“”‘’", "+x><><-.=|~.--\"\"''", strict=True))


def prepare() -> None:
    """Make stdout and stderr writable in any locale, even where they are closed."""
    codecs.register_error("netlab", _stand_in)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # started with the descriptor closed: `netlab list >&-`
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115, PTH123 (lives as long as the process)
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="netlab")


def _stand_in(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(STAND_INS.get(char, "?") for char in bad), error.end


def out(text: str) -> None:
    """Write to stdout."""
    _write(sys.stdout, text)


def err(text: str) -> None:
    """Write to stderr, at once."""
    _write(sys.stderr, text)
    flush(sys.stderr)


def document(value: Any) -> None:
    """Write the one JSON document of a `--json` command to stdout; in ASCII, so that no locale can spoil it."""
    import json

    out(json.dumps(value, indent=1) + "\n")


def lines(styled: Iterable[tuple[tuple[str, str], ...]]) -> None:
    """Write lines made of (text, style) pieces to stdout, in colour at a terminal."""
    if not sys.stdout.isatty():
        for line in styled:
            out("".join(text for text, _ in line).rstrip() + "\n")
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, markup=False, emoji=False)
    for line in styled:
        console.print(Text.assemble(*line), soft_wrap=True)


def flush(*streams: TextIO) -> None:
    """Flush these streams, by default both; what nobody reads any more is dropped."""
    for stream in streams or (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            _deaf(stream)


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
    except BrokenPipeError:
        _deaf(stream)


def _deaf(stream: TextIO) -> None:
    """Lead a stream nowhere, so that later writes, and Python's own flush at exit, find no broken pipe."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
