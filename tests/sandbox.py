"""Runs a test's function in a forked child inside fresh namespaces, as root or as an ordinary user.

The child has its own user (without root), mount, network and PID-less world, so that whatever it makes is gone when
it ends. What the function raises is raised again in the test, with the child's traceback in the message.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def enter() -> None:
    """Move this process into a fresh mount and network namespace (and user namespace, where it is not root)."""
    uid, gid = os.getuid(), os.getgid()
    flags = CLONE_NEWNS | CLONE_NEWNET | (CLONE_NEWUSER if uid else 0)
    if _libc.unshare(flags):
        raise OSError(ctypes.get_errno(), "unshare")
    if uid:
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
            Path(f"/proc/self/{name}").write_text(text)


def sandboxed(function: Callable[[], T], seconds: int = 60) -> T:
    """What `function` returns when it runs in namespaces of its own; its exception becomes an AssertionError."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.alarm(seconds)
        os.close(read_end)
        try:
            enter()
            answer = (True, function())
        except BaseException:  # the test process raises it again
            answer = (False, traceback.format_exc())
        with os.fdopen(write_end, "wb") as pipe:
            pickle.dump(answer, pipe)
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        data = pipe.read()
    _, status = os.waitpid(child, 0)
    assert data, f"the sandboxed child ended without an answer: wait status {status}"
    good, answer = pickle.loads(data)
    assert good, f"in the sandbox:\n{answer}"
    return answer  # type: ignore[no-any-return]
