"""The one microVM of a test session: whatever needs another kernel's netem runs in it, one lab after the other.

A test asks for the fixture `microvm` (tests/conftest.py has it for all); the first one that does has it booted, which
takes half a minute under emulation. `require` skips where that cannot be.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from netlab.api import OpenTarget


def require(word: str = "") -> None:
    """Skip where no microVM can be booted, with this kernel."""
    from netlab.targets.microvm import available

    found = available(word)
    if found.status != "yes":
        pytest.skip(f"no microVM can be booted: {found.text}; {found.remedy}")


@pytest.fixture(scope="session")
def microvm() -> Iterator[OpenTarget]:
    """A microVM with the kernel that `microvm:` takes, until the session ends: `microvm.run("half-open").verdict`."""
    import netlab

    require()
    with netlab.target("microvm:", lambda text: print(text, file=sys.stderr)) as there:
        yield there
