"""The near end: has a lab played on a target, and brings its run directory home.

    with There(at("ssh://host", tell)) as there:
        record = there.run(lab)

Rules: what comes home is what a run here would have left: record.json, capture.pcapng and logs are the far end's, files
of the lab's outputs are made here. The first Ctrl-C ends the run there in order, and its record comes home; a second
one hangs up. Whatever ends the conversation ends the run there.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from netlab import errors, rundir
from netlab.errors import KernelError, LabError, NetlabError, RecordError, TargetError
from netlab.progress import Progress
from netlab.remote import INTERRUPTED
from netlab.remote import folder as folders
from netlab.remote.home import Home
from netlab.remote.talk import Talk, printable

if TYPE_CHECKING:
    from netlab.lab import Lab
    from netlab.records import RunRecord
    from netlab.remote.frames import Frame
    from netlab.targets import Far, Target

__all__ = ["There", "run_there"]


def run_there(lab: Lab, target: Target, out: Path | None = None, progress: Progress | None = None) -> RunRecord:
    """Play one lab on a target that is not open yet. Raises: as `There.run`."""
    if lab.check_others is not None:
        lab.check_others()
    folder = rundir.make(out, rundir.name(lab))  # what is wrong with it is told before anything is booted
    try:
        with There(target) as there:
            return there.run(lab, folder, progress=progress)
    finally:
        Home(folder, target.url).abandon()


class There:
    """A target that is open: labs are played there one after the other, by one warm far end."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._talk: Talk | None = None

    def __enter__(self) -> There:
        """Reach it. Raises: TargetError, NeedError, UsageError."""
        self.target.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            self._hang_up()
        finally:
            self.target.__exit__(*exception)

    def run(self, lab: Lab, out: str | Path | None = None, *, progress: Progress | None = None) -> RunRecord:
        """Play a lab there, and return its judged record; the run directory is `out`, or a new one below ./runs.

        Raises: LabError, UsageError (the directory, the lab's folder), NeedError (that machine cannot), TargetError
        (it was lost, or is not netlab), NetlabError (a defect).
        """
        if lab.check_others is not None:
            lab.check_others()
        folder = rundir.make(Path(out) if out is not None else None, rundir.name(lab))
        home = Home(folder, self.target.url)
        watching = progress or Progress()
        try:
            self._play(lab, home, watching)
            record = rundir.read_record(folder)
        except RecordError as error:
            raise TargetError(f"bring the run home from {self.target.url}: {error}") from error
        finally:
            home.abandon()
        watching.saved(folder)
        for note in rundir.write_outputs(folder, record, lab.outputs):
            watching.noted(note)
        return record

    def _play(self, lab: Lab, home: Home, progress: Progress) -> None:
        """Send the lab, and take what comes until it is over. Raises: as `run`."""
        try:
            talk = self._talk = self._talk or Talk(self._started(), self.target.url)
            talk.say("run", {"definition": lab.definition, "target": self.target.url})
            folders.pack(lab, lambda piece: talk.say("piece", data=bytes(piece)))
            talk.say("sent")
            with interrupts(talk):
                answer = follow(talk, lab, home, progress)
            if answer.say == "ended":
                return home.over()
        except BaseException:
            self._hang_up()
            raise
        raise told(answer, self.target.url)

    def _started(self) -> Far:
        """A new far end; where the target was lost meanwhile, it is reached again. Raises: as `__enter__`."""
        try:
            return self.target.start()
        except TargetError:
            self.target.close()
            self.target.open()
            return self.target.start()

    def _hang_up(self) -> None:
        talk, self._talk = self._talk, None
        if talk is not None:
            talk.close()


def follow(talk: Talk, lab: Lab, home: Home, progress: Progress) -> Frame:
    """Take progress and files; what it ended with, `ended` or `error`. Raises: TargetError, KeyboardInterrupt."""
    while True:
        frame = talk.hear()
        if frame.say in ("ended", "error"):
            return frame
        if frame.say in ("file", "piece"):
            home.take(frame)
        else:
            pass_on(frame, lab, progress)


def pass_on(frame: Frame, lab: Lab, progress: Progress) -> None:
    """Tell the progress what the far end says of it; words that are none of it are passed over."""
    fields = frame.fields
    if frame.say == "started":
        progress.started(lab)
    elif frame.say == "phase":
        progress.phase(printable(str(fields.get("text"))))
    elif frame.say in ("step", "done"):
        index, took_ns, error = fields.get("index"), fields.get("took_ns", 0), fields.get("error")
        if type(index) is not int or type(took_ns) is not int or not 0 <= index < len(lab.steps):
            return
        if frame.say == "step":
            progress.step(lab.steps[index])
        else:
            progress.done(lab.steps[index], None if error is None else printable(str(error)), took_ns)


def told(answer: Frame, url: str) -> BaseException:
    """What the far end could not do, as the error it was there; it says where."""
    if answer.fields.get("type") == INTERRUPTED:
        return KeyboardInterrupt()
    error = errors.from_json(answer.fields)
    if isinstance(error, LabError):
        return error
    kind = NetlabError if isinstance(error, KernelError) else type(error)
    return kind(f"on {url.removesuffix(':')}: {printable(str(error))}")


@contextmanager
def interrupts(talk: Talk) -> Iterator[None]:
    """Send the first Ctrl-C to the far end, which then ends the run in order; a second one is raised here."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def first(number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        talk.interrupt()

    before = signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
