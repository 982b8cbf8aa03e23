"""Bytes to nodes: what is read, where it stands, and what is refused."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from netlab.errors import LabError
from netlab.lab.document import parse, read
from netlab.lab.file import MAX_BYTES
from netlab.lab.nodes import Mapping, Plain, Scalar, child, plain
from tests.lab.texts import GOOD


def wrongs(text: str) -> list[str]:
    """What is wrong with a text, as `line:column: wrong`."""
    try:
        mistakes = parse(text)[1]
    except LabError as error:
        mistakes = error.mistakes
    return [f"{mistake.line}:{mistake.column}: {mistake.wrong}" for mistake in mistakes]


def refusal(path: Path) -> str:
    """Why a file is refused; it takes a second of this process at most, however busy the machine is."""
    before = time.process_time()
    with pytest.raises(LabError) as caught:
        read(path)
    assert time.process_time() - before < 1
    text = str(caught.value)
    assert text.startswith(f"{path}:")
    return text.removeprefix(f"{path}:")


def value(text: str) -> object:
    return plain(parse(text)[0])


def test_texts_that_yaml_1_1_reads_otherwise_stay_what_they_are() -> None:
    text = "mac: 10:00:00:00:00:10\nport: 22:22\non: on\nno: yes\nzero: 010\nyear: 2026-01-01\nexp: 1e3\n"
    assert value(text) == {
        "mac": "10:00:00:00:00:10",
        "port": "22:22",
        "on": "on",
        "no": "yes",
        "zero": "010",
        "year": "2026-01-01",
        "exp": "1e3",
    }


def test_what_json_writes_alike_becomes_numbers_and_truth_values() -> None:
    text = 'a: 9000\nb: true\nc: false\nd:\ne: null\nf: ~\ng: "9000"\nh: "true"\ni: -1\nj: 99999999999999999999\n'
    assert value(text) == {
        "a": 9000,
        "b": True,
        "c": False,
        "d": None,
        "e": None,
        "f": None,
        "g": "9000",
        "h": "true",
        "i": -1,
        "j": "99999999999999999999",
    }


def test_a_plain_value_comes_back_from_its_tree() -> None:
    original = {"a": [1, True, None, "x", "", "9000", {"b": -5}], "c": {}, "d": []}
    assert plain(Plain(original).root) == original


def test_nodes_know_their_places() -> None:
    root, _ = parse("a: 1\nb:\n  - x\n  - {c: 'y'}\n")
    node = child(root, "b", 1, "c")
    assert isinstance(node, Scalar) and (node.line, node.column, node.text) == (4, 9, "y")
    assert (root.keys["b"].line, root.keys["b"].column) == (2, 1)


@pytest.mark.parametrize("header", ["|", "|  # a comment", "|-", "|+", "|2"])
def test_a_place_inside_a_block_is_a_place_in_the_file(header: str) -> None:
    text = f"a:\n  b: {header}\n\n    one\n      two three\n"
    root, _ = parse(text)
    block = child(root, "a", "b")
    assert isinstance(block, Scalar)
    lines = block.text.split("\n")
    number = next(i for i, line in enumerate(lines, 1) if "three" in line)
    line, column = block.spot(number, lines[number - 1].index("three") + 1)
    assert text.split("\n")[line - 1][column - 1 :] == "three"


def test_a_place_inside_a_quoted_text_is_a_place_in_the_file() -> None:
    root, _ = parse('a: "one two"\n')
    quoted = child(root, "a")
    assert isinstance(quoted, Scalar) and quoted.spot(1, 5) == (1, 9)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: &x 1\nb: *x\n", ["1:4: an anchor (&x)", "2:4: an alias (*x)"]),
        ("a: !!int 1\nb: !x {c: 1}\n", ["1:4: a tag (tag:yaml.org,2002:int)", "2:4: a tag (!x)"]),
        ("a: 1\na: 2\nb: {c: 1, c: 2}\n", ["2:1: a twice", "3:11: c twice"]),
        ("a: {b: 1}\n<<: {c: 2}\n", ["2:1: a merge key (<<)"]),
        ("? [a]\n: 1\n", ["1:3: a key that is not a text"]),
        ("a: 1\n---\nb: 2\n", ["2:1: a second document"]),
        ("%YAML 1.1\n---\na: 1\n", ["2:1: %YAML 1.1"]),
        ("%TAG ! x:\n---\na: 1\n", ["2:1: a %TAG directive"]),
        ('a: "\\0"\nb: "\\ud800"\n', [f"{i}:4: an escape for a character that is not text" for i in (1, 2)]),
        ("", ["1:1: the file is empty"]),
        ("# nothing\n\n", ["1:1: the file is empty"]),
        ("---\n...\n", ["1:1: the file is empty"]),
        ("- a\n", ["1:1: not a mapping"]),
        ("hello\n", ["1:1: not a mapping"]),
        ("a:\n\tb: 1\n", ["2:1: a tab"]),
        ("\ta: 1\n", ["1:1: a tab"]),
        ("a:\tb\n", ["1:3: a tab"]),
        ("a: {b: ${c}}\n", ["1:8: ${ inside { } or [ ] without quotes"]),
        ("a: [1\n", ["2:1: not YAML: while parsing a flow sequence expected ',' or ']', but got '<stream end>'"]),
        ("a: b: c\n", ["1:5: not YAML: mapping values are not allowed here"]),
        ("a: 1\nb: \x07\n", ["2:4: control character U+0007"]),
        ("a: &x 1\nb: [\n", ["1:4: an anchor (&x)", "3:1: not YAML: while parsing a flow node expected the node"]),
        ("[" * 200, ["1:32: nested more than 30 deep"]),
        ("a:\n" + "".join(" " * i + "- \n" for i in range(40)), ["32:31: nested more than 30 deep"]),
    ],
)
def test_what_a_lab_file_may_not_be_is_refused_at_its_place(text: str, expected: list[str]) -> None:
    found = wrongs(text)
    assert len(found) == len(expected)
    assert [line for line, start in zip(found, expected) if not line.startswith(start)] == []


def test_an_alias_bomb_is_never_expanded() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    before = time.process_time()
    found = wrongs("\n".join(lines))
    assert time.process_time() - before < 1
    assert len(found) == 12 + 110


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    path = tmp_path / "lab.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: |\r\n  x\r\n  y\r\n")
    root, mistakes = read(path)
    assert plain(root) == {"a": 1, "b": "x\ny\n"} and not mistakes
    assert (root.keys["a"].column, root.keys["b"].line) == (1, 2)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a: 1\nb: x\xff\n", "2:5: byte 0xff is not UTF-8"),
        (b"a: 1\nb: x\0\n", "2:5: a NUL character"),
        (b"\x7fELF\x02\x01\x01\0\0\0", "1:8: a NUL character"),
        (b"\x89PNG\r\n\x1a\n", "1:1: byte 0x89 is not UTF-8"),
        ("a: 1".encode("utf-16"), "1:1: byte 0xff is not UTF-8"),
        (b"\x1f\x8b\x08\x00", "1:2: byte 0x8b is not UTF-8"),
        (b"x" * (MAX_BYTES + 1), f"1:1: holds {MAX_BYTES + 1} bytes or more"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path: Path, data: bytes, expected: str) -> None:
    path = tmp_path / "lab.yaml"
    path.write_bytes(data)
    assert refusal(path).startswith(expected)


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "lab.yaml"
    with path.open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    assert refusal(path).startswith("1:1: holds 104857600 bytes or more; a lab file has at most 1048576 bytes")


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    assert "is not an ordinary file" in refusal(fifo)
    assert "is a directory" in refusal(tmp_path)
    assert "is not an ordinary file" in refusal(Path("/dev/zero"))
    assert "cannot be read: No such file or directory" in refusal(tmp_path / "missing.yaml")
    assert "cannot be read: Not a directory" in refusal(Path("/dev/null/lab.yaml"))
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert "cannot be read: Too many levels" in refusal(loop)


def test_a_file_one_may_not_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lab.yaml"
    path.write_text(GOOD)
    path.chmod(0)
    if os.access(path, os.R_OK):  # root reads everything
        assert isinstance(read(path)[0], Mapping)
    else:
        assert "cannot be read: Permission denied" in refusal(path)


@pytest.mark.parametrize(
    "pattern",
    ["- ", "a: ", "[", "{a: ", "? ", "a\n", "'", '"\\x41', "a: 1\n", "# x\n", "&a ", "!x ", "|\n", "- - a\n "],
)
def test_a_full_sized_file_of_anything_is_answered_soon(pattern: str) -> None:
    text = (pattern * (MAX_BYTES // len(pattern)))[: MAX_BYTES // 8]
    before = time.process_time()
    wrongs(text)
    assert time.process_time() - before < 10
