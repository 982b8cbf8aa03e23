"""The supervisor answers every request, whatever comes, and ends with its client."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from netlab.errors import NeedError, NetlabError, StepError, UsageError
from netlab.session import Session
from tests.leftovers import family


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with Session(tmp_path) as live:
        yield live


def test_an_unknown_request_is_answered_and_the_supervisor_lives_on(session: Session) -> None:
    with pytest.raises(UsageError, match="dance"):
        session.request("dance")
    with pytest.raises(UsageError, match="sing"):
        session.request("sing")


def test_a_request_that_makes_no_sense_is_answered_as_a_defect(session: Session) -> None:
    with pytest.raises(NetlabError, match="defect"):
        session.request("build", topology={"hosts": "none"})
    with pytest.raises(UsageError):
        session.request("dance")


def test_a_topology_that_the_kernel_refuses_is_answered(session: Session) -> None:
    nic = {"ip": ["10.0.0.1/24"], "mtu": 1}
    with pytest.raises(StepError):
        session.request("build", topology={"hosts": {"a": {"nics": {"eth0": nic}}}})


def test_a_supervisor_that_is_killed_is_said_to_be(session: Session) -> None:
    [supervisor] = [pid for pid, name in family(os.getpid()).items() if name == "netlab-super"] or [0]
    while not supervisor:
        [supervisor] = [pid for pid, name in family(os.getpid()).items() if name == "netlab-super"] or [0]
    os.kill(supervisor, signal.SIGKILL)
    with pytest.raises(NeedError, match="killed"):
        session.request("observe")
    assert not session.alive


def test_when_the_session_ends_no_process_of_it_is_left(session: Session) -> None:
    with pytest.raises(UsageError):
        session.request("dance")
    assert "netlab-super" in family(os.getpid()).values()
    session.end()
    assert not [name for name in family(os.getpid()).values() if name.startswith("netlab")]
