"""lookup: what the record must hold for it to pass."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netlab.records import Address, SocketInfo, Step, Verdict
from netlab.records import Lookup as Found
from netlab.steps.lookup import Lookup
from tests.judge.builder import half_open, planned

SERVER, CLIENT = Address("10.77.0.1", 9000), Address("10.77.0.2", 9001)
REQUEST = SocketInfo("SYN-RECV", SERVER, CLIENT, 7, 0)


@pytest.mark.parametrize(
    ("finds", "found", "verdict"),
    [
        ("SYN-RECV", REQUEST, Verdict.PASS),
        ("LISTEN", REQUEST, Verdict.FAIL),
        ("none", REQUEST, Verdict.FAIL),
        ("none", None, Verdict.PASS),
        ("SYN-RECV", None, Verdict.FAIL),
    ],
)
def test_lookup_judges_what_the_kernel_found(finds: str, found: SocketInfo | None, verdict: Verdict) -> None:
    step = Lookup(host="server", from_="client:9001", to="server:9000", finds=finds)  # type: ignore[arg-type]
    record = half_open().record()
    played = Step(90, 100, 77, "step 78", "lookup")
    asked = Found(95, 77, "server", SERVER, CLIENT, found)
    record = replace(record, events=(*record.events, played, asked))
    (check,) = step.judge(planned(77, "step", "lookup", step, "lookup"), record)
    assert (check.verdict, check.step, check.expected) == (verdict, 77, finds)
    assert bool(check.explanation) == (verdict is Verdict.FAIL)


def test_a_lookup_that_was_not_played_is_unknown() -> None:
    step = Lookup(host="server", from_="client:9001", to="server:9000", finds="none")
    (check,) = step.judge(planned(77, "step", "lookup", step, "lookup"), half_open().record())
    assert check.verdict is Verdict.UNKNOWN
