"""`netlab run`: play a lab, show its timeline and verdict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from netlab.cli import INTERRUPTED, streams
from netlab.cli.guard import FAIL, PASS, UNKNOWN
from netlab.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netlab.outputs import Report
    from netlab.records import RunRecord
    from netlab.session import Session


def run(
    name: str,
    folders: list[Path],
    *,
    on: str | None,
    out: Path | None,
    settings: list[str],
    variant: str | None,
    keep_open: bool,
    json: bool,
    session: Session | None,
) -> int:
    """Play the lab; the exit code is its verdict's."""
    from netlab.remote import anywhere

    session = session or anywhere.early(on)  # before anything slow is imported: it gets ready meanwhile
    try:
        from netlab import lab

        loaded = lab.load(lab.find(name, folders), variant, parameters(settings), at_once=True)
        from netlab.cli.live import watcher

        watching = watcher()
        try:
            record = anywhere.run(loaded, out, on=on, session=session, keep_open=keep_open, progress=watching)
        finally:
            watching.over()
        show(record, json, loaded.outputs)
        if watching.directory is not None and not json:
            streams.out(f"\n{watching.directory}/ holds record.json and capture.pcapng\n")
        for note in watching.notes:
            (streams.err if json else streams.out)(f"{note}\n")
        streams.flush()
    finally:
        if session is not None:
            session.end()
    return INTERRUPTED if record.interrupted else exit_code(record)


def check_all(lab: str | None, all_: bool, variant: str | None, settings: list[str] | None, keep_open: bool) -> None:
    """Raises: UsageError where neither one lab nor all are meant, or what belongs to one is asked of all."""
    if not all_:
        raise UsageError("run: which lab? give its name (see `netlab list`), or --all")
    given = {lab or "": bool(lab), "--variant": bool(variant), "--set": bool(settings), "--keep-open": keep_open}
    odd = [name for name, there in given.items() if there]
    if odd:
        raise UsageError(f"run --all {' '.join(odd)}: --all plays every lab as it is; leave out the one or the other")


def check_kernels(lab: str | None, all_: bool, on: str | None, keep_open: bool) -> None:
    """Raises: UsageError where --kernel, which plays one lab in microVMs, stands beside what it excludes."""
    if all_ or lab is None:
        raise UsageError("run --kernel: which lab? give its name (see `netlab list`); --all plays on one kernel")
    odd = [option for option, there in {f"--on {on}": on is not None, "--keep-open": keep_open}.items() if there]
    if odd:
        raise UsageError(f"run --kernel {' '.join(odd)}: --kernel plays the lab in microVMs; leave out the other")


def parameters(settings: list[str]) -> dict[str, str]:
    """KEY=VALUE texts as a mapping. Raises: UsageError."""
    pairs = [setting.partition("=") for setting in settings]
    for key, sign, _ in pairs:
        if not (key and sign):
            raise UsageError(f"--set {key}{sign}: not KEY=VALUE; write --set how=down")
    return {key: value for key, _, value in pairs}


def show(record: RunRecord, json: bool, reports: Sequence[Report]) -> None:
    """The run on stdout: as JSON, or as timeline, reports, checks and verdict."""
    if json:
        from netlab.outputs.json import Json

        Json().write(record, streams.out)
    else:
        from netlab.outputs.terminal import Terminal

        streams.lines(Terminal(reports).lines(record))


def exit_code(record: RunRecord) -> int:
    """0 for pass, 1 for fail, 3 for unknown."""
    return {"pass": PASS, "fail": FAIL, "unknown": UNKNOWN}[record.verdict.value]
