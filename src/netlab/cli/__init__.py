"""The command line: `netlab run`, `claims`, `list`, `show`, `validate`, `judge`, `doctor`, `schema`, `new`, `vm`.

    __init__     main: the entry point; starts a run's supervisor before anything slow is imported
    app          the Typer application: every command and its options
    run labs     what the commands call
    many         many labs: `run --all`, `claims`; bar is their progress
    matrix       one lab on several kernels
    vm           `netlab vm`: the VM of vagrant:, for people who do not know Vagrant
    doctor saved
    arguments    options that several commands share, and what completes them
    guard        errors to messages and exit codes
    streams      stdout and stderr: one JSON document, any locale, closed pipes
    live         the progress of a run on stderr

Rules: no logic here, each command calls one function of netlab and shows what it returned. stdout carries the result
and nothing else; progress and messages go to stderr. Whatever takes time to import is imported inside the command that
needs it: `netlab --version`, help and completion load neither pydantic, ruamel.yaml, rich nor pyroute2.

Exit codes: 0 pass, 1 fail, 2 the user's mistake, 3 unknown (this machine cannot tell), 130 Ctrl-C.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from netlab.session import Session

__all__ = ["main"]

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Carry out a command line (default: that of this process) and exit with its code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    session = None
    code: Any = INTERRUPTED
    try:
        session = early_session(arguments)
        code = carry_out(arguments, session)
    except KeyboardInterrupt:  # while importing: no command was there yet to end in order
        code = INTERRUPTED
    finally:
        if session is not None:
            session.end()
    raise SystemExit(code)


def carry_out(arguments: list[str], session: Session | None) -> Any:
    """Hand the command line to Typer; the exit code it ends with."""
    if "_NETLAB_COMPLETE" in os.environ:
        # Typer would load rich on every Tab, for 100 ms, only to take markup away that our help does not have.
        sys.modules["rich"] = None  # type: ignore[assignment]
    from netlab.cli import streams

    streams.prepare()
    try:
        from netlab.cli.app import app

        app(arguments, prog_name="netlab", obj=session)
    except SystemExit as end:
        return end.code
    finally:
        streams.flush()
    return 0


def early_session(arguments: list[str]) -> Session | None:
    """The supervisor of a run, started while Typer and the lab's models are still being imported.

    None where this is no run here, or where starting fails: the command tries again, and there errors become messages.
    """
    options = {argument.partition("=")[0] for argument in arguments}
    if arguments[:1] != ["run"] or len(arguments) == 1 or {"--help", "-h", "--all", "--on", "--kernel"} & options:
        return None
    from netlab.errors import NetlabError
    from netlab.session import launch

    try:
        return launch()
    except (NetlabError, OSError):
        return None
