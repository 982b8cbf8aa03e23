"""docs/record.md says what records.py says."""

from __future__ import annotations

import runpy
from pathlib import Path

from netlab.records import EVENT_KINDS

DOCS = Path(__file__).parents[2] / "docs"


def test_page_is_current() -> None:
    made = runpy.run_path(str(DOCS / "make_record.py"))["page"]()
    assert (DOCS / "record.md").read_text(encoding="utf-8") == made, "run: python docs/make_record.py"


def test_page_tells_every_kind_of_event() -> None:
    page = (DOCS / "record.md").read_text(encoding="utf-8")
    assert [word for word in EVENT_KINDS if f'"kind": "{word}"' not in page] == []
