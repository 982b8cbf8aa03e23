"""reset: a host sent an RST like this, and the kernel's reason for it.

Rules: an RST counts when the wire shows that it was sent. Its reason is what the tracepoint said, or what follows from
the counters and the socket table where the tracepoint says nothing (Linux before 6.10, no root): the check then says
so. Only where no witness can tell is the reason unknown, and with it the check. What the record says twice (in
`resets` and as a segment) must agree.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from netlab.expectations import Expectation, doc
from netlab.fields import several
from netlab.judge.evidence import at, failed, passed, unknown, wire_doubt
from netlab.judge.moments import NoMoment, window
from netlab.judge.origin import described, explain_reset, offender
from netlab.judge.rule import answered, breach, segment_of
from netlab.records import Check, RunRecord
from netlab.records import Reset as Sent
from netlab.spec import Ref


@dataclass(frozen=True, kw_only=True)
class Reset(Expectation):
    """A host sent an RST with these flags, for this reason, with the numbers that RFC 9293 gives it."""

    example = "reset: {from: server, flags: R, reason: NO_SOCKET, rule: true}"

    from_: Annotated[str, Ref("host")] = doc("The host that sent it.")
    to: Annotated[str, Ref("host")] | None = doc("The host it was sent to.", default=None)
    by: Annotated[str, Ref("host")] | None = doc(
        "The host that put it on the wire in the name of `from`: a firewall, and no kernel's TCP.", default=None
    )
    flags: Literal["R", "R."] | None = doc("R: without ACK; R.: with ACK.", default=None)
    reason: str | tuple[str, ...] | None = doc(
        "The kernel's reason, as enum sk_rst_reason names it: NO_SOCKET; or several, where a race decides.",
        default=None,
    )
    rule: bool = doc("Its seq, ack and flags follow RFC 9293 section 3.10.7.1 from the segment it answers.", False)
    count: int | None = doc("Exactly so many of them. Default: at least one.", default=None)
    after: Annotated[str, Ref("barrier")] | None = doc("Only those sent after this step began.", default=None)

    def judge(self, record: RunRecord) -> list[Check]:
        if doubt := wire_doubt(record):
            return [self.cannot_tell(doubt)]
        try:
            start, _ = window(record, self.after, None)
        except NoMoment as problem:
            return [self.cannot_tell(str(problem))]
        sent = [r for r in record.resets if r.from_ == self.from_ and self.to in (None, r.to) and r.time_ns >= start]
        if torn := contradiction(record, sent):
            return [self.cannot_tell(torn)]
        return [self.decide(record, sort(self, record, sent), sent)]

    @property
    def reasons(self) -> tuple[str, ...]:
        """The reasons that will do; () for any."""
        return several(self.reason)

    @property
    def name(self) -> str:
        return f"reset from {self.from_}" + (f" to {self.to}" if self.to else "")

    @property
    def expected(self) -> str:
        """What is asked for, in one line: "one or more R, NO_SOCKET"."""
        number = "one or more" if self.count is None else str(self.count)
        rule = "as RFC 9293 section 3.10.7.1 says" if self.rule else ""
        parts = (f"{number} {self.flags or 'R or R.'}", " or ".join(self.reasons), rule)
        return ", ".join(part for part in parts if part)

    def cannot_tell(self, why: str) -> Check:
        return unknown(self.name, self.expected, why)

    def decide(self, record: RunRecord, sorted_: Sorted, sent: list[Sent]) -> Check:
        seen = ", ".join(map(shown, sent)) or "no RST"
        evidence = tuple(f"packet {reset.packet} at {at(reset.time_ns)}" for reset in sent)
        least, most = (1, len(sent)) if self.count is None else (self.count, self.count)
        fitting, possible = len(sorted_.fit), len(sorted_.fit) + len(sorted_.perhaps)
        if least <= fitting and possible <= most:
            said = "; ".join(tell(record, reset) for reset in sorted_.fit)
            return passed(self.name, self.expected, seen, said, evidence)
        if possible < least or fitting > most:
            return failed(self.name, self.expected, seen, self.why(record, sorted_, sent), evidence)
        if record.interrupted and not sorted_.perhaps:
            return unknown(self.name, self.expected, f"the run ended early: {record.interrupted}", evidence)
        why = "; ".join(f"packet {r.packet}: {r.why_unknown or 'no witness told its reason'}" for r in sorted_.perhaps)
        return unknown(self.name, self.expected, why, evidence)

    def why(self, record: RunRecord, sorted_: Sorted, sent: list[Sent]) -> str:
        """The nearest cause of a failure."""
        if not sent:
            when = f" after {self.after}" if self.after else ""
            return f"no RST: {self.from_} sent none{when}"
        if sorted_.not_[:1] and len(sorted_.fit) < (self.count or 1):
            reset, wrong = sorted_.not_[0]
            return f"packet {reset.packet}: {wrong}; {explain_reset(record, reset)}"
        return f"{len(sorted_.fit)} such RSTs, not {self.count}"


@dataclass
class Sorted:
    """RSTs by whether they are what was asked for."""

    fit: list[Sent] = field(default_factory=list)
    perhaps: list[Sent] = field(default_factory=list)
    """All that can be told fits; their reason cannot be told."""
    not_: list[tuple[Sent, str]] = field(default_factory=list)
    """Those that are not, and why."""


def sort(asked: Reset, record: RunRecord, sent: list[Sent]) -> Sorted:
    """Which of these RSTs are what was asked for."""
    found = Sorted()
    for reset in sent:
        wrong = mistake(asked, record, reset)
        if wrong:
            found.not_.append((reset, wrong))
        elif asked.reasons and reset.reason is None:
            found.perhaps.append(reset)
        else:
            found.fit.append(reset)
    return found


def mistake(asked: Reset, record: RunRecord, reset: Sent) -> str:
    """What of an RST is not as asked; "" for nothing."""
    if asked.by != reset.by:
        return f"it was put on the wire by {reset.by or reset.from_}, not by {asked.by or asked.from_}"
    if asked.flags is not None and reset.flags != asked.flags:
        return f"its flags are {reset.flags}, not {asked.flags}"
    if asked.reasons and reset.reason not in (None, *asked.reasons):
        return f"its reason is {reset.reason}, not {' or '.join(asked.reasons)}"
    if not asked.rule:
        return ""
    rst = segment_of(record, reset)
    answers = offender(record, reset) or (answered(record, rst) if rst else None)
    if rst is None or answers is None:
        return "it answers no segment that was seen, so it is not the RST of RFC 9293 section 3.10.7.1"
    return breach(rst, answers)


def contradiction(record: RunRecord, sent: list[Sent]) -> str:
    """Where `resets` and the segments do not say the same; "" where they do."""
    for reset in sent:
        rst = segment_of(record, reset)
        if rst is None:
            return f"the record contradicts itself: packet {reset.packet} is in resets, but is no RST on the wire"
        if (rst.flags, rst.seq) != (reset.flags, reset.seq):
            return f"the record contradicts itself: packet {reset.packet} is told in two ways"
    return ""


def shown(reset: Sent) -> str:
    """An RST in few words: R NO_SOCKET (packet 27); it says so where no tracepoint told the reason."""
    by = ", by the counters and the socket table" if reset.reason_by == "counters" else ""
    reason = reset.reason or (f"by the firewall of {reset.by}" if reset.by else "reason unknown")
    return f"{reset.flags} {reason} (packet {reset.packet}{by})"


def tell(record: RunRecord, reset: Sent) -> str:
    """What a fitting RST shows: `"world" was answered by RST (NO_SOCKET), packet 27`."""
    answers = offender(record, reset)
    reason = f" ({reset.reason})" if reset.reason else ""
    by = ", the reason follows from the counters and the socket table" if reset.reason_by == "counters" else ""
    if answers is None:
        return f"{reset.by or reset.from_} sent an RST{reason}, packet {reset.packet}{by}"
    firewall = f" of {reset.by}'s firewall" if reset.by else ""
    return f"{described(answers)} was answered by RST{firewall}{reason}, packet {reset.packet}{by}"
