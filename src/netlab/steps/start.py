"""start: a program of the lab is run."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from netlab.errors import StepError
from netlab.spec import Ref
from netlab.steps import Planned, Step, doc

if TYPE_CHECKING:
    from netlab.agent.ground import Ground
    from netlab.records import Exit

LAST_LINES = 5


@dataclass(frozen=True, kw_only=True)
class Start(Step):
    """Run a program of a host; done when it is ready, as its `ready` says.

    With `connection_of`, as in `start: {program: server.md5sum, connection_of: server}`, its standard input and output
    are a connection that an endpoint of the host had, and has no more from then on: so inetd runs a service. What it
    writes on standard error is still recorded, and how it ends.
    """

    shorthand = "program"
    example = "- start: server.web"

    program: Annotated[str, Ref("program")] = doc("The program: host.program.")
    connection_of: Annotated[str, Ref("endpoint")] | None = doc(
        "The endpoint that gives it a connection; no call on it may be under way. Default: it gets none.", default=None
    )
    socket: Annotated[str, Ref("socket")] | None = doc("Which connection. Default: its only one.", default=None)

    def __post_init__(self) -> None:
        if self.socket is not None and self.connection_of is None:
            raise ValueError("`socket` names a connection; say with `connection_of` whose")
        host, giver = self.program.partition(".")[0], self.connection_of
        if giver is not None and giver.partition(".")[0] != host:
            raise ValueError(f"{giver} is on another host than {self.program}; name an endpoint of {host}")

    async def run(self, ground: Ground, planned: Planned) -> None:
        host, _, short = self.program.partition(".")
        given = {"endpoint": self.connection_of, "socket": self.socket}
        await ground.ask(host, "start", program=short, step=planned.index, **given)
        ready = ground.topology.hosts[host].programs[short].ready
        if ready is None:
            return
        is_ready = (
            self.port_probe(ground, ready.port) if ready.port is not None else self.line_probe(ground, ready.line)
        )
        try:
            found = await ground.until(
                lambda: is_ready() or self.exit(ground), ready.within, f"{self.program} to be ready"
            )
        except StepError as late:
            raise StepError(f"{late}; {self.said(ground)}") from None
        if found is not True:
            raise StepError(f"start {self.program}: it ended ({found}) before it was ready; {self.said(ground)}")

    def port_probe(self, ground: Ground, port: int) -> Callable[[], bool]:
        """Asks whether a port listens."""
        from netlab.kernel import sockets

        namespace = ground.built.hosts[self.program.partition(".")[0]]
        return lambda: any(row.local.port == port for row in sockets.table(namespace, ["LISTEN"]))

    def line_probe(self, ground: Ground, line: str | None) -> Callable[[], bool]:
        """Asks whether its line has been written."""
        handle = ground.controller(self.program.partition(".")[0])
        pattern, read = re.compile(line or ""), 0

        def probe() -> bool:
            nonlocal read
            fresh = handle.lines_after(self.program, read)
            read = handle.written[self.program]
            return any(map(pattern.search, fresh))

        return probe

    def exit(self, ground: Ground) -> str | None:
        """How it ended, if it did."""
        end: Exit | None = ground.controller(self.program.partition(".")[0]).exits.get(self.program)
        return None if end is None else end.signal or f"status {end.status}"

    def said(self, ground: Ground) -> str:
        """The last of what it wrote."""
        lines = list(ground.controller(self.program.partition(".")[0]).outputs[self.program])[-LAST_LINES:]
        return "it wrote: " + " | ".join(output.line for output in lines) if lines else "it wrote nothing"
