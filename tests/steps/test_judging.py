"""What actions say of their calls: pure, from the record alone."""

from __future__ import annotations

import pytest

from netlab.records import Call, Check, Environment, RunRecord, Verdict
from netlab.steps import STEPS, Action, Planned


def judged(word: str, action: dict[str, object], **call: object) -> Check:
    """The check of an action whose call had this outcome."""
    planned = Planned(index=3, name="step 4", kind="action", word=word, doing=STEPS[word](**action), actor="client")
    made = Call(1, 2, 3, "client", "client", "connection", word, **call)  # type: ignore[arg-type]
    record = RunRecord("", None, Verdict.PASS, "", Environment("", "", "", "", False, {}), {}, events=(made,))
    [check] = planned.doing.judge(planned, record)
    assert isinstance(check, Check)
    return check


@pytest.mark.parametrize(
    ("action", "result", "wrong"),
    [
        ({"bytes": "hello"}, {"bytes": "hello", "size": 5}, ""),
        ({"bytes": "hello"}, {"bytes": "hel", "size": 3, "eof": True}, 'received "hel", then EOF where "hello" was'),
        ({"bytes": "né"}, {"bytes": "n\xc3\xa9", "size": 3}, ""),
        ({"hex": "00ff"}, {"bytes": "\x00\xff", "size": 2}, ""),
        ({"hex": "00ff"}, {"bytes": "\x00", "size": 1, "eof": True}, 'received "\\x00", then EOF where "\\x00\\xff"'),
        ({"size": 4}, {"bytes": "abcd", "size": 4}, ""),
        ({"size": 4}, {"bytes": "ab", "size": 2, "eof": True}, "received 2 bytes, then EOF where 4 were expected"),
        ({"eof": True}, {"size": 0, "eof": True}, ""),
        (
            {"eof": True},
            {"bytes": "x", "size": 1, "eof": True},
            'received "x", then EOF where EOF was expected at once',
        ),
        ({"bytes": "a", "eof": True}, {"bytes": "a", "size": 1, "eof": True}, ""),
        ({"bytes": "a", "eof": True}, {"bytes": "ab", "size": 2, "eof": True}, 'received "ab", then EOF where "a"'),
        ({}, {"bytes": "whatever", "size": 8}, ""),
    ],
)
def test_receive_compares_what_came(action: dict[str, object], result: dict[str, object], wrong: str) -> None:
    check = judged("receive", action, result=result)
    assert check.verdict is (Verdict.FAIL if wrong else Verdict.PASS)
    assert wrong in check.explanation and bool(wrong) == bool(check.explanation)


def test_an_expected_error_passes_and_another_fails() -> None:
    assert judged("receive", {"error": "ECONNRESET"}, error="ECONNRESET").verdict is Verdict.PASS
    check = judged("receive", {"error": "ECONNRESET"}, error="TIMEOUT")
    assert check.verdict is Verdict.FAIL and "TIMEOUT where ECONNRESET was expected" in check.explanation
    assert judged("receive", {"bytes": "x"}, error="ECONNRESET").verdict is Verdict.FAIL
    assert judged("send", {"text": "x", "signal": "SIGPIPE"}, signal="SIGPIPE").verdict is Verdict.PASS
    assert judged("send", {"text": "x", "error": "EPIPE"}, signal="SIGPIPE").verdict is Verdict.FAIL


def test_send_must_have_been_taken_whole() -> None:
    assert judged("send", {"text": "hello"}, result={"size": 5}).verdict is Verdict.PASS
    assert judged("send", {"text": "hello"}, result={"size": 3}).verdict is Verdict.FAIL
    assert judged("send", {"text": "hello", "partial": True}, result={"size": 3}).verdict is Verdict.PASS


def test_getsockopt_and_poll_compare_values() -> None:
    assert judged("getsockopt", {"option": "SO_ERROR", "value": 0}, result={"value": 0}).verdict is Verdict.PASS
    assert judged("getsockopt", {"option": "SO_ERROR", "value": 0}, result={"value": 104}).verdict is Verdict.FAIL
    assert judged("poll", {"until": "hangup"}, result={"events": ["error"]}).verdict is Verdict.FAIL


@pytest.mark.parametrize("fields", [{}, {"text": "a", "hex": "00"}, {"hex": "zz"}, {"size": 0}])
def test_a_send_takes_one_payload(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"payload|hex"):
        STEPS["send"](**fields)


def test_every_action_has_an_example_and_every_field_a_description() -> None:
    import dataclasses

    for word, kind in STEPS.all().items():
        assert kind.example.startswith("- "), word
        for field in dataclasses.fields(kind):
            assert field.metadata.get("description"), f"{word}.{field.name}"
        assert issubclass(kind, Action) == ("perform" in vars(kind)), word
