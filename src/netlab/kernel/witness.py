"""The kernel's witness: what this run's sockets went through, as the kernel itself traced it.

Rules: it starts before the first step and finishes after the last socket was destroyed. Without the rights for
tracepoints it says so and keeps silent; the socket table and the counters (kernel/sockets, kernel/counters) are the
supervisor's to read and remain. It shows nothing that is not this run's (kernel/attribution says how that is told),
and whatever it missed it reports as Trouble. It holds descriptors only.

Source: perf_event_open(2); net/core/sock_diag.c (sock_diag_broadcast_destroy).
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from netlab.errors import KernelError, NeedError
from netlab.kernel import counters, sockets
from netlab.kernel.attribution import Attribution
from netlab.kernel.tracepoints import Tracepoints, make_room
from netlab.records import NO_REASONS, Event, SocketTable, Trouble

if TYPE_CHECKING:
    from netlab.kernel.namespaces import Namespace

__all__ = ["KernelWitness"]

SO_COOKIE = 57
NEWS_WITHIN_S = 0.25
"""How long `finish` waits for the kernel to tell of sockets destroyed; on an idle CPU it takes some 20 µs."""


class KernelWitness:
    """start, poll now and then (or whenever `fileno` is readable), finish."""

    def __init__(self) -> None:
        self._trace: Tracepoints | None = None
        self._attribution = Attribution({})
        self._namespaces: dict[str, Namespace] = {}
        self._destroyed: dict[int, tuple[str, sockets.Destroyed]] = {}
        self._made_before: dict[str, int] = {}
        self._started_ns = 0

    def start(self, namespaces: dict[str, Namespace], owners: dict[str, str]) -> str:
        """Watch these hosts from now on; `owners` says whose each address is. "full", or what is missing and why.

        Raises: nothing for what the machine does not allow.
        """
        self._namespaces = namespaces
        self._started_ns = time.monotonic_ns()
        self._attribution = Attribution(owners)
        try:
            make_room(len(namespaces))
            self._trace = Tracepoints()
            for host, namespace in namespaces.items():
                self._listen(host, namespace, self._trace.poller)
                self._made_before[host] = counters.resets_sent(namespace)
        except (NeedError, KernelError, OSError) as lack:
            self.close()
            return f"socket table and counters only: {lack}"
        if not self._trace.tells_reasons:
            return f"{NO_REASONS}; what is certain follows from the counters and the socket table"
        return "full"

    def fileno(self) -> int:
        """Readable when there is something to poll; -1 without tracepoints."""
        return self._trace.poller.fileno() if self._trace is not None else -1

    def claim(self, host: str, cookies: Iterable[int]) -> None:
        """These sockets (SO_COOKIE) are this host's. Most are found without; this helps for one that never ends."""
        self._attribution.claim(host, cookies)

    def saw(self, table: SocketTable) -> None:
        """A host's socket table was read: its sockets are the host's. A good moment to poll, too.

        What lives is claimed at once, not only when it is destroyed: of that the kernel may not tell (perf.withheld).
        """
        self.poll()
        self._attribution.claim_alive({table.host: list(table.sockets)})

    def poll(self) -> None:
        """Take what has gathered, so that no buffer overflows."""
        if self._trace is not None:
            self._hear(0)
            self._attribution.add(self._trace.drain())

    def finish(self) -> list[Event]:
        """This run's events by time, absolute CLOCK_MONOTONIC. Frees everything; a second call gives nothing.

        Call it when the endpoints are killed and the orphans destroyed: a socket that still lives is told only where no
        other on this machine has the same ends and state.
        """
        if self._trace is None:
            return []
        self.poll()
        disputed = self._attribution.disputed_hosts()
        before = self._made(disputed)
        self._attribution.add(self._trace.stop())
        after = self._made(disputed)
        self._await_news()
        unclear = self._look_at_the_living()
        made = {host: count for host, count in after.items() if before.get(host) == count}
        events = self._attribution.settle(made if not self._trace.lost() else {})
        events += self._troubles(unclear)
        self.close()
        return events

    def close(self) -> None:
        """Free everything.

        The tracepoints go in a thread of their own: the kernel waits a grace period (36 ms) for each of the four, and a
        process that ends meanwhile only waits for the rest of it.
        """
        for _, listener in self._destroyed.values():
            listener.close()
        self._destroyed = {}
        if self._trace is not None:
            threading.Thread(target=self._trace.close, name="free tracepoints", daemon=True).start()
            self._trace = None

    # --- whose sockets ---

    def _listen(self, host: str, namespace: Namespace, poller: select.epoll) -> None:
        listener = sockets.Destroyed(namespace)
        self._destroyed[listener.fileno()] = (host, listener)
        poller.register(listener.fileno(), select.EPOLLIN)

    def _hear(self, seconds: float) -> set[int]:
        """The cookies of this run's sockets that were destroyed, once there are any, or none within this time."""
        assert self._trace is not None
        heard: set[int] = set()
        for descriptor, _ in self._trace.poller.poll(seconds, maxevents=len(self._destroyed) + len(self._trace.cpus)):
            if descriptor in self._destroyed:
                host, listener = self._destroyed[descriptor]
                cookies = listener.read()
                self._attribution.claim(host, cookies)
                heard.update(cookies)
        return heard

    def _await_news(self) -> None:
        """Have the kernel tell of every socket that it destroyed and nobody claimed yet.

        It tells from a queue of the CPU that freed the socket, in order: a socket made and closed on that CPU is told
        of after them.
        """
        cpus = {life.cpu for life in self._attribution.unclaimed()}
        if not cpus or not self._namespaces:
            return
        last = {self._last_word(cpu) for cpu in cpus}
        deadline = time.monotonic() + NEWS_WITHIN_S
        while last and time.monotonic() < deadline:
            last -= self._hear(max(0.0, deadline - time.monotonic()))

    def _last_word(self, cpu: int) -> int:
        """The cookie of a socket that was made and closed on this CPU (on any, where pinning is refused)."""
        home = os.sched_getaffinity(0)
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, {cpu})
        try:
            with next(iter(self._namespaces.values())).socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
                return int(struct.unpack("=Q", sock.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8))[0])
        finally:
            with contextlib.suppress(OSError):
                os.sched_setaffinity(0, home)

    def _look_at_the_living(self) -> int:
        """Claim what is still alive; how many of them stay unknown. Tables are read only where something can be."""
        ends = [event for life in self._attribution.alive() for event in life.events[-1:]]
        hosts = {self._attribution.owners.get(event.local.ip, "") for event in ends}
        if any(event.local.ip in ("0.0.0.0", "::", "127.0.0.1", "::1") for event in ends):
            hosts |= set(self._namespaces)
        tables = {}
        for host in hosts & set(self._namespaces):
            with contextlib.suppress(KernelError):  # what cannot be looked at stays unclaimed, and so unsaid
                tables[host] = sockets.table(self._namespaces[host])
        return self._attribution.claim_alive(tables)

    def _made(self, hosts: set[str]) -> dict[str, int]:
        """How many RSTs each host made since the start, as far as that can be read."""
        made = {}
        for host in hosts & set(self._namespaces):
            with contextlib.suppress(KernelError, OSError):  # a host without a count has no certain resets
                made[host] = counters.resets_sent(self._namespaces[host]) - self._made_before[host]
        return made

    def _troubles(self, unclear: int) -> list[Event]:
        """What was missed. It may have been missed at any time: all of the run is in doubt from its start."""
        assert self._trace is not None
        lost, missed, forgotten = self._trace.lost(), self._trace.missed_cpus(), self._attribution.forgotten
        overrun = [host for host, listener in self._destroyed.values() if listener.overrun]
        withheld = self._trace.withheld()
        whats = {
            f"{withheld} tracepoint events were counted and not delivered, as happens on an idle CPU: changes of state "
            "may be missing; tables and counters have them": withheld,
            f"{lost} tracepoint events were lost: this machine's TCP was busier than the buffer is large": lost,
            f"CPUs {sorted(missed)} came online during the run: what happened on them was not seen": missed,
            f"destroyed sockets of {', '.join(overrun)} were not all told: their events are missing": overrun,
            f"{unclear} sockets were still open at the end, and another run's looked the same: not told": unclear,
            f"{forgotten} resets were forgotten: there were too many on this machine": forgotten,
        }
        return [Trouble(self._started_ns, "kernel", what) for what, happened in whats.items() if happened]
