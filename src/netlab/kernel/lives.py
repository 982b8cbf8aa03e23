"""One socket's life in the kernel's trace, and what of it is told.

Rules: pure. A Life lasts from the first event at a kernel address to tcp_destroy_sock there; the address is then used
again. Its cookie says whose it was (kernel/attribution).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from netlab.kernel.traceformat import Traced
from netlab.records import TCP_STATES, Address, ResetReceived, SocketState

__all__ = ["RIGHT_AFTER_NS", "Life", "received", "states"]

RIGHT_AFTER_NS = 100_000_000
"""From a reset's making to its taking on the same CPU. veth hands over within some 50 µs; but the CPU of a VM may be
taken away in between: 16 to 50 ms were seen (Linux 6.12 under QEMU's emulation, on a busy machine). A path that is
delayed for longer is left to the counters."""


@dataclass
class Life:
    """What one socket did, from its first event to its destruction."""

    events: list[Traced] = field(default_factory=list)
    cookie: int = 0
    ended: bool = False
    cpu: int = 0
    """The CPU it was destroyed on."""

    def tuples(self) -> set[tuple[Address, Address]]:
        """Every pair of ends it was seen with."""
        return {(event.local, event.remote) for event in self.events}

    def state(self) -> str | None:
        """The state it was last seen to enter."""
        changes = [event.new for event in self.events if event.name == "inet_sock_set_state"]
        return TCP_STATES.get(changes[-1]) if changes else None


def states(life: Life, host: str) -> list[SocketState]:
    """Its changes of state. One that came before the socket had both its ends (a connect's SYN-SENT has no port yet)
    gets them from the next event that has."""
    told = []
    ends: tuple[Address, Address] | None = None
    for event in reversed(life.events):
        whole = event.local.port != 0 and event.remote.port != 0
        ends = (event.local, event.remote) if whole else ends
        if event.name == "inet_sock_set_state":
            local, remote = ends or (event.local, event.remote)
            old, new = (TCP_STATES.get(number, f"state {number}") for number in (event.old, event.new))
            told.append(SocketState(event.time_ns, host, old, new, local, remote, life.cookie))
    return told[::-1]


def received(life: Life, host: str) -> Iterator[ResetReceived]:
    """RSTs it took. The kernel's own abort of a socket passes the same tracepoint, and then sends a reset for it."""
    for event in life.events:
        if event.name != "tcp_receive_reset":
            continue
        own = any(
            other.name == "tcp_send_reset" and 0 <= other.time_ns - event.time_ns < RIGHT_AFTER_NS
            for other in life.events
        )
        if not own:
            yield ResetReceived(event.time_ns, host, event.local, event.remote, life.cookie, event.cpu)
