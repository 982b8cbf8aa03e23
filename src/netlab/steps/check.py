"""check: what a host's socket table, or its connection tracking table, holds at this moment.

Rules: one reading, no waiting (that is `wait`). A listener is no connection: `none` asks for no other socket. With
`peer` or `port` only the sockets to that host, or with that port at either end, are looked at; one of them must be in
the state, with that timer running (`timer`) and so long to run (`least`, `most`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from netlab.judge import tables, tracking
from netlab.judge.evidence import table_text
from netlab.judge.tables import Asked, State, Timers
from netlab.judge.tracking import AskedEntry
from netlab.records import Check as Verdicts
from netlab.records import RunRecord, SocketTable, Verdict
from netlab.spec import Ref
from netlab.steps import Planned, Step, doc
from netlab.units import Duration

if TYPE_CHECKING:
    from netlab.agent.ground import Ground


@dataclass(frozen=True, kw_only=True)
class Check(Step):
    """Look at a host's sockets now: one to `peer` must be in this state, or there must be none.

    Or, with `conntrack`, at the entries that a router tracks.
    """

    example = "- check: {host: client, peer: server, socket: ESTABLISHED}"

    host: Annotated[str, Ref("host")] | None = doc("For `socket`: whose socket table.", default=None)
    socket: State | None = doc(
        "The state that one of them must be in; none: there must be no connection.", default=None
    )
    peer: Annotated[str, Ref("host")] | None = doc("Only connections to this host.", default=None)
    port: int | None = doc("Only sockets with this port at either end.", default=None)
    timer: Timers | None = doc(
        "The timer that it must run, as sock_diag tells it (of several: any); none: no timer runs.", default=None
    )
    least: Duration | None = doc("With `timer`: it has at least this long to run.", default=None)
    most: Duration | None = doc("With `timer`: it has at most this long to run.", default=None)
    conntrack: AskedEntry | None = doc("An entry of a router's connection tracking table is so.", default=None)

    def __post_init__(self) -> None:
        if (self.socket is None) == (self.conntrack is None):
            raise ValueError("check takes one of socket (with host) and conntrack: {host: client, socket: none}")
        if (self.socket is None) != (self.host is None):
            raise ValueError("host and socket belong together; give both: {host: client, socket: none}")
        _ = self.asked

    @property
    def asked(self) -> Asked:
        return Asked(self.socket or "none", self.timer, self.least, self.most)

    async def run(self, ground: Ground, planned: Planned) -> None:
        if self.conntrack is not None:
            ground.look_tracked([self.conntrack.host])
        else:
            ground.look([self.host or ""])

    def judge(self, planned: Planned, record: RunRecord) -> list[Verdicts]:
        failed = super().judge(planned, record)
        if self.conntrack is not None:
            return failed or [self.judge_entries(planned, record, self.conntrack)]
        read = tables.tables_at(record, self.host or "", planned.index)
        if failed or not read:
            return failed or [self.unseen(planned)]
        return [self.judge_table(planned, record, read[0])]

    def judge_entries(self, planned: Planned, record: RunRecord, asked: AskedEntry) -> Verdicts:
        table = tracking.read_at(record, asked.host, planned.index)
        if table is None:
            return self.unseen(planned)
        good, seen = asked.holds(table.entries), asked.shown(table.entries)
        return Verdicts(
            name=f"{planned.name}: {planned.text}",
            verdict=Verdict.PASS if good else Verdict.FAIL,
            expected=str(asked),
            seen=seen,
            evidence=(f"what {asked.host} tracked at {table.time_ns / 1e9:.6f} s: {seen}",),
            explanation="" if good else f"{asked.host} tracked {seen} where {asked} was expected",
            step=planned.index,
        )

    def judge_table(self, planned: Planned, record: RunRecord, table: SocketTable) -> Verdicts:
        rows = tables.selected(record, table, self.socket or "none", self.peer, self.port)
        asked, seen = self.asked, self.asked.shown(rows)
        good = asked.holds(rows)
        return Verdicts(
            name=f"{planned.name}: {planned.text}",
            verdict=Verdict.PASS if good else Verdict.FAIL,
            expected=str(asked),
            seen=seen,
            evidence=(table_text(table, rows),),
            explanation="" if good else f"{self.host} held {seen} where {asked} was expected",
            step=planned.index,
        )

    def unseen(self, planned: Planned) -> Verdicts:
        asked: Asked | AskedEntry = self.conntrack or self.asked
        why = f"the table of {self.conntrack.host if self.conntrack else self.host} was not read at this step"
        return Verdicts(
            f"{planned.name}: {planned.text}", Verdict.UNKNOWN, str(asked), "unknown", (), why, planned.index
        )
