"""lookup: which socket of a host a segment would find, asked of the kernel by the four-tuple.

client:9001 ──▶ server:9000    found in the established hash: a connection, a request (SYN-RECV), TIME-WAIT
                               not found there, but somebody listens: LISTEN
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from netlab.judge.evidence import at, row_text
from netlab.judge.tables import State
from netlab.records import Address, Check, RunRecord, Verdict
from netlab.records import Lookup as Found
from netlab.spec import Ref
from netlab.steps import Planned, Step, doc

if TYPE_CHECKING:
    from netlab.agent.ground import Ground


@dataclass(frozen=True, kw_only=True)
class Lookup(Step):
    """Ask a host's kernel for the socket that a segment between these two ends would find, as its TCP would.

    Unlike `check`, which reads the whole table, this finds a listener only where the established hash holds nothing
    for the four-tuple. Source: net/ipv4/inet_hashtables.c:__inet_lookup(); net/ipv4/inet_diag.c.
    """

    example = '- lookup: {host: server, from: "client:9001", to: "server:9000", finds: LISTEN}'

    host: Annotated[str, Ref("host")] = doc("Whose kernel.")
    from_: Annotated[str, Ref("address")] = doc("Where the segment would come from.")
    to: Annotated[str, Ref("address")] = doc("Where it would go to: an address of the host.")
    finds: State = doc("The state of the socket it must find; none: there must be none.")

    async def run(self, ground: Ground, planned: Planned) -> None:
        from netlab.kernel import sockets

        remote, local = (Address(*ground.resolve(end, self.host)) for end in (self.from_, self.to))
        now = time.monotonic_ns()
        found = sockets.lookup(ground.built.hosts[self.host], local, remote)
        ground.emit(Found(now, planned.index, self.host, local, remote, found))

    def judge(self, planned: Planned, record: RunRecord) -> list[Check]:
        asked = next((event for event in record.of(Found) if event.step == planned.index), None)
        failed = super().judge(planned, record)
        if failed or asked is None:
            return failed
        state, seen = (asked.found.state, row_text(asked.found)) if asked.found else ("none", "none")
        good = state == self.finds
        return [
            Check(
                name=f"{planned.name}: {planned.text}",
                verdict=Verdict.PASS if good else Verdict.FAIL,
                expected=self.finds,
                seen=seen,
                evidence=(f"lookup of {asked.remote} > {asked.local} at {at(asked.time_ns)}: {seen}",),
                explanation="" if good else f"it found {seen} where {self.finds} was expected",
                step=planned.index,
            )
        ]
