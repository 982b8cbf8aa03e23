"""What arrives from a far end, as files of the run directory here.

Rules: the far end is not believed. A name has plain parts and stays inside the directory, nothing that is there is
overwritten, a file has the size that was announced. Each appears whole or not at all.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import IO

from netlab.errors import TargetError
from netlab.remote.frames import Frame

__all__ = ["Home"]

PART = ".part"
NAME = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.+-]*/)?[A-Za-z0-9_][A-Za-z0-9_.+-]*", re.ASCII)
"""A file of the directory, or of a folder in it: what netlab.rundir writes."""
MOST_FILES = 10_000


class Home:
    """The run directory while it is being filled."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.files: list[str] = []
        """What is there, whole."""
        self._name = ""
        self._left = 0
        self._file: IO[bytes] | None = None

    def take(self, frame: Frame) -> None:
        """Take a `file` or a `piece` of it. Raises: TargetError, OSError."""
        if frame.say == "file":
            self._begin(frame.fields.get("name"), frame.fields.get("size"))
        elif self._file is None or len(frame.data) > self._left:
            raise self._refused("it sends bytes that belong to no file")
        else:
            self._file.write(frame.data)
            self._left -= len(frame.data)
        if self._left == 0:
            self._finish()

    def over(self) -> None:
        """No more will come. Raises: TargetError where a file lacks something."""
        if self._file is not None:
            raise self._refused(f"{self._name} lacks its last {self._left} bytes")

    def abandon(self) -> None:
        """Take away what is not whole, and the directory where there is nothing else in it."""
        if self._file is not None:
            self._file.close()
            self._file = None
            self._part().unlink(missing_ok=True)
        for folder in (*self.folder.glob("*/"), self.folder):
            with contextlib.suppress(OSError):  # there is something in it, or it is gone already
                folder.rmdir()

    def _begin(self, name: object, size: object) -> None:
        self.over()
        if not isinstance(name, str) or not NAME.fullmatch(name) or name.endswith(PART) or name in self.files:
            raise self._refused(f"it sends a file by the name {str(name)[:100]!r}, which no run directory has")
        if type(size) is not int or size < 0 or len(self.files) >= MOST_FILES:
            raise self._refused(f"it sends {str(size)[:30]} bytes as file number {len(self.files) + 1}")
        self._name, self._left = name, size
        self._part().parent.mkdir(exist_ok=True)
        self._file = self._part().open("xb")

    def _finish(self) -> None:
        assert self._file is not None
        self._file.close()
        self._file = None
        os.replace(self._part(), self.folder / self._name)  # noqa: PTH105
        self.files.append(self._name)

    def _part(self) -> Path:
        return self.folder / f"{self._name}{PART}"

    def _refused(self, why: str) -> TargetError:
        return TargetError(f"bring the run home from {self.url}: {why}; is it netlab that answers there?")
