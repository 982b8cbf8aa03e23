"""Plays a lab over a session, and makes its record.

    build ─▶ play each step, stop at the first that fails ─▶ close ─▶ assemble ─▶ judge ─▶ write

Rules: this is a client like any other; nothing here touches the kernel. Ctrl-C ends the run in order: faults are
healed, what was recorded is written, `record.interrupted` says so. A step's own verdict is asked at once, only to know
whether to go on; the verdicts that count are made from the whole record.
"""

from __future__ import annotations

import os
import platform
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netlab import __version__, addresses, codec, rundir
from netlab.errors import NeedError, NetlabError
from netlab.needs import probe_needs
from netlab.progress import Progress
from netlab.records import Environment, Event, RunRecord, Trouble, Verdict, event_from_json, rebase
from netlab.session import Session, launch

if TYPE_CHECKING:
    from netlab.lab import Lab
    from netlab.probes import Finding
    from netlab.steps import Planned


def run_lab(
    lab: Lab,
    out: Path | None = None,
    *,
    session: Session | None = None,
    keep_open: bool = False,
    progress: Progress | None = None,
    known: dict[str, Finding] | None = None,
    target: str = "",
) -> RunRecord:
    """Play a lab, judge it, and leave record.json, capture.pcapng and logs in a run directory.

    `out` is the run directory itself (default: a new one below ./runs); `session` one launched before, whose end is
    the caller's: the record is returned while the kernel still frees what the run held.
    With `keep_open` a failed step leaves the topology alive until `progress.held` returns. `known` holds what probes
    found already, and gets what they find now. `target` is what this machine is called by whoever has it play: that is
    recorded, and the files of the lab's outputs are left to be written there.
    Raises: UsageError (the directory), NeedError (this machine cannot), NetlabError (a defect).
    """
    if session is None:
        with launch() as own:
            return run_lab(lab, out, session=own, keep_open=keep_open, progress=progress, known=known, target=target)
    folder = rundir.make(out, rundir.name(lab))
    run = Run(lab, session, progress or Progress(), target)
    try:
        probe_needs(lab, known)
        run.play(keep_open)
    except NetlabError:  # nothing was played that would belong into it
        folder.rmdir()
        raise
    return run.finish(lab, folder)


class Run:
    """One lab being played over one session."""

    def __init__(self, lab: Lab, session: Session, progress: Progress, target: str = "") -> None:
        self.lab = lab
        self.session = session
        self.progress = progress
        self.target = target
        self.origin_ns = time.monotonic_ns()
        self.started = datetime.now(UTC).isoformat()
        self.interrupted: str | None = None
        self.built: dict[str, Any] = {}
        self.end: dict[str, Any] = {}
        self.events: list[Event] = []
        session.on_event = lambda raw: self.events.append(rebase(event_from_json(raw), self.origin_ns))

    def play(self, keep_open: bool) -> None:
        """Build, and play every step up to the first that fails; Ctrl-C ends it early."""
        with interrupts(self.session):
            try:
                self.begin()
                if self.play_steps() and keep_open:
                    self.progress.held(self.how_to_look_inside())
            except KeyboardInterrupt:
                self.interrupted = "Ctrl-C"

    def begin(self) -> None:
        """Build the topology and have the witnesses live; what can be done meanwhile is.

        Raises: LabError for a mistake in a variant that is not played, KernelError.
        """
        self.progress.started(self.lab)
        self.progress.phase("building")
        acting = dict.fromkeys(planned.actor for planned in self.lab.steps if planned.actor)
        words = dict.fromkeys(planned.word for planned in self.lab.steps)
        building = self.session.send(
            "build", topology=codec.encode(self.lab.topology), acting=list(acting), words=list(words)
        )
        if self.lab.check_others is not None:
            self.lab.check_others()
        warm_up()
        self.built = self.session.answer(building)

    def finish(self, lab: Lab, folder: Path) -> RunRecord:
        """End the run, judge its record as a run of `lab`, and write the run directory.

        The kernel frees the run's processes meanwhile (tracepoints take 150 ms); `Session.end` waits for the rest.
        """
        self.end = self.session.close(heal=self.interrupted is not None)
        self.progress.phase("judging")
        from netlab import assemble
        from netlab.judge import verdict
        from netlab.outputs import tabled

        owners = addresses.owners(lab.topology)
        with rundir.whole(folder / rundir.CAPTURE) as capture:
            record = assemble.assemble(self.record(), self.session.spool, owners, capture)
        record = tabled(verdict.judge(lab, record), lab.outputs)
        rundir.write_record(folder, record)
        rundir.write_logs(folder, record)
        self.progress.saved(folder)
        for note in rundir.write_outputs(folder, record, () if self.target else lab.outputs):
            self.progress.noted(note)
        return record

    def play_steps(self) -> bool:
        """Play the steps in order; True where one failed, which is the last one played."""
        for planned in self.lab.steps:
            self.progress.step(planned)
            start = time.monotonic_ns()
            error = self.play_step(planned)
            self.progress.done(planned, error, time.monotonic_ns() - start)
            if error is not None:
                return True
        return False

    def play_step(self, planned: Planned) -> str | None:
        """Play one step; why it failed, if it did."""
        try:
            self.request_play(planned)
        except NeedError:
            raise
        except NetlabError as error:
            return str(error)
        if planned.background or planned.kind not in ("action", "step"):
            return None
        checks = planned.doing.judge(planned, self.record(Trouble(self.origin_ns, "wire", "it is read after the run")))
        failed = [check for check in checks if check.verdict is Verdict.FAIL]
        return failed[0].explanation or failed[0].seen if failed else None

    def request_play(self, planned: Planned) -> None:
        """Have the supervisor play a step. Raises: StepError, KernelError as the supervisor answers."""
        self.session.request("play", step=codec.encode(planned))

    def record(self, *troubles: Trouble) -> RunRecord:
        """What was observed so far, without the wire."""
        return RunRecord(
            lab=self.lab.name,
            variant=self.lab.variant,
            verdict=Verdict.UNKNOWN,
            sentence="",
            environment=self.environment(),
            definition=self.lab.definition,
            parameters=self.lab.parameters,
            events=(*self.events, *troubles),
            duration_ns=self.end.get("ended_ns", self.origin_ns) - self.origin_ns,
            interrupted=self.interrupted,
        )

    def environment(self) -> Environment:
        return Environment(
            kernel=os.uname().release,
            machine=platform.machine(),
            python=platform.python_version(),
            netlab=__version__,
            rootless=self.built.get("rootless", True),
            witnesses=self.built.get("witnesses", {}),
            started=self.started,
            cpus=os.cpu_count() or 0,
            baseline=self.built.get("baseline", {}),
            origin_ns=self.origin_ns,
            target=self.target,
        )

    def how_to_look_inside(self) -> str:
        """A command for each host that opens a shell in it."""
        answer = self.session.request("inside")
        user = "--user --preserve-credentials " if self.built.get("rootless") else ""
        lines = [
            f"  {host}: nsenter --target {outer_pid(self.session, pid)} {user}--net --mount"
            for host, pid in answer["controllers"].items()
        ]
        return "The lab is still there. Look inside from another terminal:\n" + "\n".join(lines)


def warm_up() -> None:
    """Import what the end of a run needs while the supervisor builds."""
    from netlab import assemble
    from netlab.judge import verdict
    from netlab.outputs import terminal

    assert assemble and verdict and terminal


def outer_pid(session: Session, inner: int) -> int:
    """The process id here of a process of the run's PID namespace. Source: proc(5), NSpid in /proc/PID/status."""
    launcher = Path(f"/proc/{session.launcher_pid}/task/{session.launcher_pid}/children")
    waiting = [int(pid) for pid in launcher.read_text().split()]
    while waiting:
        pid = waiting.pop()
        status = Path(f"/proc/{pid}/status").read_text()
        ids = next(line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:"))
        if int(ids[-1]) == inner:
            return pid
        waiting += [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    raise NetlabError(f"find process {inner} of the run from outside: it is gone")


@contextmanager
def interrupts(session: Session) -> Iterator[None]:
    """Turn the first Ctrl-C into an orderly end: nothing that was observed is lost. A second one ends at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def first(number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        session.interrupt()

    before = signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
