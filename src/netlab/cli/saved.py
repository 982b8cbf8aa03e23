"""`netlab judge`: judge a saved run again, on any machine."""

from __future__ import annotations

from pathlib import Path

from netlab.cli import run, streams


def judge(place: Path, json: bool, timeline: bool) -> int:
    """Judge the record of a run directory anew; the exit code is the verdict's."""
    from netlab import api
    from netlab.outputs.terminal import Terminal

    record = api.judge_run(place)
    if json or timeline:
        run.show(record, json)
    else:
        streams.lines(Terminal().findings(record))
    return run.exit_code(record)
