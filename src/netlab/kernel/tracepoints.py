"""The kernel's TCP tracepoints: which socket changed its state, made an RST, took one, or was destroyed.

Rules: the `format` files (kernel/traceformat) are read through a tracefs that is mounted nowhere (a detached mount,
known to one descriptor only) and closed before the first event: no mount, no tracing instance, nothing to clean up.
Events are of the whole machine and carry addresses but no namespace: `Traced` is raw material that
`netlab.kernel.attribution` must sort before anybody sees it.

Source: include/trace/events/tcp.h, include/trace/events/sock.h; fsopen(2), fsmount(2) (Linux 5.2).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import select
import sys
import time
from collections.abc import Iterator

from netlab.errors import NeedError, errno_name
from netlab.kernel import perf
from netlab.kernel.traceformat import Format, Traced, decoder, parse_format

__all__ = ["EVENTS", "Tracepoints", "formats"]

EVENTS = ("tcp/tcp_send_reset", "tcp/tcp_receive_reset", "sock/inet_sock_set_state", "tcp/tcp_destroy_sock")

_FSOPEN, _FSCONFIG, _FSMOUNT = 430, 431, 432  # the same number on every architecture
_FSOPEN_CLOEXEC, _FSCONFIG_CMD_CREATE, _FSMOUNT_CLOEXEC, _MOUNT_ATTR_RDONLY = 1, 6, 1, 1
_libc = ctypes.CDLL(None, use_errno=True)


def _syscall(what: str, number: int, *arguments: object) -> int:
    answer: int = _libc.syscall(ctypes.c_long(number), *arguments)
    if answer < 0:
        raise OSError(ctypes.get_errno(), what)
    return answer


@contextlib.contextmanager
def _tracefs() -> Iterator[int]:
    """A directory descriptor of a tracefs that is attached to no mount tree; where that is refused, the host's own."""
    with contextlib.ExitStack() as open_:

        def keep(descriptor: int) -> int:
            open_.callback(os.close, descriptor)
            return descriptor

        try:
            made = keep(_syscall("fsopen tracefs", _FSOPEN, b"tracefs", _FSOPEN_CLOEXEC))
            _syscall("create tracefs", _FSCONFIG, made, _FSCONFIG_CMD_CREATE, None, None, 0)
            place = keep(_syscall("mount tracefs", _FSMOUNT, made, _FSMOUNT_CLOEXEC, _MOUNT_ATTR_RDONLY))
        except OSError as refused:
            try:
                place = keep(os.open("/sys/kernel/tracing", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
                os.close(os.open("events", os.O_PATH | os.O_DIRECTORY, dir_fd=place))
            except OSError:
                raise refused from None
        yield place


def formats() -> tuple[Format, ...]:
    """The formats of EVENTS in this kernel. Raises: NeedError, saying what is missing."""
    try:
        with _tracefs() as place:
            return tuple(_read_format(place, event) for event in EVENTS)
    except OSError as error:
        raise NeedError(f"tracepoints: {_refusal('read tracefs', error)}") from error


def _read_format(place: int, event: str) -> Format:
    try:
        descriptor = os.open(f"events/{event}/format", os.O_RDONLY | os.O_CLOEXEC, dir_fd=place)
    except FileNotFoundError:
        raise NeedError(f"tracepoints: this kernel has no {event.replace('/', ':')}") from None
    with os.fdopen(descriptor, encoding="ascii") as file:
        return parse_format(file.read())


def _refusal(attempt: str, error: OSError) -> str:
    hints = {
        "EPERM": "run as root (a container needs CAP_SYS_ADMIN and CAP_PERFMON)",
        "EACCES": "run as root, or allow it with kernel.perf_event_paranoid = -1",
        "ENODEV": "this kernel has no tracefs",
        "ENOSYS": "this kernel, or the container's seccomp filter, has no such call",
        "EMFILE": "raise the limit of open files (ulimit -n)",
    }
    name = errno_name(error.errno or 0)
    return f"{attempt}: {name}" + (f"; {hints[name]}" if name in hints else "")


def make_room(descriptors: int) -> None:
    """Raise this process's soft limit of open files by so many, as far as the hard limit lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY:
        wanted = soft + descriptors
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard)
        )


class Tracepoints:
    """EVENTS on every CPU, recording from construction until `stop`.

    Raises: NeedError, saying in one line what this machine does not allow.
    """

    def __init__(self) -> None:
        layouts = formats()
        self._decoders = {layout.id: decoder(layout) for layout in layouts}
        # sctp and mptcp sockets change their states through the same tracepoint
        filters = {layout.id: "protocol == 6" for layout in layouts if "protocol" in layout.fields}
        self.cpus = perf.online_cpus()
        self.poller = select.epoll()
        self._rings: list[perf.Ring] = []
        self._held: list[Traced] = []
        self.tells_reasons = any("reason" in layout.symbols for layout in layouts)
        try:
            make_room(len(self.cpus) * len(EVENTS))
            for cpu in self.cpus:
                ring = perf.Ring(cpu, list(self._decoders), filters, perf.ring_pages(len(self.cpus)))
                self._rings.append(ring)
                self.poller.register(ring.fileno(), select.EPOLLIN)
            for ring in self._rings:
                ring.enable()
        except OSError as error:
            self.close()
            raise NeedError(f"tracepoints: {_refusal('perf_event_open', error)}") from error

    def drain(self) -> list[Traced]:
        """The events since the last drain, over all CPUs in the order of time.

        What happened within the last millisecond waits for the next drain: while one ring is read, an earlier event
        may still be on its way into another.
        """
        settled_ns = time.monotonic_ns() - 10**6
        events = self._read()
        self._held = [event for event in events if event.time_ns > settled_ns]
        return [event for event in events if event.time_ns <= settled_ns]

    def _read(self) -> list[Traced]:
        events = self._held
        for ring in self._rings:
            for stamp, raw in ring.read():
                decode = self._decoders.get(int.from_bytes(raw[:2], sys.byteorder))
                if decode is not None:
                    events.append(decode(stamp, ring.cpu, raw))
        events.sort(key=lambda event: event.time_ns)
        return events

    def stop(self) -> list[Traced]:
        """Record nothing any more; the events that were not drained yet."""
        for ring in self._rings:
            ring.disable()
        return self._read()

    def lost(self) -> int:
        """How many events the kernel could not hand over since the start."""
        return sum(ring.lost() for ring in self._rings)

    def withheld(self) -> int:
        """How many events the kernel counted and kept to itself; asked after `stop`."""
        return sum(ring.withheld() for ring in self._rings)

    def missed_cpus(self) -> set[int]:
        """CPUs that came online after the start: nothing that happened on them was seen."""
        return set(perf.online_cpus()) - set(self.cpus)

    def close(self) -> None:
        """Free every ring and descriptor."""
        for ring in self._rings:
            ring.close()
        self._rings = []
        self.poller.close()
