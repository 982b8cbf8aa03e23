"""when: what is played, what is asked for, and what is said of a condition that cannot be."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.errors import LabError
from netlab.lab.loading import from_definition, load
from tests.lab.test_properties import RELAXED, SNIPPETS, check
from tests.lab.test_schema import SMALL_SCHEMA, errors
from tests.lab.texts import complaints, loaded, saved
from tests.lab.words import SMALL
from tests.lab.words.expectations.reset import Reset

CHOOSING = """\
name: choosing
title: What is played depends
parameters:
  fault: {type: choice, choices: [none, pull, nap], default: pull}
  wait: {type: duration, default: 1s}
  slow: false
hosts:
  server: {nics: {nic-a: {ip: 10.77.0.1/24}}}
  client: {nics: {nic-b: {ip: 10.77.0.2/24}}}
switches:
  router: [server.nic-a, client.nic-b]
steps:
  - server: {listen: 9000}
  - {id: strike, when: {fault: pull}, unplug: server.nic-a}
  - {id: strike, when: {fault: nap}, pause: client.worker}
  - {when: {fault: [pull, nap]}, heal: strike}
  - when: {slow: true, wait: 1000ms}
    client.worker: {connect: "server:9000"}
  - client.worker: {connect: "server:9000"}
expect:
  reset:
    - {when: {fault: none}, from: client}
    - {when: {fault: [pull, nap]}, from: server, after: strike}
  script: {when: {fault: pull}, text: "hello @server"}
variants:
  quiet:
    title: nothing happens
    set: {fault: none}
"""


def texts(folder: Path, **options: object) -> list[str]:
    return [step.text for step in loaded(folder, CHOOSING, **options).steps]


def with_(old: str, new: str) -> str:
    assert CHOOSING.count(old) >= 1
    return CHOOSING.replace(old, new, 1)


def test_a_step_is_played_where_its_parameter_has_the_value_or_one_of_them(tmp_path: Path) -> None:
    dial = "client.worker: connect server:9000"
    assert texts(tmp_path) == ["server: listen 9000", "unplug server.nic-a", "heal strike", dial]
    assert texts(tmp_path, parameters={"fault": "nap"})[1:3] == ["pause client.worker", "heal strike"]
    assert texts(tmp_path, variant="quiet") == ["server: listen 9000", dial]


def test_every_parameter_must_agree_and_quantities_are_compared_not_texts(tmp_path: Path) -> None:
    assert len(texts(tmp_path, parameters={"slow": True})) == 5
    assert len(texts(tmp_path, parameters={"slow": True, "wait": "2s"})) == 4


def test_what_is_left_out_has_no_number(tmp_path: Path) -> None:
    lab = loaded(tmp_path, CHOOSING, variant="quiet")
    assert [(step.index, step.name) for step in lab.steps] == [(0, "step 1"), (1, "step 2")]


def test_expectations_are_asked_for_where_they_hold(tmp_path: Path) -> None:
    assert loaded(tmp_path, CHOOSING, variant="quiet").expectations == (Reset(from_="client"),)
    assert Reset(from_="server", after="strike") in loaded(tmp_path, CHOOSING).expectations


@pytest.mark.parametrize("options", [{}, {"variant": "quiet"}, {"parameters": {"fault": "nap"}}])
def test_a_definition_holds_what_was_played_and_no_condition(tmp_path: Path, options: dict[str, object]) -> None:
    lab = loaded(tmp_path, CHOOSING, **options)
    assert "when" not in json.dumps(lab.definition)
    made = from_definition(json.loads(json.dumps(lab.definition)), folder=lab.topology.folder, words=SMALL)
    assert dataclasses.replace(made, path=lab.path) == lab


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("{fault: pull}, unplug", "{fualt: pull}, unplug", "14:25: unknown parameter 'fualt'; did you mean fault?"),
        (
            "{fault: pull}, unplug",
            "{fault: pul}, unplug",
            "14:32: parameter fault: 'pul' is not one of its choices; did you mean pull?",
        ),
        ("{fault: pull}, unplug", "{}, unplug", "14:18: when names no parameter; write when: {PARAMETER: VALUE}"),
        ("when: {fault: pull}, unplug", "when: pull, unplug", "14:18: when names no parameter; write when:"),
        ("[pull, nap]}, heal", "[]}, heal", "16:20: when: no value; write when: {PARAMETER: VALUE}"),
        ("[pull, nap]}, heal", "[[pull]]}, heal", "16:21: when: a value is a text or a number; write"),
        ("1000ms", "soon", "17:30: parameter wait: 'soon' is not a duration; write it like"),
        ("pause: client.worker", "puase: x", "15:38: no host, step or fault 'puase' (with fault=nap); did you mean pa"),
        ("{fault: [pull, nap]}, from", "{fault: pull}, from", ""),
        (
            "{when: {fault: [pull, nap]}, from",
            "{from",
            "23:29: no step before this one with the id 'strike' (in variant quiet)",
        ),
        ("from: client}", "from: clint}", "22:35: no host 'clint' (in variant quiet); did you mean client?"),
        ("slow: false", "slow: false\n  unused: 1", "7:3: parameter unused is used nowhere"),
    ],
)
def test_a_mistake_is_told_where_it_stands(tmp_path: Path, old: str, new: str, expected: str) -> None:
    found = complaints(tmp_path, with_(old, new))
    assert any(line.startswith(expected) for line in found) if expected else not found, found


def test_what_only_another_value_plays_is_looked_at_after_the_run_has_begun(tmp_path: Path) -> None:
    path = saved(tmp_path, with_("pause: client.worker", "pause: sever.worker"))
    quick = load(path, words=SMALL, at_once=True)
    assert quick.check_others is not None
    with pytest.raises(LabError, match=r"with fault=nap"):
        quick.check_others()


@pytest.mark.parametrize(
    ("old", "new"),
    [("{fault: pull}, unplug", "{}, unplug"), ("{fault: none}, from", "none, from"), ("{fault: pull}, un", "1, un")],
)
def test_the_schema_knows_it(old: str, new: str) -> None:
    assert errors(SMALL_SCHEMA, CHOOSING) == []
    assert errors(SMALL_SCHEMA, with_(old, new)) != []


@RELAXED
@given(st.integers(0, len(CHOOSING)), st.integers(0, 30), st.lists(SNIPPETS, max_size=3).map("".join))
def test_a_lab_of_conditions_with_a_piece_replaced(at: int, length: int, piece: str) -> None:
    check((CHOOSING[:at] + piece + CHOOSING[at + length :]).encode())
