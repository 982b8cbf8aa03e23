"""A launcher that is forked out of a warm process."""

from __future__ import annotations

import os
import signal

import pytest

from netlab.agent import launcher, warm


def test_ctrl_c_that_is_the_parents_does_not_end_a_launcher_in_its_first_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    leave = os.setsid

    def interrupted() -> None:
        os.kill(os.getpid(), signal.SIGINT)  # as one to the whole group, just before it leaves that
        leave()

    monkeypatch.setattr(os, "setsid", interrupted)
    monkeypatch.setattr(launcher, "main", lambda *descriptors: 7)
    nothing = os.open(os.devnull, os.O_RDWR)
    assert warm.start((nothing, nothing, nothing), nothing).wait() == 7
    os.close(nothing)
