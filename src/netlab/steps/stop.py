"""stop: an endpoint or a program ends in good order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from netlab.spec import DEFAULT_WITHIN, Ref
from netlab.steps import Planned, Step, doc
from netlab.units import Duration

if TYPE_CHECKING:
    from netlab.agent.ground import Ground


@dataclass(frozen=True, kw_only=True)
class Stop(Step):
    """Ask a program to end by a signal, or have an endpoint exit as if it were done; done when it has ended.

    The kernel closes its sockets as it does for any process that ends. (`kill` is the fault: SIGKILL.)
    """

    shorthand = "endpoint"
    example = "- stop: server.worker"

    endpoint: Annotated[str, Ref("endpoint")] = doc("The endpoint or program: host.program, host.endpoint, or host.")
    signal: str = doc("The signal a program is sent.", default="SIGTERM")
    within: Duration = doc("How long it may take to end.", default=DEFAULT_WITHIN)

    async def run(self, ground: Ground, planned: Planned) -> None:
        host = self.endpoint.partition(".")[0]
        await ground.ask(host, "stop", endpoint=self.endpoint, signal=self.signal, within=int(self.within))
