"""Skips are not passes: with `--strict-skips` a test may be skipped only for a reason that the README lists.

The README's table "What may be skipped" holds each allowed reason in backquotes; a skip counts as allowed where its
reason contains one of them.

Property tests are about what is true of their examples, not about how long one takes: hypothesis' own limits (200 ms
for an example, a second to think of some) would tell of a busy machine only.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.microvm import microvm

__all__ = ["microvm"]

settings.register_profile("netlab", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("netlab")

README = Path(__file__).parents[1] / "README.md"
skipped: list[str] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--strict-skips", action="store_true", help="fail on a skip that the README does not allow")


def allowed_reasons() -> list[str]:
    """The reasons in the README's table, as they stand in backquotes in its first column."""
    section = README.read_text(encoding="utf-8").split("What may be skipped", 1)[-1].split("\n#", 1)[0]
    return re.findall(r"^\| `([^`]+)` \|", section, flags=re.MULTILINE)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and isinstance(report.longrepr, tuple):
        skipped.append(f"{report.nodeid}: {report.longrepr[2].removeprefix('Skipped: ')}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    if not session.config.getoption("strict_skips"):
        return
    reasons = allowed_reasons()
    bad = [skip for skip in skipped if not any(reason in skip for reason in reasons)]
    if bad:
        print("\nskips that the README does not allow:", *bad, sep="\n  ")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
