"""The record as one JSON document."""

from __future__ import annotations

import json

from netlab.outputs.json import Json
from netlab.records import record_from_json
from tests.outputs import samples


def test_json_is_one_ascii_document_that_reads_back_as_the_same_record() -> None:
    record = samples.record(sentence="半开连接 ✓")
    pieces: list[str] = []
    Json().write(record, pieces.append)
    text = "".join(pieces)
    assert text.isascii()
    assert text.endswith("}\n")
    assert record_from_json(json.loads(text)) == record
