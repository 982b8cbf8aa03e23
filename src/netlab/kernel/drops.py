"""Why the qdiscs of one direction dropped packets, as far as their counters can tell.

    netem   one counter for what its loss takes and for what comes when `limit` packets are there
    tbf     what comes when its queue is full, or is larger than its bucket

Rules: pure. netem's number is that of its loss only where its queue cannot have been full, and that of its queue only
where no loss was asked for; else it is of both. What its child drops, netem counts once more: it is taken off here.

Source: net/sched/sch_netem.c:netem_enqueue(), netem_dequeue(); net/sched/sch_tbf.c:tbf_enqueue().
"""

from __future__ import annotations

from collections import Counter

from netlab.impairment import Impairment
from netlab.records import DropCause


class Drops:
    """What was dropped, by cause; it is told every reading of the counters."""

    def __init__(self) -> None:
        self.causes: Counter[DropCause] = Counter()
        self._netem = self._tbf = 0
        """The counters at the last reading."""
        self._cause: DropCause = "queue"
        """What netem's counter stood for then."""

    def begin(self, wanted: Impairment) -> None:
        """The qdiscs are new, and made for this: their counters begin at 0."""
        self._netem = self._tbf = 0
        self._cause = netem_cause(wanted)

    def read(self, netem: int, tbf: int, wanted: Impairment) -> None:
        """The counters now, netem's without its child's. They were asked for `wanted` since the last reading, or from
        some moment after it on."""
        cause = netem_cause(wanted)
        netem = max(netem, self._netem)  # its child's was read a moment later, and may be ahead
        self.causes[cause if cause == self._cause else "loss or queue"] += netem - self._netem
        self.causes["queue"] += tbf - self._tbf
        self._netem, self._tbf, self._cause = netem, tbf, cause


def netem_cause(wanted: Impairment) -> DropCause:
    """What netem's counter stands for. The limit that we choose holds all that a delay can; what waits for a rate or a
    slot may be more."""
    if wanted.loss is None:
        return "queue"
    return "loss" if wanted.limit is None and wanted.rate is None and wanted.slot is None else "loss or queue"


__all__ = ["Drops", "netem_cause"]
