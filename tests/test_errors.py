"""Errors on their way to another process: what arrives is what was raised."""

from __future__ import annotations

import json

import pytest

from netlab import errors
from netlab.errors import KernelError, LabError, Mistake, NetlabError, StepError, from_json, to_json

PLAIN = [
    kind("attempt: what happened; what to do")
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, NetlabError) and kind not in (LabError, KernelError)
]
SPECIAL = [
    LabError("labs/x/lab.yaml", [Mistake(3, 1, "unknown key 'hots'", "did you mean hosts?"), Mistake(9, 2, "no")]),
    KernelError("add link", namespace="client", interface="nic-b", errno=17, hint="is it there already?"),
]


@pytest.mark.parametrize("error", [*PLAIN, *SPECIAL], ids=lambda error: type(error).__name__)
def test_error_arrives_as_it_was(error: NetlabError) -> None:
    arrived = from_json(json.loads(json.dumps(to_json(error))))
    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    assert vars(arrived) == vars(error)


@pytest.mark.parametrize(
    "answer",
    [
        {"type": "KernelError", "text": "EPERM"},
        {"type": "LabError", "text": "EPERM"},
        {"type": "LabError", "text": "EPERM", "file": "x", "mistakes": [{"line": 1}]},
        {"type": "Exception", "text": "EPERM"},
        {"type": "Mistake", "text": "EPERM"},
        {"type": 7, "text": "EPERM"},
        {"text": "EPERM"},
    ],
)
def test_what_is_told_otherwise_is_at_least_its_text(answer: dict[str, object]) -> None:
    arrived = from_json(answer, StepError)
    assert type(arrived) is StepError
    assert str(arrived) == "EPERM"
