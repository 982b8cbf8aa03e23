"""tshark as an oracle: what it reads in a capture file."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

needs_tshark = pytest.mark.skipif(
    shutil.which("tshark") is None, reason="tshark is not installed (the README allows this skip)"
)


def fields(capture: Path, *names: str, only: str = "") -> list[list[str]]:
    """One row for each packet (that the display filter `only` lets through), one column for each field."""
    chosen = [argument for name in names for argument in ("-e", name)]
    command = [
        "tshark",
        "-n",
        "-r",
        str(capture),
        "-T",
        "fields",
        "-E",
        "separator=|",
        *chosen,
        *(["-Y", only] if only else []),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    complaints = [line for line in done.stderr.splitlines() if line and "root" not in line and "dangerous" not in line]
    assert not complaints, done.stderr
    return [line.split("|") for line in done.stdout.splitlines()]
