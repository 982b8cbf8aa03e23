"""start: what it refuses before a run. (tests/agent/test_programs.py runs programs, on connections and without.)"""

from __future__ import annotations

import pytest

from netlab.steps.start import Start


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"socket": "connection"}, "say with `connection_of` whose"),
        ({"connection_of": "client"}, "client is on another host than server.web; name an endpoint of server"),
        ({"connection_of": "client.worker"}, "client.worker is on another host"),
    ],
)
def test_a_connection_is_named_with_an_endpoint_of_the_programs_host(given: dict[str, str], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Start(program="server.web", **given)


def test_an_endpoint_of_its_own_may_give_it_too() -> None:
    assert Start(program="server.web", connection_of="server.worker", socket="second").socket == "second"
