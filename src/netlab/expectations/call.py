"""call: what a step's socket call returned, and how long it took.

Rules: what is not named is not compared, except that a call without `error` or `signal` must have succeeded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from netlab.expectations import Expectation, doc
from netlab.judge.evidence import at, failed, passed, unknown
from netlab.judge.moments import NoMoment, moment
from netlab.records import Call as Made
from netlab.records import Check, RunRecord
from netlab.spec import Ref
from netlab.units import Duration, human_duration

LONG = 60
"""Columns of a value that a check shows."""


@dataclass(frozen=True, kw_only=True)
class Call(Expectation):
    """The outcome of the call that a step made."""

    example = "call: {step: last-read, error: ECONNRESET, most: 1s}"

    step: Annotated[str, Ref("step")] = doc("The step that made it.")
    error: str | None = doc("The errno it failed with (ECONNRESET), or TIMEOUT. Default: it succeeded.", default=None)
    signal: str | None = doc("The signal that ended the endpoint in it (SIGPIPE).", default=None)
    bytes: str | None = doc("The text it returned.", default=None)
    size: int | None = doc("How many bytes it returned or took.", default=None)
    eof: bool | None = doc("Whether it returned the end of the connection.", default=None)
    least: Duration | None = doc("It took at least this long.", default=None)
    most: Duration | None = doc("It took at most this long.", default=None)
    since: Annotated[str, Ref("barrier")] | None = doc(
        "With `least`, `most`: until it ended, from when this step began. Default: from when the call began.",
        default=None,
    )

    def __post_init__(self) -> None:
        if self.since is not None and not self.spans():
            raise ValueError("since says from when least and most count; give one of them, too")

    def judge(self, record: RunRecord) -> list[Check]:
        name = f"call of {self.step}"
        try:
            index = moment(record, self.step).index
            began_ns = moment(record, self.since).start_ns if self.since else None
        except NoMoment as problem:
            return [unknown(name, self.expected, str(problem))]
        made = next((call for call in record.of(Made) if call.step == index), None)
        if made is None:
            return [unknown(name, self.expected, f"{self.step} left no call in the record")]
        evidence = (f"call of {made.endpoint} at {at(made.time_ns)}",)
        wrong = [text for text in (self.outcome(made), *self.results(made), self.time(made, began_ns)) if text]
        if wrong:
            return [failed(name, self.expected, returned(made), f"{made.call} " + ", and ".join(wrong), evidence)]
        return [passed(name, self.expected, returned(made), "", evidence)]

    @property
    def expected(self) -> str:
        parts = [self.signal or self.error or "success"]
        parts += [f"{key} {value!r}" for key, value in self.asked().items()]
        parts += [f"{word} {human_duration(span)}" for word, span in self.spans().items()]
        parts += [f"since {self.since}"] if self.since else []
        return ", ".join(parts)

    def asked(self) -> dict[str, Any]:
        """The parts of the result that are compared."""
        named = {"bytes": self.bytes, "size": self.size, "eof": self.eof}
        return {key: value for key, value in named.items() if value is not None}

    def spans(self) -> dict[str, Duration]:
        """The limits of how long it took."""
        return {word: span for word, span in (("least", self.least), ("most", self.most)) if span is not None}

    def outcome(self, made: Made) -> str:
        wanted, seen = self.signal or self.error or "success", made.signal or made.error or "success"
        return "" if wanted == seen else f"gave {seen} where {wanted} was expected"

    def results(self, made: Made) -> list[str]:
        seen = {key: made.result.get(key, False if key == "eof" else None) for key in self.asked()}
        if self.bytes is not None and isinstance(seen["bytes"], str):
            seen["bytes"] = seen["bytes"].encode("latin-1").decode("utf-8", "replace")
        wrong = [(key, asked) for key, asked in self.asked().items() if seen[key] != asked]
        return [f"returned {key} {seen[key]!r}, not {asked!r}" for key, asked in wrong]

    def time(self, made: Made, began_ns: int | None) -> str:
        took = made.end_ns - (made.time_ns if began_ns is None else began_ns)
        short = self.least is not None and took < self.least
        long = self.most is not None and took > self.most
        said = (
            f"ended {human_duration(took)} after {self.since} began" if self.since else f"took {human_duration(took)}"
        )
        return said if short or long else ""


def returned(made: Made) -> str:
    """What a call returned, in one line."""
    shown = [
        f"{key} {_short(made.result[key])}" for key in ("bytes", "size", "eof") if made.result.get(key) is not None
    ]
    return ", ".join([made.signal or made.error or "success", *shown, human_duration(made.end_ns - made.time_ns)])


def _short(value: object) -> str:
    """A value as Python writes it; the end of a long text is left out."""
    text = repr(value)
    return text if len(text) <= LONG else f"{text[: LONG - 2]}…'"
