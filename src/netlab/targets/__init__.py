"""Targets: where a lab runs, one kind a file, named by a URL: `local:`, `microvm:/boot/vmlinuz-6.1`, `ssh://user@host`.

        open() ──▶ start() ──▶ Far: a far end of netlab, spoken to over its standard streams ──▶ close()

Rules: a target only reaches a machine and starts netlab's far end there (`python -m netlab.remote.far`, without
arguments); what is said over its streams is the same for all (netlab/remote). A lab, its faults and its judge know
nothing of targets. When the client dies, in whatever way, the far end's standard input ends, and with it the run.
These modules import nothing slow: paramiko is imported here only, inside the methods that need it.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, Protocol

from netlab.errors import UsageError
from netlab.registry import Registry

__all__ = ["TARGETS", "Far", "Target", "Tell", "at", "far_command"]

Tell = Callable[[str], None]
"""Told what is done meanwhile: "booting Linux 6.1.0-56 (software emulation)"."""


class Stdin(Protocol):
    """Where the far end is written to."""

    def write(self, data: bytes, /) -> int | None:
        """Write from the front of these bytes, unbuffered; how many were taken (None: all). Raises: OSError."""
        ...

    def close(self) -> None:
        """End the far end's standard input."""
        ...


class Stdout(Protocol):
    """Where the far end is read from."""

    def read(self, size: int, /) -> bytes | None:
        """What there is, at most `size` bytes; blocks until there is something, b"" at the end. Raises: OSError."""
        ...


class Far(Protocol):
    """A far end that was started: a process of netlab on the target.

    `stdin` is written by one thread and `stdout` read by another; `close` may be called while both are blocked, and
    unblocks them.
    """

    @property
    def stdin(self) -> Stdin:
        """Written by us. Closing it ends the run there."""
        ...

    @property
    def stdout(self) -> Stdout:
        """Read by us: what netlab/remote says."""
        ...

    def said(self) -> str:
        """What it wrote on stderr so far: shown where it failed."""
        ...

    def wait(self) -> int:
        """Its exit status, once it has ended. Raises: TargetError where the connection broke."""
        ...

    def close(self) -> None:
        """Let go of it; what still runs there ends."""
        ...


class Target(ABC):
    """One place where labs run. Use as a context manager."""

    word: ClassVar[str]
    """Its scheme: the file's name."""
    form: ClassVar[str]
    """How its URL is written, for messages: "ssh://[user@]host[:port]"."""

    def __init__(self, url: str, tell: Tell) -> None:
        """Raises: UsageError for a URL that is not of `form`. Nothing is reached yet."""
        self.url = url
        self.tell = tell

    @abstractmethod
    def open(self) -> None:
        """Reach it: boot, connect, bring netlab there. Raises: TargetError, NeedError (with the remedy), UsageError."""

    @abstractmethod
    def start(self) -> Far:
        """Start a far end; several may follow each other while it is open. Raises: TargetError."""

    @abstractmethod
    def close(self) -> None:
        """Let go of it: nothing of ours is left there but what is cached by version. May be called at any time."""

    def __enter__(self) -> Target:
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


TARGETS: Registry[Target] = Registry("netlab.targets", Target)


def at(url: str, tell: Tell = lambda text: None) -> Target:
    """The target that a URL names; nothing is reached yet. Raises: UsageError."""
    word, colon, _ = url.partition(":")
    if not colon or word not in TARGETS:
        forms = ", ".join(target.form for target in TARGETS.all().values())
        raise UsageError(f"--on {url}: no such target; there are {forms}")
    return TARGETS[word](url, tell)


def far_command() -> list[str]:
    """The far end's command line where this very netlab is seen under the same paths, by the same Python."""
    return [
        sys.executable,
        "-c",
        f"import sys; sys.path[:] = {sys.path!r}; from netlab.remote import far; sys.exit(far.main())",
    ]
