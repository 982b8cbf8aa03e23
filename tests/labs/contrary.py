"""Plays a lab with the claim that it refutes (or the contrary of one it confirms) as its expectation: it must fail.

What the explanation must name is the test's business: the packet, the call, the socket.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import netlab
from netlab.lab import document, from_definition
from netlab.lab.nodes import plain
from netlab.records import Verdict

LABS = Path(__file__).parents[2] / "labs"


def definition(name: str, variant: str | None = None) -> dict[str, Any]:
    """The lab file as plain values, to change something in it; a variant's in the place of the lab's own.

    Its finding is left out: whoever changes what a lab expects shows nothing of its claim.
    """
    text = (LABS / name / "lab.yaml").read_text(encoding="utf-8")
    values: dict[str, Any] = plain(document.parse(text)[0])
    values |= {} if variant is None else values["variants"][variant]
    return {key: value for key, value in values.items() if key != "finding"}


def claimed(name: str, out: Path, expect: dict[str, Any], variant: str | None = None) -> str:
    """Play a lab with these expectations instead of its own: the explanation of what failed."""
    changed = {**definition(name, variant), "expect": expect, "variants": {}}
    changed.pop("set", None)
    record = netlab.run(from_definition(changed, folder=LABS / name), out=out)
    assert record.verdict is Verdict.FAIL, record.sentence
    return " ".join(check.explanation for check in record.checks if check.verdict is Verdict.FAIL)
