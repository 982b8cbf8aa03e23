"""A lab's folder on its way: what its programs need, as a tar.

Rules: it travels where the lab starts a program, and not otherwise. Everything in it does, but what belongs to version
control, run directories (they hold a record.json), sockets and the like; owners stay here. A folder that is no lab's
(somebody's home) is refused by its size before a byte is sent.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from netlab.errors import UsageError
from netlab.rundir import RECORD

if TYPE_CHECKING:
    from netlab.lab import Lab
    from netlab.spec import Program

__all__ = ["pack", "unpack"]

LEFT_OUT = {".git", ".hg", ".svn", "__pycache__"}
MOST_BYTES = 256 << 20
MOST_FILES = 10_000
BLOCKS = 256 << 10
"""Bytes that are handed on at a time."""


def pack(lab: Lab, write: Callable[[bytes], object]) -> None:
    """Write the tar of a lab's folder through `write`; nothing where it starts no program.

    Raises: UsageError for a folder that cannot travel.
    """
    started = [program_of(lab, planned.doing.program) for planned in lab.steps if planned.word == "start"]
    if not started:
        return
    folder = Path(lab.topology.folder).absolute()
    for program in started:
        cwd = program.cwd or "."
        for wanted in (cwd, os.path.join(cwd, program.words[0])):  # noqa: PTH118
            check_inside(folder, wanted)
    try:
        paths = [*within_bounds(folder)]
        with tarfile.open(fileobj=cast(Any, Stream(write)), mode="w|", bufsize=BLOCKS) as tar:
            for path in paths:
                tar.add(path, path.relative_to(folder).as_posix(), recursive=False, filter=nobodys)
    except OSError as error:
        place = error.filename or folder
        raise UsageError(f"send the lab's folder: {place}: {error.strerror or error}; it travels as a whole") from error


def program_of(lab: Lab, name: str) -> Program:
    """The program of this full name: "server.sshd"."""
    host, _, short = name.partition(".")
    return lab.topology.hosts[host].programs[short]


def check_inside(folder: Path, path: str) -> None:
    """Raises: UsageError for a path that leads out of the folder, and does not say where it is on every machine."""
    if not os.path.isabs(path) and not Path(os.path.normpath(folder / path)).is_relative_to(folder):  # noqa: PTH117
        raise UsageError(
            f"send the lab's folder: a program of it is at {path}, outside of {folder}, which is all that travels; "
            "move it there, or give the full path that it has on the target"
        )


def within_bounds(folder: Path) -> Iterator[Path]:
    """What travels, folders before what they hold. Raises: UsageError where that is too much, OSError."""
    total = 0
    for files, path in enumerate(below(folder), 1):
        total += path.lstat().st_size
        if files > MOST_FILES or total > MOST_BYTES:
            raise UsageError(
                f"send the lab's folder: {folder} holds more than {MOST_FILES} files or {MOST_BYTES >> 20} MiB, and "
                "travels as a whole, as the lab starts programs; give the lab a folder of its own"
            )
        yield path


def below(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        is_folder = path.is_dir() and not path.is_symlink()
        if path.name in LEFT_OUT or (is_folder and (path / RECORD).exists()):
            continue
        if is_folder or path.is_file() or path.is_symlink():
            yield path
        if is_folder:
            yield from below(path)


def nobodys(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """The entry without its owner: whoever unpacks it owns it."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def unpack(folder: Path, read: Callable[[int], bytes]) -> None:
    """Put what is in the tar that `read` gives into the folder. Raises: OSError, tarfile.TarError.

    It comes from whoever has the lab's programs run here: there is nothing that it could not do by those.
    """
    with tarfile.open(fileobj=cast(Any, Stream(read)), mode="r|", bufsize=BLOCKS) as tar:
        trusted: dict[str, Any] = {"filter": "fully_trusted"} if hasattr(tarfile, "data_filter") else {}
        tar.extractall(folder, **trusted)


class Stream:
    """What tarfile takes for a file to write a stream to, or to read one from."""

    def __init__(self, does: Callable[..., Any]) -> None:
        self.write = self.read = does
