"""Every error that netlab raises on purpose.

    NetlabError
    ├── LabError        a lab file (or a request against a lab) is wrong: the user's mistake, exit 2
    ├── UsageError      a command or an API call is wrong: the user's mistake, exit 2
    ├── NeedError       this machine lacks something the lab needs: exit 3
    ├── TargetError     a target (`--on`) could not be reached, or was lost in the middle: exit 3
    ├── KernelError     the kernel refused an operation
    ├── StepError       a step could not be played (its deadline passed, its endpoint was gone)
    ├── RecordError     a saved run cannot be read
    └── CleanupError    something of a run may be left behind

Rules: the message reads "attempt: what happened; what to do". A failed expectation is a Verdict, never an
exception. Nothing here imports anything heavy.
"""

from __future__ import annotations

import errno
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = [
    "CleanupError",
    "KernelError",
    "LabError",
    "Mistake",
    "NeedError",
    "NetlabError",
    "RecordError",
    "StepError",
    "TargetError",
    "UsageError",
    "errno_name",
    "from_json",
    "to_json",
]


def errno_name(number: int) -> str:
    """The name of an errno (104 gives "ECONNRESET"), or "errno 4242" for one that has none here."""
    return errno.errorcode.get(number, f"errno {number}")


class NetlabError(Exception):
    """Whatever netlab reports instead of a traceback."""


class UsageError(NetlabError):
    """A command or an API call that cannot be carried out as asked."""


@dataclass(frozen=True, order=True)
class Mistake:
    """One mistake in a lab file: line and column count from 1, `allowed` says what would be right.

    Line 0: the lab was not read from a file, and `wrong` begins with the path of the value instead.
    """

    line: int
    column: int
    wrong: str
    allowed: str = ""

    def text(self, file: str) -> str:
        """`file:line:column: what is wrong; what is allowed`, always one line."""
        tail = f"; {self.allowed}" if self.allowed else ""
        place = f"{file}:{self.line}:{self.column}" if self.line else file
        return f"{place}: {self.wrong}{tail}".replace("\n", " ")


class LabError(NetlabError):
    """One or more mistakes in one lab file, all of them at once."""

    def __init__(self, file: str, mistakes: list[Mistake]) -> None:
        self.file = file
        self.mistakes = sorted(set(mistakes))
        super().__init__("\n".join(mistake.text(file) for mistake in self.mistakes))


class NeedError(NetlabError):
    """This machine cannot do what the lab needs: the verdict is unknown, and the message says why."""


class TargetError(NetlabError):
    """A place to run labs could not be reached, or was lost in the middle: the verdict is unknown."""


@dataclass
class KernelError(NetlabError):
    """The kernel refused an operation: which one, in which namespace, on which interface, with which errno."""

    operation: str
    namespace: str = ""
    interface: str = ""
    errno: int = 0
    hint: str = field(default="")

    def __str__(self) -> str:
        where = f" in {self.namespace}" if self.namespace else ""
        what = f" on {self.interface}" if self.interface else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.operation}{what}{where}: {errno_name(self.errno)}{hint}"


class StepError(NetlabError):
    """A step could not be played."""


class RecordError(NetlabError):
    """A saved run cannot be read."""


class CleanupError(NetlabError):
    """Something of a run may be left behind; the message names it."""


def to_json(error: NetlabError) -> dict[str, Any]:
    """An error as JSON values, for another process; `from_json` makes the same one of them."""
    own: dict[str, Any] = {}
    if isinstance(error, LabError):
        own = {"file": error.file, "mistakes": [asdict(mistake) for mistake in error.mistakes]}
    elif isinstance(error, KernelError):
        own = asdict(error)
    return {"type": type(error).__name__, "text": str(error), **own}


def from_json(answer: dict[str, Any], otherwise: type[NetlabError] = NetlabError) -> NetlabError:
    """The error that another process told; as `otherwise` where it cannot be one of its own class."""
    kind = globals().get(str(answer.get("type")))
    text = str(answer.get("text"))
    if not isinstance(kind, type) or not issubclass(kind, NetlabError):
        return otherwise(text)
    try:
        if kind is LabError:
            return LabError(str(answer["file"]), [Mistake(**mistake) for mistake in answer["mistakes"]])
        if kind is KernelError:
            return KernelError(**{name: answer[name] for name in KernelError.__dataclass_fields__})
    except (KeyError, TypeError):  # it was told as a text only
        return otherwise(text)
    return kind(text)
