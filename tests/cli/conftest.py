"""A saved run for tests that judge: its record is built by hand, its lab is a real one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from netlab import lab
from netlab.records import record_to_json
from tests.cli.command import lab_folder
from tests.outputs import samples


@pytest.fixture
def saved_run(tmp_path: Path) -> Path:
    """A run directory whose lab asks for one connection; its record shows it."""
    loaded = lab.load(lab_folder(tmp_path) / "hello" / "lab.yaml")
    record = samples.record(
        samples.EVENTS[:12] + samples.STATES[:4],
        lab=loaded.name,
        definition=loaded.definition,
        checks=(),
        resets=(),
        sentence="",
    )
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "record.json").write_text(json.dumps(record_to_json(record)), encoding="utf-8")
    return folder
