"""detection: ways to notice a fault, side by side: how long each took, what told it, how many segments it spent.

    way            noticed after  by          segments
    nothing        not in 3.62 s                     0
    keepalive             3.06 s  ETIMEDOUT          3

Rules: see _lanes.py for what counts; the plot is _plot.py's, and needs matplotlib, which is imported for it only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from netlab.outputs import Report, doc
from netlab.outputs._lanes import Lane, Way, fault_moment, faults_after, lanes, told
from netlab.outputs._text import WIDTH, Line, clean, cut
from netlab.records import RunRecord
from netlab.spec import Ref

HEADER = ("noticed after", "segments", "by")


@dataclass(frozen=True, kw_only=True)
class Detection(Report):
    """Ways to notice one fault, compared: a table after the timeline, and a plot in the run directory."""

    example = """\
detection:
  fault: unplug
  ways:
    - {label: nothing, step: idle-read}
    - {label: read timeout, step: impatient-read, gives_up: true}
    - {label: heartbeat, program: client.heart, line: "no answer", port: 9001}"""

    fault: Annotated[str, Ref("barrier")] = doc("The step of the fault: time counts from its beginning.")
    ways: tuple[Way, ...] = doc("The ways to notice: each has a label, and a step or a program that notices.")
    title: str = doc("What the table and the plot are headed by. Default: the fault's step.", default="")
    file: str = doc("The name of its files, without their ending.", default="detection")

    def rows(self, record: RunRecord) -> list[dict[str, Any]]:
        return [
            {
                "way": lane.label,
                "noticed": lane.noticed_ns is not None,
                "after_ns": lane.noticed_ns,
                "watched_ns": lane.watched_ns,
                "by": lane.by or None,
                "segments": lane.spent,
            }
            for lane in self.lanes(record)
        ]

    def lanes(self, record: RunRecord) -> list[Lane]:
        """How each way went; none where the fault was not played."""
        began = fault_moment(record, self.fault)
        return lanes(record, began, self.ways) if began else []

    def headed(self, record: RunRecord) -> str:
        """The title, or what the fault's step did."""
        began = fault_moment(record, self.fault)
        texts = {step.index: step.text for step in record.events if step.kind == "step"}
        return self.title or f"Who noticed: {texts[began.index] if began else self.fault}"

    def lines(self, record: RunRecord) -> Iterator[Line]:
        found = self.lanes(record)
        yield ((clean(self.headed(record)), "bold"),)
        if not found:
            yield ((f"  nothing to compare: {self.fault} was not played, or nobody was watched", "yellow"),)
            return
        width = max(len(clean(lane.label)) for lane in found)
        after, segments, by = HEADER
        yield ((f"  {'':{width}}  {after:>13}  {segments:>8}  {by}", "dim"),)
        for lane in found:
            when = told(lane.noticed_ns) if lane.noticed_ns is not None else "-"
            said = lane.by or f"nothing, in {told(lane.watched_ns)}"
            yield (
                (f"  {clean(lane.label):{width}}  ", ""),
                (f"{when:>13}", "green" if lane.by else "red"),
                (f"  {lane.spent:>8}  ", ""),
                (cut(said, WIDTH - width - 29), "" if lane.by else "dim"),
            )

    def save(self, record: RunRecord, folder: Path) -> list[str]:
        from netlab.outputs import _plot

        began = fault_moment(record, self.fault)
        found = self.lanes(record)
        if began is None or not found:
            return []
        faults, title = faults_after(record, began), self.headed(record)
        return _plot.write(self.file, folder, lambda: _plot.lanes(found, faults, began.start_ns, title))
