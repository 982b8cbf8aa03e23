"""wait: until something can be observed, with a deadline. A lab waits for conditions, never for time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from netlab.errors import StepError
from netlab.fields import STRICT
from netlab.judge.tables import Asked, State, Timers, plain
from netlab.judge.tracking import AskedEntry
from netlab.spec import DEFAULT_WITHIN, Ref
from netlab.steps import Planned, Step, doc
from netlab.steps._segments import SegmentSeen, seen
from netlab.units import Duration

if TYPE_CHECKING:
    from netlab.agent.ground import Ground
    from netlab.records import SocketInfo, Tracked

OF_SOCKETS = ("peer", "port", "timer", "least", "most")
"""The fields that say more of `socket`."""
ANY_ADDRESS = ("0.0.0.0", "::")


@dataclass(frozen=True, kw_only=True)
class OutputSeen:
    """A line that a program has written since it was started."""

    program: Annotated[str, Ref("program")] = doc("The program: host.program.")
    line: str = doc("A regular expression that finds it.")
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT


@dataclass(frozen=True, kw_only=True)
class Wait(Step):
    """Wait for one of six conditions: `socket` (with `host`), `listening`, `segment`, `output`, `exit` or `conntrack`.

    It may be true already; if it is not by the deadline, the step fails and says what was seen last.
    """

    example = "- wait: {host: server, peer: client, socket: none, within: 5s}"

    host: Annotated[str, Ref("host")] | None = doc("For `socket`: whose socket table.", default=None)
    peer: Annotated[str, Ref("host")] | None = doc("For `socket`: only connections to this host.", default=None)
    port: int | None = doc("For `socket`: only sockets with this port at either end.", default=None)
    socket: State | None = doc(
        "A socket of the host is in this state; none: no connection is left (a listener is none).", default=None
    )
    timer: Timers | None = doc(
        "For `socket`: the timer that it must run, as sock_diag tells it (of several: any); none: no timer.",
        default=None,
    )
    least: Duration | None = doc("With `timer`: it has at least this long to run.", default=None)
    most: Duration | None = doc("With `timer`: it has at most this long to run.", default=None)
    listening: Annotated[str, Ref("address")] | None = doc("Somebody listens there: server:9000.", default=None)
    segment: SegmentSeen | None = doc("A segment was seen on the wire.", default=None)
    output: OutputSeen | None = doc("A program has written a line.", default=None)
    exit: Annotated[str, Ref("endpoint")] | None = doc("This endpoint or program has ended.", default=None)
    conntrack: AskedEntry | None = doc("An entry of a router's connection tracking table is so.", default=None)
    within: Duration = doc("How long it may take.", default=DEFAULT_WITHIN)

    def __post_init__(self) -> None:
        conditions = ("socket", "listening", "segment", "output", "exit", "conntrack")
        given = [name for name in conditions if getattr(self, name) is not None]
        if len(given) != 1:
            found = ", ".join(given) or "none"
            raise ValueError(f"wait takes one condition, found {found}; give one of {', '.join(conditions)}")
        if (self.socket is None) != (self.host is None):
            raise ValueError("host and socket belong together; give both: {host: server, socket: none}")
        if self.socket is None and any(getattr(self, name) is not None for name in OF_SOCKETS):
            raise ValueError(f"{', '.join(OF_SOCKETS)} belong to `socket`; give host and socket, too")
        _ = self.asked

    @property
    def asked(self) -> Asked:
        """For `socket`: what one of them must be."""
        return Asked(self.socket or "none", self.timer, self.least, self.most)

    async def run(self, ground: Ground, planned: Planned) -> None:
        if self.segment is not None:
            await seen(ground, self.segment, self.within)
        elif self.socket is not None:
            await self.wait_for_socket(ground)
        elif self.listening is not None:
            await self.wait_for_listener(ground)
        elif self.output is not None:
            await self.wait_for_output(ground, self.output)
        elif self.exit is not None:
            name, handle = self.exit, ground.controller(self.exit.partition(".")[0])
            await ground.until(lambda: name in handle.exits, self.within, f"{name} to end")
        elif self.conntrack is not None:
            await self.wait_for_entry(ground, self.conntrack)

    async def wait_for_socket(self, ground: Ground) -> None:
        rows: list[SocketInfo] = []

        def probe() -> bool:
            rows[:] = self.rows(ground)
            return self.asked.holds(rows)

        to = f" to {self.peer}" if self.peer else ""
        what = "have no connection" if self.socket == "none" else f"have a socket in {self.asked}"
        try:
            await ground.until(probe, self.within, f"{self.host} to {what}{to}")
        except StepError as late:
            last = self.asked.shown(rows) if rows else "no socket"
            raise StepError(f"{late}; last seen: {last}") from None

    async def wait_for_entry(self, ground: Ground, asked: AskedEntry) -> None:
        from netlab.kernel import conntrack

        entries: list[Tracked] = []

        def probe() -> bool:
            entries[:] = conntrack.table(ground.built.hosts[asked.host])
            return asked.holds(entries)

        what = "forget the connection" if asked.state == "none" else f"track a connection in {asked}"
        try:
            await ground.until(probe, self.within, f"{asked.host} to {what}")
        except StepError as late:
            raise StepError(f"{late}; last seen: {asked.shown(entries)}") from None
        finally:
            ground.look_tracked([asked.host])

    def rows(self, ground: Ground) -> list[SocketInfo]:
        """The host's sockets that count, as they are now."""
        from netlab.kernel import sockets

        return [
            row
            for row in sockets.table(ground.built.hosts[self.host or ""])
            if (row.state == "LISTEN") == (self.socket == "LISTEN")
            and (self.peer is None or row.state == "LISTEN" or self.peer in peers_of(ground, row))
            and (self.port is None or self.port in (row.local.port, row.remote.port))
        ]

    async def wait_for_listener(self, ground: Ground) -> None:
        from netlab.kernel import sockets

        address = self.listening or ""
        ip, port = ground.resolve(address, "")
        host = ground.owners.get(ip)
        if host is None:
            raise StepError(f"wait for a listener on {address}: no host of the lab has {ip}; name a host")
        found: list[SocketInfo] = []

        def probe() -> bool:
            found[:] = sockets.table(ground.built.hosts[host], ["LISTEN"])
            return any(row.local.port == port and row.local.ip in (ip, *ANY_ADDRESS) for row in found)

        try:
            await ground.until(probe, self.within, f"a listener on {address}")
        except StepError as late:
            last = ", ".join(str(row.local) for row in found) or "no port"
            raise StepError(f"{late}; {host} listens on {last}") from None

    async def wait_for_output(self, ground: Ground, wanted: OutputSeen) -> None:
        handle = ground.controller(wanted.program.partition(".")[0])
        pattern = re.compile(wanted.line)
        read = 0

        def probe() -> bool:
            nonlocal read
            fresh = handle.lines_after(wanted.program, read)
            read = handle.written[wanted.program]
            return any(map(pattern.search, fresh))

        try:
            await ground.until(probe, self.within, f"{wanted.program} to write {wanted.line!r}")
        except StepError as late:
            last = handle.outputs[wanted.program]
            said = f"its last line was {last[-1].line!r}" if last else "it wrote nothing"
            raise StepError(f"{late}; {said}") from None


def peers_of(ground: Ground, row: SocketInfo) -> tuple[str | None, str | None]:
    """The host that owns the address at the other end, and the one that a NAT lent it to."""
    return ground.owners.get(plain(row.remote.ip)), ground.faces.get(row.remote)
