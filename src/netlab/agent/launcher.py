"""The launcher: makes the run's namespaces, starts the supervisor in them, and sees to its death.

    main(CONTROL, LIFELINE, SPOOL)        three inherited descriptors, see netlab.session

Rules: it does nothing but wait. When the client's end of the lifeline closes (the client died, however), it kills the
supervisor at once; when it is killed itself, the kernel kills the supervisor (PR_SET_PDEATHSIG). The supervisor is PID
1 of a PID namespace, so with it goes every process of the run, and with those every namespace.
As root there is no user namespace; without root (or without CAP_SYS_ADMIN) there is one, with a single user mapped.
"""

from __future__ import annotations

import errno
import os
import select
import signal

from netlab.agent import process

NAMESPACES = (
    process.CLONE_NEWNS | process.CLONE_NEWPID | process.CLONE_NEWNET | process.CLONE_NEWUTS | process.CLONE_NEWIPC
)


def main(control: int, lifeline: int, spool: int) -> int:
    """Run one supervisor to its end; the exit status is its own, 137 where it was killed, 125 where none started."""
    process.name_process("netlab-launch")
    try:
        rootless = enter_namespaces()
    except OSError as error:
        os.write(control, _refusal(error))
        return 125
    parent, alive = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(alive)
        os.close(lifeline)
        process.die_with_parent(parent)
        from netlab.agent import supervisor

        os._exit(supervisor.main(control, spool, rootless))
    os.close(parent)
    os.close(control)
    os.close(spool)
    return wait(child, lifeline)


def enter_namespaces() -> bool:
    """Unshare everything; True where that took a user namespace. Raises: OSError."""
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        try:
            process.unshare(NAMESPACES, "make namespaces as root")
            return False
        except OSError as error:
            if error.errno != errno.EPERM:
                raise
    process.unshare(process.CLONE_NEWUSER | NAMESPACES, "make a user namespace")
    process.map_own_user(uid, gid)
    return True


def wait(child: int, lifeline: int) -> int:
    """Wait for the supervisor's end; kill it when the lifeline closes."""
    pidfd = os.pidfd_open(child)
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    poll.register(lifeline, select.POLLIN)
    if pidfd not in {fd for fd, _ in poll.poll()}:
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _refusal(error: OSError) -> bytes:
    import json

    why = f"{error.strerror or error}; `netlab doctor` says what this machine lacks and how to get it"
    return json.dumps({"event": {"kind": "refused", "text": why}}).encode() + b"\n"
