"""docs/lab-file.md says what the models say, and its examples are right."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from netlab.lab import document
from netlab.lab.loading import from_definition
from netlab.lab.nodes import plain
from netlab.lab.words import WORDS

DOCS = Path(__file__).parents[2] / "docs"
PLUGINS: dict[str, type[Any]] = {
    **WORDS.steps.all(),
    **WORDS.faults.all(),
    **WORDS.expectations.all(),
    **WORDS.reports(),
}
PROGRAM = {"argv": ["sleep", "60"]}
HOSTS = {
    "server": {
        "nics": {"eth0": {"ip": ["10.0.0.1/24", "fd00::1/64"]}, "nic-a": {"ip": "10.0.1.1/24"}},
        "programs": {"web": PROGRAM},
    },
    "client": {
        "nics": {"eth0": {"ip": ["10.0.0.2/24", "fd00::2/64"]}, "nic-b": {"ip": "10.0.1.2/24"}},
        "programs": {"curl": PROGRAM, "heart": PROGRAM, "shell": {**PROGRAM, "interactive": True}},
    },
}
"""Hosts and programs that the examples speak of."""
BEFORE = [
    {"id": "reader", "background": "reader", "server.worker": {"receive": {}}},
    {"id": "last-read", "client": {"receive": {}}},
    {"id": "idle-read", "client.idle": {"receive": {}}},
    {"id": "impatient-read", "client.impatient": {"receive": {}}},
]
"""Steps that the examples speak of; faults that they heal or name are played besides."""


def test_page_is_current() -> None:
    made = runpy.run_path(str(DOCS / "make_lab_file.py"))["page"]()
    assert (DOCS / "lab-file.md").read_text(encoding="utf-8") == made, "run: python docs/make_lab_file.py"


def test_page_tells_every_word() -> None:
    page = (DOCS / "lab-file.md").read_text(encoding="utf-8")
    assert [word for word in PLUGINS if not re.search(rf"^### {word}\b", page, re.MULTILINE)] == []


@pytest.mark.parametrize("word", PLUGINS)
def test_every_word_has_an_example_that_loads(word: str) -> None:
    example = PLUGINS[word].example
    assert word in example, f"{word} has no example"
    steps: list[Any] = list(BEFORE)
    expect: dict[str, Any] = {}
    outputs: dict[str, Any] = {}
    if word in WORDS.expectations:
        expect = plain(document.parse(example)[0])
        steps += [{"unplug": "server.eth0"}, {"replug": "server.eth0"}]
    elif word in WORDS.outputs:
        outputs = plain(document.parse(example)[0])
        steps += [{"unplug": "server.eth0"}, {"replug": "server.eth0"}]
    else:
        root, _ = document.parse("steps:\n" + "".join(f"  {line}\n" for line in example.split("\n")))
        steps += plain(root)["steps"]
    lab = from_definition(
        {
            "name": "example",
            "title": word,
            "hosts": HOSTS,
            "switches": {"switch": ["server.eth0", "client.eth0"]},
            "steps": steps,
            "expect": expect,
            "outputs": outputs,
        }
    )
    assert word in [each.word for each in (*lab.steps, *lab.expectations, *lab.outputs)]


@pytest.mark.parametrize("word", PLUGINS)
def test_every_word_and_every_key_of_it_is_described(word: str) -> None:
    import dataclasses

    kind = PLUGINS[word]
    assert (kind.__doc__ or "").strip() and not (kind.__doc__ or "").startswith(f"{kind.__name__}(")
    assert [field.name for field in dataclasses.fields(kind) if not field.metadata.get("description")] == []
