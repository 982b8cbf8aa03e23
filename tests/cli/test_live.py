"""The progress of a run on stderr."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from netlab.cli.live import Live, Plain
from netlab.steps import Planned

LAB = cast(Any, SimpleNamespace(name="half-open", variant="down", steps=[None] * 12, takes=None))
SEND = Planned(index=2, name="step 3", kind="action", word="send", doing=None, text='client: send "hello"')


def watch(progress: Plain) -> None:
    """A run as the orchestrator tells it."""
    progress.started(LAB)
    progress.phase("building")
    progress.step(SEND)
    progress.done(SEND, None, 1_500_000)
    progress.step(SEND)
    progress.done(SEND, "ECONNRESET where success was expected", 2_000_000)
    progress.phase("judging")
    progress.saved(Path("runs/x"))
    progress.over()


def test_plain_progress_is_a_line_a_step(capsys: pytest.CaptureFixture[str]) -> None:
    watch(Plain())
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "half-open (down): 12 steps",
        '[ 3/12] client: send "hello" (1.5 ms)',
        '[ 3/12] client: send "hello" (2 ms)',
        "        ECONNRESET where success was expected",
    ]


def test_what_the_kernel_takes_is_said_before_it_takes_it(capsys: pytest.CaptureFixture[str]) -> None:
    Plain().started(cast(Any, SimpleNamespace(**{**vars(LAB), "takes": 60 * 10**9})))
    assert capsys.readouterr().err == "half-open (down): 12 steps, takes 60 s of the kernel's time\n"


def test_live_progress_overwrites_its_line_and_leaves_none(capsys: pytest.CaptureFixture[str]) -> None:
    watch(Live())
    err = capsys.readouterr().err
    assert err.endswith("\r\x1b[K")
    assert "building" in err
    kept = [line.rpartition("\x1b[K")[2] for line in err.split("\n")]
    assert kept == [
        "half-open (down): 12 steps",
        '[ 3/12] client: send "hello": ECONNRESET where success was expected',
        "",
    ]


def test_run_directory_is_remembered() -> None:
    progress = Plain()
    progress.saved(Path("runs/x"))
    assert progress.directory == Path("runs/x")
