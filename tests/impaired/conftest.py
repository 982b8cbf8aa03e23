"""Where impaired links are measured: here, if this kernel has netem, else in one microVM for all the labs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

import netlab
from netlab.probes import PROBES
from netlab.records import Verdict
from netlab.targets import microvm
from tests.impaired.reports import Report, read

LABS = Path(__file__).parents[1] / "data" / "impaired"


@pytest.fixture(scope="session")
def place() -> str:
    """The URL of a target whose kernel has netem."""
    if PROBES["netem"]().probe().status == "yes":
        return "local:"
    found = microvm.available()
    if found.status != "yes":
        pytest.skip(f"lacks a kernel with netem: {found.text}; {found.remedy}")
    return "microvm:"


@pytest.fixture(scope="session")
def played(place: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Report]]:
    """Plays a lab of tests/data/impaired when it is first asked for, and tells what its programs saw."""
    with netlab.target(place) as there:

        @cache
        def play(name: str) -> Report:
            record = there.run(LABS / f"{name}.yaml", out=tmp_path_factory.mktemp(name) / "run")
            assert record.verdict is Verdict.PASS, record.sentence
            return read(record)

        yield play
