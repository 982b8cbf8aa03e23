"""The contract's places: each test runs on every target."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from netlab.remote.near import There
from netlab.targets import at
from tests.remote.place import PLACES, Place


@pytest.fixture(scope="module", params=PLACES)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """One target, and its machine."""
    with PLACES[request.param]() as made:
        yield made


@pytest.fixture(scope="module")
def there(place: Place) -> Iterator[There]:
    """The target, open: labs are played there one after the other."""
    with There(at(place.url)) as opened:
        yield opened
