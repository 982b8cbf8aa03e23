"""The processes of a host: all that run in its network namespace, whoever started them.

Rules: found through /proc by the namespace they are in, so that what a program daemonised is found too. The controller
itself is never among them. Process ids are those of this PID namespace even where /proc shows an outer one (a
container may forbid mounting a new /proc): a wrong id could name a stranger.
Source: proc_pid_status(5) for State, PPid, NSpid and NSsid; pid_namespaces(7).
"""

# ruff: noqa: PTH115, PTH123, PTH208
from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from netlab.errors import StepError

GONE_OR_STILL = "TtZX"
STOP_WITHIN_NS = 10**9
POLL_S = 0.0002


@dataclass(frozen=True)
class Process:
    """One row of /proc."""

    entry: int
    """Its number in /proc."""
    parent: int
    """Its parent's number in /proc."""
    pid: int
    """Its id in this PID namespace."""
    session: int
    state: str


def of_this_host() -> list[Process]:
    """Every process in this process's network namespace but this one."""
    here, myself = os.readlink("/proc/self/ns/net"), os.readlink("/proc/self")
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and entry != myself:
            try:
                if os.readlink(f"/proc/{entry}/ns/net") == here:
                    found.append(_read(entry))
            except (FileNotFoundError, ProcessLookupError, PermissionError):  # it ended meanwhile, or is not ours
                continue
    return found


def _read(entry: str) -> Process:
    with open(f"/proc/{entry}/status") as file:
        rows = dict(line.split(":", 1) for line in file if ":" in line)
    return Process(
        int(entry),
        int(rows["PPid"]),
        int(rows["NSpid"].split()[-1]),
        int(rows["NSsid"].split()[-1]),
        rows["State"].split()[0],
    )


def descended(processes: list[Process], root: int) -> list[Process]:
    """The process with id `root`, its session and all their descendants."""
    family = {process.entry for process in processes if root in (process.pid, process.session)}
    while more := {process.entry for process in processes if process.parent in family} - family:
        family |= more
    return [process for process in processes if process.entry in family]


def signal_all(find: Callable[[], set[int]], number: int) -> set[int]:
    """Send a signal to all processes that `find` names; their ids.

    After SIGKILL and SIGSTOP it looks again, for those that were forked meanwhile, until there are none: a process
    that such a signal has reached forks no more (kernel/fork.c:copy_process() looks for one last of all).
    Raises: StepError where one does not stand still.
    """
    reached: set[int] = set()
    while new := find() - reached:
        for pid in new:
            signal_if_there(pid, number)
        if number == signal.SIGSTOP:
            stand_still(new)
        reached |= new
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            break
    return reached


def signal_if_there(pid: int, number: int) -> None:
    """kill(2), unless the process has ended by itself."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def stand_still(pids: set[int]) -> None:
    """Return when these processes, sent SIGSTOP, have stopped or ended. Raises: StepError after a second."""
    deadline = time.monotonic_ns() + STOP_WITHIN_NS
    while moving := {p.pid for p in of_this_host() if p.pid in pids and p.state not in GONE_OR_STILL}:
        if time.monotonic_ns() > deadline:
            raise StepError(f"stop processes {sorted(moving)}: they do not stand still; is their disk or NFS hanging?")
        time.sleep(POLL_S)
