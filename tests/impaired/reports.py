"""What near.py and far.py of tests/data/impaired told in a run: every sending by its name, and what arrived of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from netlab.records import Output, RunRecord


@dataclass
class Sending:
    """One phase of a lab: what was sent under one impairment, and what came of it."""

    numbers: list[int] = field(default_factory=list)
    """The frames that arrived whole, in order."""
    at_us: list[int] = field(default_factory=list)
    """When each of them did, since the first was sent."""
    under_way_us: list[int] = field(default_factory=list)
    round_trips_ns: list[int] = field(default_factory=list)


@dataclass
class Report:
    """A whole run."""

    sendings: dict[str, Sending]
    corrupted: int

    def __getitem__(self, name: str) -> Sending:
        return self.sendings[name]


def read(record: RunRecord) -> Report:
    """The lines of JSON that the programs wrote."""
    report = Report({}, 0)
    for output in record.of(Output):
        if not output.line.startswith("{"):
            continue
        told = json.loads(output.line)
        report.corrupted += told.pop("corrupted", 0)
        sending = report.sendings.setdefault(told.pop("name"), Sending()) if told else Sending()
        for column, values in told.items():
            getattr(sending, column).extend(values)
    return report
