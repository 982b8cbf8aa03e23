"""The whole catalogue, played once for all tests that look at it (tests/labs/played.py)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.labs.played import Catalogue, play


@pytest.fixture(scope="session")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """Every run of the catalogue, in every round and over both families."""
    yield play(tmp_path_factory.mktemp("catalogue"))
