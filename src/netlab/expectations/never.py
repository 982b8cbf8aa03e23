"""never: no such segment was on the wire.

Rules: absence counts only where the wire's witness missed nothing and the run was played to its end; one that was seen
fails in any case. `F` means every segment with FIN, whatever else it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from netlab.expectations import Expectation, doc
from netlab.judge.evidence import doubt, failed, packet, passed, segment_text, unknown, wire_doubt
from netlab.judge.line import LETTERS
from netlab.judge.moments import NoMoment, window
from netlab.judge.sequence import flag_letters
from netlab.judge.tape import sent_ns
from netlab.records import Check, RunRecord, Segment
from netlab.spec import Ref


@dataclass(frozen=True, kw_only=True)
class Never(Expectation):
    """No segment like this was sent."""

    example = "never: {from: server, flags: F}"

    from_: Annotated[str, Ref("host")] | None = doc("Sent by this host. Default: by any.", default=None)
    to: Annotated[str, Ref("host")] | None = doc("Sent to this host. Default: to any.", default=None)
    at: Annotated[str, Ref("nic")] | None = doc(
        "Seen at this NIC, on its way out or in: host.nic. Default: anywhere.", default=None
    )
    flags: str | None = doc("With (at least) these of tcpdump's flags: F, R, S. …", default=None)
    payload: str | None = doc("With this text in its payload.", default=None)
    after: Annotated[str, Ref("barrier")] | None = doc("Only from when this step began.", default=None)
    before: Annotated[str, Ref("barrier")] | None = doc("Only until this step began.", default=None)

    def __post_init__(self) -> None:
        if self.flags is not None and not (self.flags and set(self.flags) <= set(LETTERS)):
            raise ValueError(f'{self.flags!r} are no flags; tcpdump\'s letters S F R P U E W e, and "." for ACK')

    def judge(self, record: RunRecord) -> list[Check]:
        try:
            start, end = window(record, self.after, self.before)
        except NoMoment as problem:
            return [unknown(self.name, "none", str(problem))]
        if (self.after or self.before) and (unsure := doubt(record, "clock")):
            return [unknown(self.name, "none", unsure)]
        found = [s for s in record.of(Segment) if start <= sent_ns(s) < end and self.is_like(s)]
        if found:
            why = f"{packet(found[0])} is one: {segment_text(found[0])}"
            return [failed(self.name, "none", f"{len(found)}", why, tuple(map(packet, found)))]
        unsure = wire_doubt(record) or (f"the run ended early: {record.interrupted}" if record.interrupted else "")
        return [unknown(self.name, "none", unsure) if unsure else passed(self.name, "none", "none")]

    @property
    def name(self) -> str:
        """ "never F from server to client "world" after replug"."""
        parts = [
            f"never {self.flags or 'a segment'}",
            f"from {self.from_}" if self.from_ else "",
            f"to {self.to}" if self.to else "",
            f"at {self.at}" if self.at else "",
            f'with "{self.payload}"' if self.payload else "",
            f"after {self.after}" if self.after else "",
            f"before {self.before}" if self.before else "",
        ]
        return " ".join(part for part in parts if part)

    def is_like(self, segment: Segment) -> bool:
        """The segment is one that must not be."""
        return (
            self.from_ in (None, segment.from_)
            and self.to in (None, segment.to)
            and (self.at is None or self.at in segment.packets)
            and (self.flags is None or flag_letters(segment) >= set(self.flags))
            and (self.payload is None or self.payload.encode() in segment.payload)
        )
