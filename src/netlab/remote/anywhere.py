"""Plays a lab wherever it can be played: what `netlab run` and `netlab.run` do.

Rules: where it is this very machine, nothing of targets is imported.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from netlab.errors import UsageError
from netlab.progress import Progress
from netlab.remote import choice
from netlab.session import launch

if TYPE_CHECKING:
    from netlab.catalogue.runner import Runner
    from netlab.lab import Lab
    from netlab.probes import Finding
    from netlab.records import RunRecord
    from netlab.remote import many
    from netlab.session import Session
    from netlab.targets import Tell

__all__ = ["early", "run", "runner"]


def early(on: str | None) -> Session | None:
    """A supervisor that gets ready while the caller loads the lab; None where the lab surely runs elsewhere."""
    return launch() if on is None and choice.linux(sys.platform) else None


def run(
    lab: Lab,
    out: Path | None = None,
    *,
    on: str | None = None,
    session: Session | None = None,
    keep_open: bool = False,
    progress: Progress | None = None,
) -> RunRecord:
    """Play a lab on a target, or in the place that suits it; `session` is what `early` gave.

    Raises: as `orchestrator.run_lab` and `There.run`.
    """
    watching = progress or Progress()
    known: dict[str, Finding] = {}
    place = choice.choose(on, sys.platform, lab.needs, lambda: netem(known), microvm)
    if place is choice.HERE:
        from netlab.orchestrator import run_lab

        return run_lab(lab, out, session=session, keep_open=keep_open, progress=watching, known=known)
    if session is not None:
        session.end()
    if keep_open:
        raise UsageError(f"--keep-open on {place.url}: a lab is kept open only where you can look in; run netlab there")
    from netlab.remote.near import run_there
    from netlab.targets import at

    if place.why:
        watching.reaching(place.why)
    return run_there(lab, at(place.url, watching.reaching), out, watching)


def runner(on: str | None, jobs: int, tell: Tell = lambda text: None) -> Runner | many.Runner:
    """What plays many labs: `jobs` at once here, or one after the other on a target. Raises: UsageError, NeedError."""
    place = choice.choose(on, sys.platform, (), lambda: netem({}), microvm)
    if place is choice.HERE:
        from netlab.catalogue.runner import Runner

        return Runner(jobs)
    from netlab.remote import many
    from netlab.targets import at

    if place.why:
        tell(place.why)
    return many.Runner(at(place.url, tell))


def netem(known: dict[str, Finding]) -> Finding:
    """Whether this kernel impairs links; `known` has it afterwards."""
    from netlab.probes import PROBES

    return known.setdefault(choice.NETEM, PROBES[choice.NETEM]().probe())


def microvm() -> Finding:
    """Whether a microVM can be booted here."""
    from netlab.targets import microvm

    return microvm.available()
