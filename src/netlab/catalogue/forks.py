"""The process that is warm: it has imported everything, and forks a process for each run.

    netlab ──exec──▶ netlab-warm ──fork──▶ netlab-run: the client of one run ──fork──▶ netlab-launch …
       └──────── a socket for each netlab-run: a lab in, an outcome out ────┘

    → b"f"     fork one                  ← b"r" with two descriptors: its socket, and its pidfd
    → the socket's end: everything ends

Rules: single-threaded, so that it may fork; it never touches what runs do. It ends when its client does, however that
happens, and every netlab-run with it (PR_SET_PDEATHSIG); each of those holds its launcher's lifeline. SIGINT is for
netlab-run alone, sent by the client: both have no terminal.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import pickle
import resource
import signal
import socket
import time
from dataclasses import replace
from pathlib import Path

from netlab import codec
from netlab.agent import forking, process, warm
from netlab.catalogue.outcome import Outcome, Problem, problem
from netlab.lab import Lab
from netlab.orchestrator import run_lab
from netlab.probes import Finding
from netlab.records import EVENT_KINDS, RunRecord
from netlab.session import Session, launch
from netlab.spec import Topology

FORK, FORKED = b"f", b"r"
MODULES = (
    "netlab.assemble",
    "netlab.judge.verdict",
    "netlab.agent.supervisor",
    "netlab.agent.controller",
    "netlab.agent.host",
    "netlab.agent.endpoint",
    "netlab.kernel.conntrack",
)


def main(channel: int) -> int:
    """Serve one client until it is gone."""
    process.name_process("netlab-warm")
    client = socket.socket(fileno=channel)
    get_ready()
    while client.recv(1) == FORK:
        reap()
        _, ours = child = forking.fork(play_one, "netlab-run")
        pidfd = os.pidfd_open(child[0])
        with contextlib.suppress(BrokenPipeError):  # the client is gone: the next recv says so
            socket.send_fds(client, [FORKED], [ours.fileno(), pidfd])
        ours.close()
        os.close(pidfd)
    return 0


def get_ready() -> None:
    """Import all that any run needs, and keep the garbage collector from touching it (its pages are shared)."""
    from netlab.agent import supervisor
    from netlab.expectations import EXPECTATIONS
    from netlab.faults import FAULTS
    from netlab.outputs import OUTPUTS
    from netlab.probes import PROBES
    from netlab.steps import STEPS

    for module in MODULES:
        importlib.import_module(module)
    for words in (STEPS, FAULTS, EXPECTATIONS, OUTPUTS, PROBES):
        words.all()  # which gives each class its word
    supervisor.get_ready()
    codec.prepare(RunRecord, Topology, *EVENT_KINDS.values(), *STEPS.all().values())
    gc.collect()
    gc.freeze()


def reap() -> None:
    """Wait for every child that has ended."""
    with contextlib.suppress(ChildProcessError):  # there is none at all
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


# --- netlab-run ---


def play_one(channel: socket.socket) -> int:
    """Play the lab that the client sends, and send what came of it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with channel.makefile("rb") as file:
        lab, folder, known = pickle.load(file)
    try:
        with launch(folder.parent, warm.start) as session:
            came_of_it = play(lab, folder, session, known)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
    except KeyboardInterrupt:  # between two things that would have ended in order
        came_of_it = Outcome(name=lab.name, lab=lab, problem=Problem("interrupted", "Ctrl-C ended it"))
    channel.sendall(pickle.dumps((replace(came_of_it, cpu_seconds=cpu_seconds()), known)))
    return 0


def cpu_seconds() -> float:
    """What this process and all that have ended below it have taken."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def play(lab: Lab, folder: Path, session: Session, known: dict[str, Finding]) -> Outcome:
    """Play one lab; nothing but Ctrl-C is raised. `known` gets what its probes find."""
    began = time.monotonic()
    try:
        record = run_lab(lab, folder, session=session, known=known)
    except Exception as error:
        return Outcome(name=lab.name, lab=lab, problem=problem(error), seconds=time.monotonic() - began)
    return Outcome(name=lab.name, lab=lab, record=record, folder=folder, seconds=time.monotonic() - began)
