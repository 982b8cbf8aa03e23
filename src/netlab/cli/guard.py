"""Errors to messages and exit codes.

Rules: a NetlabError is a message on stderr, never a traceback. Anything else that is raised is a defect of netlab: the
message says so, the traceback goes to a file (or to stderr with NETLAB_DEBUG=1), and the verdict is unknown, not fail.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import typer

from netlab.cli import INTERRUPTED, streams
from netlab.errors import LabError, NetlabError, RecordError, UsageError

P = ParamSpec("P")

PASS, FAIL, MISTAKE, UNKNOWN = 0, 1, 2, 3


def guarded(function: Callable[P, int]) -> Callable[P, None]:
    """The command as Typer calls it: it ends with the exit code that `function` returned, or that its error has."""

    @wraps(function)
    def command(*args: P.args, **kwargs: P.kwargs) -> None:
        raise typer.Exit(_code(function, *args, **kwargs))

    command.__annotations__ = {**function.__annotations__, "return": None}
    return command


def _code(function: Callable[P, int], *args: P.args, **kwargs: P.kwargs) -> int:
    try:
        return function(*args, **kwargs)
    except LabError as error:
        streams.err(f"{error}\n")  # file:line:column first, so that editors find the place
        return MISTAKE
    except (UsageError, RecordError) as error:
        streams.err(f"netlab: {error}\n")
        return MISTAKE
    except NetlabError as error:
        streams.err(f"netlab: {error}\n")
        return UNKNOWN
    except OSError as error:
        streams.err(f"netlab: {error.filename or 'the system'}: {error.strerror or error}\n")
        return _debugged(UNKNOWN)
    except KeyboardInterrupt:
        streams.err("netlab: interrupted\n")
        return INTERRUPTED
    except Exception as error:
        streams.err(f"netlab: a defect of netlab, not of your lab: {type(error).__name__}: {error}\n")
        _keep_traceback()
        return UNKNOWN


def _debugged(code: int) -> int:
    if os.environ.get("NETLAB_DEBUG"):
        import traceback

        streams.err(traceback.format_exc())
    return code


def _keep_traceback() -> None:
    """Put the traceback where a report can take it from."""
    import tempfile
    import traceback

    if os.environ.get("NETLAB_DEBUG"):
        _debugged(UNKNOWN)
        return
    try:
        with tempfile.NamedTemporaryFile("w", prefix="netlab-defect-", suffix=".txt", delete=False) as file:
            file.write(traceback.format_exc())
        streams.err(f"the traceback is in {file.name}; please report it with that file\n")
    except OSError:  # nowhere to write: show it after all
        _debugged(UNKNOWN)
