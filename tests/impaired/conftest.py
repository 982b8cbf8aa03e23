"""Where impaired links are measured: here, if this kernel has netem, else in one microVM for all the labs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

import netlab
from netlab.api import OpenTarget
from netlab.probes import PROBES
from netlab.records import Verdict
from tests.impaired.reports import Report, read

LABS = Path(__file__).parents[1] / "data" / "impaired"


@pytest.fixture(scope="session")
def there(request: pytest.FixtureRequest) -> Iterator[OpenTarget]:
    """A target whose kernel has netem: this machine, else the session's microVM."""
    if PROBES["netem"]().probe().status == "yes":
        with netlab.target("local:") as here:
            yield here
    else:
        yield request.getfixturevalue("microvm")


@pytest.fixture(scope="session")
def played(there: OpenTarget, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Report]:
    """Plays a lab of tests/data/impaired when it is first asked for, and tells what its programs saw."""

    @cache
    def play(name: str) -> Report:
        record = there.run(LABS / f"{name}.yaml", out=tmp_path_factory.mktemp(name) / "run")
        assert record.verdict is Verdict.PASS, record.sentence
        return read(record)

    return play
