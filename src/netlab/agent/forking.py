"""Forks a process of netlab that goes on in Python: a controller from the supervisor, an endpoint from a controller.

Rules: fork without exec, because the parent's interpreter is warm; so the parent must be single-threaded. The child
starts clean: default signal handling, no descriptor but its end of the channel and 0 to 2, no object of the parent
ever finalised (closing "its" descriptors would close ours). It dies with its parent and never returns into its code.
"""

# ruff: noqa: PTH208
from __future__ import annotations

import gc
import os
import signal
import socket
import traceback
from collections.abc import Callable

from netlab.agent import process


def fork(main: Callable[[socket.socket], int], name: str, keep: tuple[int, ...] = ()) -> tuple[int, socket.socket]:
    """Fork a child that runs `main` with its end of a socketpair; its process id and our end. Raises: OSError.

    `keep` are further descriptors that it gets.
    """
    ours, theirs = socket.socketpair()
    child = fork_deaf()
    if child == 0:
        _run(main, name, theirs, keep)
    theirs.close()
    return child, ours


def fork_deaf() -> int:
    """os.fork() with every signal blocked, in the child until `default_signals`. Raises: OSError.

    Python calls functions of its modules after a fork (`os.register_at_fork`) and passes over what they raise: the
    KeyboardInterrupt of a Ctrl-C that came in one of them would be lost.
    """
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    child = -1
    try:
        child = os.fork()
    finally:
        if child != 0:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    return child


def _run(main: Callable[[socket.socket], int], name: str, channel: socket.socket, keep: tuple[int, ...]) -> None:
    status = 1
    try:
        gc.freeze()
        signal.set_wakeup_fd(-1)  # the parent's event loop listens there, not ours
        default_signals()
        close_others({0, 1, 2, channel.fileno(), *keep})
        process.name_process(name)
        process.die_with_parent(channel.fileno())
        status = main(channel)
    except BaseException:  # a defect of netlab: its traceback goes to the supervisor's log
        traceback.print_exc()
    finally:
        os._exit(status)


def default_signals() -> None:
    """Every signal at its default and none blocked, as a program expects to find them. Source: signal(7)."""
    for number in signal.valid_signals():
        if signal.getsignal(number) not in (signal.SIG_DFL, None):
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())


def close_others(keep: set[int]) -> None:
    """Close every descriptor of this process but these."""
    listed = {int(fd) for fd in os.listdir("/proc/self/fd")}
    for fd in listed - keep:
        try:
            os.close(fd)
        except OSError:  # the descriptor that listed the directory
            continue


def exit_words(status: int) -> tuple[int | None, str | None]:
    """The exit status, or the name of the signal that ended a process, from its wait status."""
    if os.WIFSIGNALED(status):
        return None, signal_name(os.WTERMSIG(status))
    return os.WEXITSTATUS(status), None


def signal_name(number: int) -> str:
    """ "SIGKILL" for 9; real-time signals by their number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
