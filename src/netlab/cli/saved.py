"""`netlab judge`: judge a saved run again, on any machine."""

from __future__ import annotations

from pathlib import Path

from netlab.cli import run, streams


def judge(place: Path, json: bool, timeline: bool, files: bool) -> int:
    """Judge the record of a run directory anew; the exit code is the verdict's."""
    from netlab import api, rundir
    from netlab.outputs.terminal import Terminal

    lab, record = api.judge_anew(place)
    if json or timeline:
        run.show(record, json, lab.outputs)
    else:
        streams.lines(Terminal(lab.outputs).findings(record))
    if files:
        folder = place if place.is_dir() else place.parent
        for note in rundir.write_outputs(folder, record, lab.outputs):
            (streams.err if json else streams.out)(f"{note}\n")
    return run.exit_code(record)
