"""Whatever bytes come in: a clear error with its place, or a lab that comes back from its definition."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from netlab.errors import LabError
from netlab.lab.loading import from_definition, load
from netlab.lab.words import WORDS, Words
from tests.lab.texts import GOOD
from tests.lab.words import SMALL

RELAXED = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SHIPPED = [path.read_text() for path in sorted((Path(__file__).parents[2] / "labs").glob("*/lab.yaml"))]
PIECES = [
    "",
    ":",
    "- ",
    "[",
    "]",
    "{",
    "}",
    "|",
    "&a ",
    "*a",
    "!!int ",
    "\t",
    "\n",
    "  ",
    "'",
    '"',
    "#",
    "${",
    "${port}",
]
WORDS_OF_LABS = [
    *["server", "client", "nic-a", "server.nic-a", "9000", "-1", "true", "null", "~", "50ms", "steps", "hosts", "wait"],
    *[
        "10.77.0.1/24",
        "::1/64",
        "id",
        "background",
        "heal",
        "<<",
        "\x00",
        "\x07",
        "\ufeff",
        "\u2028",
        "é",
        "\U0001f600",
    ],
]
SNIPPETS = st.sampled_from([*PIECES, *WORDS_OF_LABS])


def check(data: bytes, words: Words = SMALL) -> None:
    """Load these bytes: a lab that survives its definition, or mistakes that stand somewhere in the file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lab.yaml"
        path.write_bytes(data)
        try:
            lab = load(path, words=words)
        except LabError as error:
            lines = len(data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"))
            breaks = sum(data.count(mark) for mark in (b"\xc2\x85", b"\xe2\x80\xa8", b"\xe2\x80\xa9"))
            assert error.mistakes
            for mistake in error.mistakes:
                assert 1 <= mistake.line <= lines + breaks + 1 and mistake.column >= 1, mistake
            assert all(line.startswith(f"{path}:") for line in str(error).split("\n")), str(error)
            return
        definition = json.loads(json.dumps(lab.definition))
        again = from_definition(definition, folder=lab.topology.folder, words=words)
        assert dataclasses.replace(again, path=path) == lab


@RELAXED
@given(st.binary(max_size=300))
@example(b"")
@example(b"\xef\xbb\xbf")
@example(b"\x00")
@example(b"a: \xc2\x85 b\n: c")
@example(b"&a :" + GOOD.encode())
def test_any_bytes(data: bytes) -> None:
    check(data)


@RELAXED
@given(st.text(alphabet=st.sampled_from("ab:-[]{}|>&*!'\"#,?%@ \t\n\r0"), max_size=60))
@example("!<x> a")
@example("? a\n? b")
@example('"\\U99999999": 1')
@example("%YAML 99999999999999999999.1\n--- a")
def test_any_punctuation(text: str) -> None:
    check(text.encode())


@RELAXED
@given(st.lists(SNIPPETS, max_size=12).map("".join))
def test_any_words_of_labs(text: str) -> None:
    check(text.encode())


@RELAXED
@given(st.integers(0, len(GOOD)), st.integers(0, 30), st.lists(SNIPPETS, max_size=3).map("".join))
def test_a_good_lab_with_a_piece_replaced(at: int, length: int, piece: str) -> None:
    check((GOOD[:at] + piece + GOOD[at + length :]).encode())


@RELAXED
@given(st.sampled_from(SHIPPED), st.floats(0, 1), st.integers(0, 30), st.lists(SNIPPETS, max_size=3).map("".join))
def test_a_shipped_lab_with_a_piece_replaced(text: str, share: float, length: int, piece: str) -> None:
    at = int(share * len(text))
    check((text[:at] + piece + text[at + length :]).encode(), WORDS)


@RELAXED
@given(st.permutations(GOOD.split("\n")))
def test_a_good_lab_with_its_lines_shuffled(lines: list[str]) -> None:
    check("\n".join(lines).encode())


@RELAXED
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | SNIPPETS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SNIPPETS, inner, max_size=3),
        max_leaves=8,
    ),
    st.sampled_from(["hosts", "switches", "wires", "steps", "expect", "variants", "parameters", "source", "played"]),
)
def test_any_value_in_a_definition(value: object, key: str) -> None:
    hosts = {"server": {"nics": {"nic-a": {"ip": "10.77.0.1/24"}}}}
    try:
        from_definition({"name": "x", "title": "y", "hosts": hosts, key: value}, words=SMALL)
    except LabError as error:
        assert error.mistakes and str(error).startswith("definition: ")
