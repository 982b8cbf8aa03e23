"""The key `outputs` of a lab file: what a lab asks to be made of its record."""

from __future__ import annotations

from typing import Any

import pytest

from netlab.errors import LabError
from netlab.lab import Lab, from_definition
from netlab.outputs.detection import Detection

LAB: dict[str, Any] = {
    "name": "mine",
    "title": "Who notices",
    "parameters": {"fault": {"type": "choice", "choices": ["pull", "kill"], "default": "pull"}},
    "hosts": {
        "server": {"nics": {"eth0": {"ip": "10.0.0.1/24"}}},
        "client": {"programs": {"heart": {"argv": ["true"]}}},
    },
    "steps": [
        {"id": "read", "client": {"receive": {}}},
        {"id": "strike", "when": {"fault": "pull"}, "unplug": "server.eth0"},
        {"id": "strike", "when": {"fault": "kill"}, "kill": "server"},
    ],
}


def lab(outputs: Any, fault: str = "pull", **more: Any) -> Lab:
    return from_definition({**LAB, "outputs": outputs, **more}, parameters={"fault": fault})


def asked(**more: Any) -> dict[str, Any]:
    return {"fault": "strike", "ways": [{"label": "reads", "step": "read"}], **more}


def test_an_output_has_its_settings_and_comes_back_from_a_definition() -> None:
    loaded = lab({"detection": asked(title="Who")})
    (output,) = loaded.outputs
    assert isinstance(output, Detection) and (output.fault, output.title, output.word) == ("strike", "Who", "detection")
    assert from_definition(loaded.definition).outputs == loaded.outputs


def test_one_word_may_ask_for_several_each_with_its_when() -> None:
    several = {"detection": [asked(), {"when": {"fault": "kill"}, **asked(file="killed")}]}
    assert [output.file for output in lab(several).outputs if isinstance(output, Detection)] == ["detection"]
    assert len(lab(several, "kill").outputs) == 2


def test_a_variant_may_have_outputs_of_its_own() -> None:
    variants = {"quiet": {"title": "no output", "outputs": {}}}
    definition = {**LAB, "outputs": {"detection": asked()}, "variants": variants}
    assert len(from_definition(definition).outputs) == 1
    assert from_definition(definition, "quiet").outputs == ()


@pytest.mark.parametrize(
    ("outputs", "told"),
    [
        ({"detektion": asked()}, "no output 'detektion'; did you mean detection?"),
        ({"json": {}}, "no output 'json'"),
        ({"detection": asked(fault="struck")}, "no step with the id or verb 'struck'"),
        ({"detection": asked(ways=[{"label": "x", "step": "reed"}])}, "no step before this one with the id 'reed'"),
        ({"detection": asked(ways=[{"label": "x"}])}, "a way to notice is a step or a program; give one of them"),
        ({"detection": asked(ways=[{"label": "x", "program": "client.heart"}])}, "needs the line by which it notices"),
        ({"detection": asked(ways=[{"label": "x", "program": "client.hart", "line": "x", "port": 1}])}, "client.heart"),
        ({"detection": asked(colour="red")}, "unknown key 'colour'"),
    ],
)
def test_a_mistake_is_told(outputs: Any, told: str) -> None:
    with pytest.raises(LabError) as caught:
        lab(outputs)
    assert told in str(caught.value)
