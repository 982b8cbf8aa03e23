"""The JSON Schema accepts what the loader accepts, and lists every word with its description."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from netlab.lab import document
from netlab.lab.nodes import plain
from netlab.lab.schema import json_schema
from netlab.lab.template import lab_file
from netlab.lab.words import WORDS
from tests.lab.texts import changed
from tests.lab.words import SMALL

LABS = sorted((Path(__file__).parents[2] / "labs").glob("*/lab.yaml"))
SCHEMA = json_schema()
SMALL_SCHEMA = json_schema(SMALL)


def errors(schema: dict[str, Any], text: str) -> list[str]:
    """What an editor would underline."""
    value = plain(document.parse(text)[0])
    return [error.message for error in Draft202012Validator(schema).iter_errors(value)]


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("path", LABS, ids=lambda path: path.parent.name)
def test_every_shipped_lab_fits(path: Path) -> None:
    assert errors(SCHEMA, path.read_text()) == []


def test_a_new_lab_fits() -> None:
    assert errors(SCHEMA, lab_file("new")) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("title: A small lab", "title: A small lab"),
        ('{listen: "${port}"}', '{listen: {port: "${port}", backlog: "5", reuse: "${how}"}}'),
        ("argv: [true]", "argv: true"),
        ("finding: confirmed", "finding: {expected: refuted, recorded: {6.18: refuted}}"),
        ("requires: [nftables]", 'family: "${how}"\nrequires: nftables'),
        ("socket: none", 'socket: "${how}", weight: 1, share: 10%, extra: [1]'),
        ("replug: server.nic-a", "replug:"),
        ("reset: {from: server, after: dial}", "reset: [{from: server}, {from: client}]"),
        ("claim: it loads", "claim: 5"),
        ("    sysctls: {net.ipv4.tcp_orphan_retries: 1}\n", "    sysctls:\n"),
    ],
)
def test_short_forms_parameters_and_numbers_as_texts_fit(old: str, new: str) -> None:
    assert errors(SMALL_SCHEMA, changed(old, new)) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("title: A small lab", "titel: A small lab"),
        ("finding: confirmed", "finding: maybe"),
        ("socket: none", "socket: nope"),
        ("within: 50ms", "within: soon"),
        ('{listen: "${port}"}', "{listen: {prot: 5}}"),
        ('{listen: "${port}"}', "{lisen: 5}"),
        ('server: {listen: "${port}"}', "listen: 5"),
        ("- finish: dialling", "- finnish: dialling"),
        ('how: "${how}"', "how: sideways"),
        ("script: |", "scripts: |"),
        ("{from: server, after: dial}", "{after: dial}"),
        ("hosts:", "hots:"),
        ("{type: int,", "{type: integer,"),
        ("    title: less is done\n", ""),
    ],
)
def test_what_it_can_know_it_underlines(old: str, new: str) -> None:
    assert errors(SMALL_SCHEMA, changed(old, new)) != []


def test_every_word_is_listed_with_its_description() -> None:
    entry = SCHEMA["$defs"]["entry"]
    (actions,) = entry["patternProperties"].values()
    listed = {**entry["properties"], **actions["properties"], **SCHEMA["$defs"]["expect"]["properties"]}
    words = {*WORDS.steps.words, *WORDS.faults.words, *WORDS.healings, *WORDS.expectations.words, "heal"}
    assert words <= listed.keys()
    assert [word for word in words if len(listed[word].get("description", "")) < 10] == []


def test_every_key_has_its_description() -> None:
    silent = []
    for name, form in SCHEMA["$defs"].items():
        whole = form["anyOf"][0] if "anyOf" in form else form
        silent += [
            f"{name}.{key}"
            for key, value in whole.get("properties", {}).items()
            if not value.keys() & {"description", "$ref"}
        ]
    assert silent == []


def test_defaults_are_written_as_in_a_lab_file() -> None:
    wait = SMALL_SCHEMA["$defs"]["Wait"]["anyOf"][0]["properties"]
    assert wait["within"]["default"] == "5s" and "from" in SMALL_SCHEMA["$defs"]["Sighting"]["anyOf"][0]["properties"]
