"""The text of a lab file: bytes of an ordinary file, of bounded size, in UTF-8.

Rules: file type and size are checked before anything is read, so that a FIFO does not block and a huge file stays
unread. What is refused is said with its line and column, like any other mistake.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from netlab.errors import LabError, Mistake

MAX_BYTES = 1 << 20
"""A lab file is text written by people; the largest shipped one has a few kilobytes."""
LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""Where ruamel.yaml ends a line (its reader.py); YAML 1.2 itself knows the first three only."""


def read_text(path: Path) -> str:
    """The text of the lab file at `path`. Raises: LabError."""
    return decode(read_bytes(path), str(path))


def read_bytes(path: Path) -> bytes:
    """The bytes of an ordinary file of bounded size. Raises: LabError."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    try:
        check_ordinary(path.stat(), path)
        with os.fdopen(os.open(path, flags), "rb") as file:
            check_ordinary(os.fstat(file.fileno()), path)
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise whole(path, f"cannot be read: {error.strerror}", "give the path of a lab file") from None
    except ValueError as error:  # a NUL in the path
        raise whole(path, f"cannot be read: {error}", "give the path of a lab file") from None
    if len(data) > MAX_BYTES:
        raise too_large(path, len(data))
    return data


def check_ordinary(status: os.stat_result, path: Path) -> None:
    """Raises: LabError for what is not an ordinary file, or too large a one."""
    if stat.S_ISDIR(status.st_mode):
        raise whole(path, "is a directory", "give the lab.yaml inside it")
    if not stat.S_ISREG(status.st_mode):
        raise whole(path, "is not an ordinary file", "a lab file is an ordinary file")
    if status.st_size > MAX_BYTES:
        raise too_large(path, status.st_size)


def too_large(path: Path, size: int) -> LabError:
    return whole(path, f"holds {size} bytes or more", f"a lab file has at most {MAX_BYTES} bytes")


def whole(path: Path | str, wrong: str, allowed: str) -> LabError:
    """A mistake of the file as a whole."""
    return LabError(str(path), [Mistake(1, 1, wrong, allowed)])


def decode(data: bytes, file: str) -> str:
    """The text of these bytes: UTF-8, with or without a byte order mark. Raises: LabError."""
    try:
        text = data.decode("utf-8-sig")
        bad, what = text.find("\0"), "a NUL character"
        before = text[:bad]
    except UnicodeDecodeError as error:
        bad, what = error.start, f"byte 0x{data[error.start]:02x} is not UTF-8"
        before = data[:bad].decode("utf-8", "replace")
    if bad < 0:
        return text
    raise LabError(file, [Mistake(*place_after(before), what, "a lab file is UTF-8 text, not binary data")])


def place_after(before: str) -> tuple[int, int]:
    """Line and column of what comes after this text."""
    lines = LINE_BREAK.split(before)
    return len(lines), len(lines[-1]) + 1
