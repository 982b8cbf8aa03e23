"""The run directory: what a run leaves on disk, and where.

    record.json        the record (docs/record.md)
    capture.pcapng     every frame of every NIC and switch port, steps and faults as packet comments
    logs/NAME.stdout   what a program wrote, and .stderr
    logs/NAME.calls    what an endpoint did, call by call, and how it ended
    (others)           what the lab's `outputs` make of the record: detection.png

Rules: a run never writes into a directory that holds anything; each file appears whole or not at all.
"""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from netlab.codec import CodecError
from netlab.errors import NetlabError, RecordError, UsageError
from netlab.records import Call, Exit, Output, RunRecord, record_from_json, record_to_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from netlab.lab import Lab
    from netlab.outputs import Report

RECORD, CAPTURE, LOGS = "record.json", "capture.pcapng", "logs"


def name(lab: Lab) -> str:
    """What a lab's run directories are called, before their time: "half-open-down"."""
    return f"{lab.name}-{lab.variant}" if lab.variant else lab.name


def make(out: Path | None, name: str) -> Path:
    """The run directory `out` itself, or a new one below ./runs. Raises: UsageError, also where it is not empty."""
    try:
        return _make_given(out) if out is not None else _make_new(Path("runs"), name)
    except OSError as error:
        place = out or Path("runs")
        raise UsageError(f"make the run directory {place}: {error.strerror}; give another with --out DIR") from error


def _make_given(out: Path) -> Path:
    out.mkdir(parents=True, exist_ok=True)
    if any(out.iterdir()):
        raise UsageError(f"run into {out}: it is not empty; give an empty or new directory, nothing is overwritten")
    return out


def _make_new(runs: Path, name: str) -> Path:
    runs.mkdir(exist_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    tries = [runs / f"{name}-{stamp}", *(runs / f"{name}-{stamp}-{number}" for number in range(2, 10_000))]
    for folder in tries:
        try:
            folder.mkdir()
            return folder
        except FileExistsError:  # another run in the same second: take the next name
            continue
    raise UsageError(f"make a run directory below {runs}: all names of this second are taken; give one with --out DIR")


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Another path to write to, which becomes `path` when all is written; where that fails, nothing stays.

    Raises: NetlabError.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        yield part
        part.replace(path)
    except OSError as error:
        raise NetlabError(f"write {path}: {error.strerror}; make room, or give another place with --out DIR") from error
    finally:
        part.unlink(missing_ok=True)


def write_record(folder: Path, record: RunRecord) -> None:
    """Write record.json. Raises: NetlabError."""
    write_text(folder / RECORD, json.dumps(record_to_json(record), indent=1, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a file, whole or not at all. Raises: NetlabError."""
    with whole(path) as part:
        part.write_text(text, encoding="utf-8")


def write_logs(folder: Path, record: RunRecord) -> None:
    """Write what each program wrote, a file for each of its streams, and what each endpoint did, call by call."""
    texts: dict[str, list[str]] = {}
    for output in record.of(Output):
        texts.setdefault(f"{output.endpoint}.{output.stream}", []).append(output.line)
    for call in record.of(Call):
        texts.setdefault(f"{call.endpoint}.calls", []).append(call_line(call))
    for end in record.of(Exit):
        how = end.signal or f"status {end.status}"
        texts.setdefault(f"{end.endpoint}.calls", []).append(f"{end.time_ns / 1e9:.6f} ended: {how}")
    if texts:
        (folder / LOGS).mkdir()
    for name, lines in texts.items():
        write_text(folder / LOGS / name, "\n".join(lines) + "\n")


def write_outputs(folder: Path, record: RunRecord, reports: Sequence[Report]) -> list[str]:
    """Write the files of the lab's outputs; a line for each that says so, or why there is none and what to do."""
    return [note for report in reports for note in report.save(record, folder)]


def call_line(call: Call) -> str:
    """A call in one line: when it began and how long it took (in s), its socket, and what it gave."""
    outcome = call.signal or call.error or "success"
    result = "".join(f" {name}={json.dumps(value)}" for name, value in call.result.items())
    took_s = (call.end_ns - call.time_ns) / 1e9
    return f"{call.time_ns / 1e9:.6f} +{took_s:.6f} {call.call} {call.socket or '-'}: {outcome}{result}"


def read_record(place: Path) -> RunRecord:
    """The record of a run directory (or of a record.json given itself).

    Raises: RecordError, saying what is wrong with it.
    """
    file = place / RECORD if place.is_dir() else place
    try:
        return record_from_json(json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise RecordError(f"read {file}: no such file; give the directory of a run, it holds a {RECORD}") from None
    except OSError as error:
        raise RecordError(f"read {file}: {error.strerror}; give the directory of a run") from error
    except (CodecError, ValueError, RecursionError, AttributeError, TypeError) as error:
        raise RecordError(f"read {file}: it is no record of netlab ({error}); was it changed, or cut short?") from error
