"""Tries a thing in a child process that is thrown away, so that nothing of it can stay.

    finding = in_child(try_it)            one trial, and its finding
    examine([A, B, C])                    many probes side by side, each in a child of its own

Rules: the child makes system calls and ends by os._exit; the kernel frees whatever it made. It dies with its parent,
and of an alarm when the thing it tries hangs. Where there is no fork there are no children: the trial says that this is
no Linux.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable, Sequence

from netlab.errors import KernelError, NeedError, errno_name
from netlab.probes import Finding, Probe

SECONDS = 20
"""A trial that takes longer hangs. The slowest takes half a second, and all of them side by side in a VM without
hardware acceleration eight."""
BUSY = "ask again when this machine is less busy"

NOT_LINUX = Finding(
    "no",
    f"this is {sys.platform}, not Linux",
    "run labs on a Linux machine (--on ssh://HOST) or in a VM (--on vagrant:); list, show, validate, judge and schema "
    "work here",
)


class Trial:
    """One function under trial in a child; `finding` waits for what it found."""

    def __init__(self, function: Callable[[], Finding]) -> None:
        self._answer, write_end = os.pipe()
        alive, self._lifeline = os.pipe()
        with warnings.catch_warnings():
            # Python 3.12 warns of fork beside threads, whose locks stay locked in the child. This child waits for none
            # but an import's, and if it ever hangs there, the alarm ends it.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._child = os.fork()
        if self._child == 0:
            os.close(self._lifeline)
            _attempt(function, write_end, alive)
        os.close(write_end)
        os.close(alive)

    def finding(self) -> Finding:
        """What the child found. Never raises for a lack of the machine."""
        with os.fdopen(self._answer, "rb") as answer:
            data = answer.read()
        os.close(self._lifeline)
        _, status = os.waitpid(self._child, 0)
        if not data:
            code = os.waitstatus_to_exitcode(status)
            return Finding("unknown", f"the trial ended without an answer ({_ending(code)})", BUSY)
        return Finding(**json.loads(data))


def in_child(function: Callable[[], Finding]) -> Finding:
    """What `function` finds in a child process of its own."""
    return Trial(function).finding() if sys.platform.startswith("linux") and hasattr(os, "fork") else NOT_LINUX


def examine(probes: Sequence[type[Probe]]) -> list[tuple[type[Probe], Finding]]:
    """Every probe with what it found, tried side by side."""
    if in_child(lambda: Finding("yes", "")).status != "yes":
        return [(probe, probe().probe()) for probe in probes]
    _preload()
    trials = [(probe, Trial(probe().probe)) for probe in probes]
    return [(probe, trial.finding()) for probe, trial in trials]


def enter(flags: int) -> None:
    """Move this child into fresh namespaces, as a run would: with a user namespace only where it takes one.

    Raises: OSError.
    """
    from netlab.agent import process

    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        try:
            process.unshare(flags, "make namespaces as root")
            return
        except PermissionError:  # root of a container without CAP_SYS_ADMIN
            pass
    process.unshare(process.CLONE_NEWUSER | flags, "make a user namespace")
    process.map_own_user(uid, gid)


def why(error: Exception) -> str:
    """The error in a few words: "EPERM (make a user namespace: Operation not permitted)"."""
    if isinstance(error, OSError) and error.errno:
        return f"{errno_name(error.errno)} ({error.strerror})"
    return str(error)


def sysctl(name: str) -> str | None:
    """The value of /proc/sys/NAME; None where this kernel has no such switch."""
    try:
        with open(f"/proc/sys/{name}") as file:  # noqa: PTH123
            return file.read().strip()
    except OSError:
        return None


def _attempt(function: Callable[[], Finding], write_end: int, alive: int) -> None:
    """The child's whole life."""
    try:
        import signal

        from netlab.agent import process

        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(SECONDS)
        process.die_with_parent(alive)
        os.write(write_end, json.dumps(vars(_found(function))).encode())
    finally:
        os._exit(0)


def _found(function: Callable[[], Finding]) -> Finding:
    try:
        return function()
    except (OSError, KernelError, NeedError) as error:
        return Finding("no", why(error))
    except Exception as error:
        return Finding("unknown", f"the trial failed: {type(error).__name__}: {error}")


def _ending(code: int) -> str:
    return f"status {code}" if code >= 0 else f"signal {-code}"


def _preload() -> None:
    """Import once, before the children are forked, what most of them need."""
    try:
        import netlab.agent.process
        import netlab.kernel.namespaces  # noqa: F401
    except (ImportError, AttributeError, OSError):  # each child says for itself what is missing
        return
