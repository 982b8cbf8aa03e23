"""The record as one JSON document: what record.json holds, and what `--json` prints.

Rules: ASCII only, so that no locale can spoil it; keys in the order of the dataclasses, so that two runs compare.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from netlab.outputs import Output
from netlab.records import RunRecord, record_to_json


class Json(Output):
    """One JSON document and a newline."""

    def write(self, record: RunRecord, write: Callable[[str], object]) -> None:
        """Write the record's JSON through `write`."""
        write(json.dumps(record_to_json(record), indent=1))
        write("\n")
