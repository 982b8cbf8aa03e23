"""The Python API: what `import netlab` exports. A client of the supervisor like the command line.

    record = netlab.run("half-open", variant="down")

    with netlab.open("basic") as lab:
        lab.do({"server": {"listen": 9000}})
        lab.do({"client": {"connect": "server:9000"}})
        lab.do({"unplug": "server.nic-a"})
        lab.look()["client"]                       # its socket table, now
    lab.record.verdict

    with netlab.target("microvm:") as there:       # another place, reached once
        there.run("half-open").verdict

Rules: one vocabulary: a step here is what it is in a lab file, checked by the same loader. A failed expectation is a
verdict in the record; only what could not be done is an exception.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from netlab import rundir
from netlab.catalogue.claim import Row, claiming, row
from netlab.catalogue.labs import select
from netlab.catalogue.outcome import Outcome
from netlab.catalogue.runner import JOBS
from netlab.errors import NetlabError, RecordError, UsageError
from netlab.judge import verdict
from netlab.lab import Lab, find, from_definition, load
from netlab.needs import probe_needs
from netlab.orchestrator import Run
from netlab.outputs import tabled
from netlab.progress import Progress
from netlab.records import Call, RunRecord, SocketTable
from netlab.remote import anywhere
from netlab.remote.near import There
from netlab.session import launch
from netlab.targets import Target, Tell, at

LabLike = Lab | str | Path | Mapping[str, Any]
"""A lab: loaded, by name, by path, or as the content of a lab file."""


def as_lab(lab: LabLike, variant: str | None = None, parameters: Mapping[str, Any] | None = None) -> Lab:
    """The lab that is meant. Raises: LabError, UsageError."""
    if isinstance(lab, Lab):
        if variant is not None or parameters:
            raise UsageError("run a loaded lab: variant and parameters are chosen when it is loaded, with netlab.load")
        return lab
    if isinstance(lab, Mapping):
        return from_definition(lab, variant, parameters)
    return load(find(str(lab)), variant, parameters)


def run(
    lab: LabLike,
    *,
    variant: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    progress: Progress | None = None,
    on: str | None = None,
) -> RunRecord:
    """Play a lab to its end and return its judged record; the run directory is `out`, or a new one below ./runs.

    `on` is the URL of a target (docs/targets.md). Without one the lab runs here, or where it can if this machine
    cannot; the progress is told so.
    Raises: LabError (the lab is wrong), UsageError (the call is), NeedError (this machine cannot), TargetError (the
    target cannot be reached, or was lost).
    """
    session = anywhere.early(on)
    try:
        chosen, folder = as_lab(lab, variant, parameters), Path(out) if out is not None else None
        return anywhere.run(chosen, folder, on=on, session=session, progress=progress)
    finally:
        if session is not None:
            session.end()


def target(url: str, tell: Tell = lambda text: None) -> OpenTarget:
    """A target to play labs on, one after the other: it is reached when the `with` begins, and let go of at its end.

    `tell` is told what is done meanwhile ("booting Linux 6.1"). Raises: UsageError (no such target).
    """
    return OpenTarget(at(url, tell))


class OpenTarget:
    """A target that is open between `__enter__` and `__exit__`."""

    def __init__(self, target: Target) -> None:
        self._there = There(target)

    def __enter__(self) -> OpenTarget:
        """Reach it. Raises: TargetError, NeedError (what is lacking for it), UsageError."""
        self._there.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._there.__exit__(*exception)

    def run(
        self,
        lab: LabLike,
        *,
        variant: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        out: str | Path | None = None,
        progress: Progress | None = None,
    ) -> RunRecord:
        """Play a lab there to its end and return its judged record. Raises: as `netlab.run`."""
        return self._there.run(as_lab(lab, variant, parameters), out, progress=progress)


def run_all(
    labs: Sequence[str | Path] = (),
    *,
    folders: Sequence[str | Path] = (),
    jobs: int | None = None,
    long: bool = False,
    out: str | Path | None = None,
    on: str | None = None,
) -> Generator[Outcome, None, None]:
    """Play labs (default: all there are, also in `folders`) in every variant, `jobs` at once; outcomes as they end.

    Those that take more than 10 s are played with `long` only. The run directories are made in `out`, or in a new one
    below ./runs. What one lab lacks, or breaks, is its own outcome. Closing the generator ends what still runs. On a
    target (`on`) labs are played one after the other.
    Raises: UsageError (no such lab, `out` is not empty), NeedError (this is not Linux).
    """
    with anywhere.runner(on, jobs or JOBS) as runner:
        chosen = select([str(lab) for lab in labs], folders, long=long)
        yield from chosen.broken
        yield from runner.play(chosen.labs, rundir.make(Path(out) if out is not None else None, "catalogue"))


def claims(
    labs: Sequence[str | Path] = (),
    *,
    folders: Sequence[str | Path] = (),
    jobs: int | None = None,
    long: bool = False,
    out: str | Path | None = None,
    on: str | None = None,
) -> Generator[Row, None, None]:
    """The catalogue of claims, a row as each lab that has one ends; everything else as `run_all` (docs/claims.md)."""
    with anywhere.runner(on, jobs or JOBS) as runner:
        chosen = claiming(select([str(lab) for lab in labs], folders, long=long))
        yield from map(row, chosen.broken)
        played = runner.play(chosen.labs, rundir.make(Path(out) if out is not None else None, "claims"))
        yield from map(row, played)


def judge_run(folder: str | Path) -> RunRecord:
    """Judge a saved run again, from its record.json alone; on any operating system, without privileges.

    Raises: RecordError where the record cannot be read.
    """
    return judge_anew(folder)[1]


def judge_anew(folder: str | Path) -> tuple[Lab, RunRecord]:
    """A saved run's lab, as it was played, and its record, judged again. Raises: as `judge_run`."""
    record = rundir.read_record(Path(folder))
    lab = from_definition(record.definition)
    return lab, tabled(verdict.judge(lab, record), lab.outputs)


def open(
    lab: LabLike,
    *,
    variant: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
) -> OpenLab:
    """A lab to be played step by step: its topology is built when the `with` begins, none of its steps is played.

    What is expected is what the steps that you play say; the lab's own `expect` and `outputs` are about its own steps.

    Raises: as `run`.
    """
    return OpenLab(as_lab(lab, variant, parameters), Path(out) if out is not None else None)


class OpenLab:
    """A lab that is alive between `__enter__` and `__exit__`; afterwards `record` is its judged record."""

    record: RunRecord

    def __init__(self, lab: Lab, out: Path | None = None) -> None:
        left = {key: value for key, value in lab.definition.items() if key not in ("expect", "outputs", "finding")}
        self.lab = from_definition({**left, "steps": []}, folder=lab.topology.folder)
        self.folder = out

    def __enter__(self) -> OpenLab:
        probe_needs(self.lab)
        self._session = launch()
        try:
            self.folder = rundir.make(self.folder, rundir.name(self.lab))
            self._run = Run(any_cable(self.lab), self._session, Progress())
            self._run.begin()
        except BaseException:
            self._session.end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self.folder is not None and self._session.alive:
                self._run.interrupted = None if kind is None else kind.__name__
                self.record = self._run.finish(self.lab, self.folder)
        finally:
            self._session.end()

    def do(self, step: Mapping[str, Any]) -> Call | None:
        """Play one step, written as in a lab file; returns what the call gave, where it was a call of an endpoint.

        Raises: LabError (the step is wrong), StepError (it could not be played).
        """
        steps: Sequence[Any] = self.lab.definition["steps"]
        self.lab = from_definition(
            {**self.lab.definition, "steps": [*steps, dict(step)]}, folder=self.lab.topology.folder
        )
        self._run.lab = self.lab
        planned = self.lab.steps[-1]
        self._run.request_play(planned)
        calls = [call for call in self._run.record().of(Call) if call.step == planned.index]
        return calls[-1] if calls else None

    def look(self) -> dict[str, SocketTable]:
        """Every host's TCP socket table, now."""
        self._session.request("observe")
        return {table.host: table for table in self._run.record().of(SocketTable)}


def any_cable(lab: Lab) -> Lab:
    """The lab with every NIC's cable built so that it can be impaired: which will be is not known yet."""
    return replace(lab, topology=replace(lab.topology, cables=tuple(lab.topology.nics())))


__all__ = [
    "LabLike",
    "NetlabError",
    "OpenLab",
    "OpenTarget",
    "RecordError",
    "claims",
    "judge_run",
    "open",
    "run",
    "run_all",
    "target",
]
