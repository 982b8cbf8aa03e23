"""Forks a run's launcher from a process that has everything imported already: no interpreter starts for the run.

Rules: for a single-threaded parent only, as all forks here. The forked launcher is what an executed one is: a session
of its own, default signals, no descriptor but 0 to 2 and the three it is given. It hears of its parent's death by the
lifeline, like the other; so its copy of the lifeline's other end is closed before it does anything.
"""

from __future__ import annotations

import gc
import os
import signal
import traceback

from netlab.agent import forking, launcher


class Forked:
    """A forked launcher, as its parent sees it (netlab.session.Launcher)."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit status, None while it lives; -9 where SIGKILL ended it."""
        return self._wait(os.WNOHANG)

    def wait(self) -> int:
        """Wait for its end; its exit status."""
        code = self._wait(0)
        assert code is not None
        return code

    def _wait(self, options: int) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, options)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


def start(descriptors: tuple[int, int, int], log: int) -> Forked:
    """Fork a launcher with its descriptors (control, lifeline, spool); `log` takes its stdout and stderr.

    Raises: OSError.
    """
    pid = forking.fork_deaf()
    if pid == 0:
        _run(descriptors, log)
    return Forked(pid)


def _run(descriptors: tuple[int, int, int], log: int) -> None:
    status = 125
    try:
        gc.freeze()
        os.setsid()
        # A Ctrl-C that came to the group before it was left is the parent's; to ignore it drops it. Source:
        # kernel/signal.c:do_sigaction.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        forking.default_signals()
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, stream in enumerate((nothing, log, log)):
            os.dup2(stream, number)
        forking.close_others({0, 1, 2, *descriptors})
        status = launcher.main(*descriptors)
    except BaseException:  # a defect of netlab: its traceback goes to the log
        traceback.print_exc()
    finally:
        os._exit(status)
