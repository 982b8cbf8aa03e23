"""labs/README.md orders all labs as a course: each is there exactly once, and each link leads to its handout."""

from __future__ import annotations

import re
from collections import Counter

from tests.labs.played import FOLDERS, LABS

INDEX = (LABS / "README.md").read_text(encoding="utf-8")
PARTS = ["Handshake", "Closing", "Half-close", "Half-open", "RST", "Detection", "Bad paths", "Real services"]
ENTRY = re.compile(r"^- \[([a-z0-9-]+)\]\(([^)]+)\): (.+)$", re.MULTILINE)


def test_each_lab_is_in_the_course_exactly_once() -> None:
    counted = Counter(name for name, _, _ in ENTRY.findall(INDEX))
    assert counted == Counter(folder.name for folder in FOLDERS)


def test_each_link_leads_to_the_handout_of_its_lab() -> None:
    for name, target, _ in ENTRY.findall(INDEX):
        assert target == f"{name}/README.md"
        assert (LABS / target).is_file(), target


def test_the_course_has_its_parts_in_order_and_each_has_labs() -> None:
    assert re.findall(r"^## \d+\. (.+)$", INDEX, re.MULTILINE) == PARTS
    for part in re.split(r"^## ", INDEX, flags=re.MULTILINE)[1:]:
        assert ENTRY.search(part), part.splitlines()[0]
        assert len(ENTRY.findall(part)) == len(re.findall(r"^- ", part, re.MULTILINE)), "an entry is not of the form"
