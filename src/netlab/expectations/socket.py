"""socket: what a host's socket table held when a step had been played.

Rules: a table that was read at that step, the last one if several were; a table of another moment proves nothing. A
listener is no connection: `none` asks for no other socket. One of the sockets looked at must be in the state, with that
timer running (`timer`) and so long to run (`least`, `most`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from netlab.expectations import Expectation, doc
from netlab.judge import tables
from netlab.judge.evidence import failed, passed, table_text, unknown
from netlab.judge.moments import NoMoment, moment
from netlab.judge.tables import Asked, State, Timers
from netlab.records import Check, RunRecord
from netlab.spec import Ref
from netlab.units import Duration


@dataclass(frozen=True, kw_only=True)
class Socket(Expectation):
    """A host's socket was in this state, or there was none, when a step had been played."""

    example = "socket: {host: client, peer: server, state: ESTABLISHED, at: replug}"

    host: Annotated[str, Ref("host")] = doc("Whose socket table.")
    state: State = doc("The state that one of them was in; none: there was no connection.")
    at: Annotated[str, Ref("barrier")] = doc("The step after which the table was read.")
    peer: Annotated[str, Ref("host")] | None = doc("Only connections to this host.", default=None)
    port: int | None = doc("Only sockets with this port at either end.", default=None)
    timer: Timers | None = doc(
        "The timer that it ran, as sock_diag tells it (of several: any); none: no timer ran.", default=None
    )
    least: Duration | None = doc("With `timer`: it had at least this long to run.", default=None)
    most: Duration | None = doc("With `timer`: it had at most this long to run.", default=None)

    def __post_init__(self) -> None:
        _ = self.asked

    @property
    def asked(self) -> Asked:
        return Asked(self.state, self.timer, self.least, self.most)

    def judge(self, record: RunRecord) -> list[Check]:
        name = f"socket of {self.host}{f' to {self.peer}' if self.peer else ''} at {self.at}"
        asked = str(self.asked)
        try:
            table = tables.table_after(record, self.host, moment(record, self.at))
        except NoMoment as problem:
            return [unknown(name, asked, str(problem))]
        if table is None:
            return [unknown(name, asked, f"the socket table of {self.host} was not read at {self.at}")]
        rows = tables.selected(record, table, self.state, self.peer, self.port)
        seen, evidence = self.asked.shown(rows), (table_text(table, rows),)
        if self.asked.holds(rows):
            return [passed(name, asked, seen, "", evidence)]
        why = f"{self.host} held {seen} where {asked} was expected"
        return [failed(name, asked, seen, why, evidence)]
