"""The wire script's parser."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.judge.script import Barrier, Group, Line, Script, ScriptError, parse


def only(text: str) -> Line:
    """The script's only line."""
    (line,) = parse(text).lines()
    return line


def mistakes(text: str) -> list[tuple[int, int, str]]:
    """Line, column and text of every mistake."""
    with pytest.raises(ScriptError) as caught:
        parse(text)
    assert all(mistake.allowed for mistake in caught.value.mistakes)
    return [(mistake.line, mistake.column, mistake.wrong) for mistake in caught.value.mistakes]


def test_a_line_names_sender_receiver_and_flags() -> None:
    line = only("client > server  S.")
    assert (line.source.host, line.target.host, line.flags) == ("client", "server", (frozenset("S."),))


def test_everything_else_follows_in_any_order() -> None:
    _, line = parse('a > b S\na > b P. within 50ms "x" win=7 <sackOK, mss 1460> len=1 ack=2 seq=1 as first').lines()
    assert (line.within_ns, line.payload, line.window, line.label) == (50_000_000, b"x", 7, "first")
    assert line.options == ("sackOK", "mss 1460")
    assert [e.text for e in (line.seq, line.ack, line.length) if e and e != "any"] == ["1", "2", "1"]


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("S.", [frozenset("S.")]),
        ("FP.", [frozenset("F.P")]),
        ("PF.", [frozenset("F.P")]),
        ("P.|.", [frozenset("P."), frozenset(".")]),
        ("none", [frozenset()]),
        ("any", []),
        ("SEW", [frozenset("SEW")]),
    ],
)
def test_flags_are_tcpdump_letters_in_any_order(text: str, flags: list[frozenset[str]]) -> None:
    assert list(only(f"a > b {text}").flags) == flags


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("server", ("server", None, None, None)),
        ("server:9000", ("server", None, 9000, None)),
        ("client:first", ("client", "first", None, None)),
        ("any", (None, None, None, None)),
        ("10.0.0.1", (None, None, None, "10.0.0.1")),
        ("10.0.0.1:80", (None, None, 80, "10.0.0.1")),
        ("fd00::1", (None, None, None, "fd00::1")),
        ("[fd00::1]:80", (None, None, 80, "fd00::1")),
        ("3com", ("3com", None, None, None)),
    ],
)
def test_a_place_is_a_host_a_socket_a_port_or_an_address(text: str, fields: tuple[object, ...]) -> None:
    for place in (only(f"{text} > b S").source, only(f"a > {text} S").target):
        assert (place.host, place.socket, place.port, place.ip) == fields


def test_a_payload_knows_escapes_and_is_utf_8() -> None:
    assert only(r'a > b P. "h\x00\n\"é\\"').payload == b'h\x00\n"\xc3\xa9\\'


@pytest.mark.parametrize("text", ["?a > b .", "? a > b .", "  ?   a > b ."])
def test_a_question_mark_makes_a_line_optional(text: str) -> None:
    assert only(text).repeat == "?"


def test_groups_and_barriers_are_elements_of_their_own() -> None:
    script = parse("a > b S\n{\n a > b F.\n b > a F.\n}\n-- step 3 --  # and a comment\na > b .")
    assert [type(element) for element in script.elements] == [Line, Group, Barrier, Line]
    assert script.barriers() == [Barrier(6, "step 3")]
    assert [line.number for line in script.lines()] == [1, 3, 4, 7]


def test_three_dots_are_any_number_of_any_segments() -> None:
    dots, line = parse("  ...  # the database greets\na > b S").elements
    assert isinstance(dots, Line) and dots.anything
    assert isinstance(line, Line) and not line.anything and only("* any > any any").anything
    assert not only("* any > any P.").anything and not only("* a > any any").anything


def test_a_frame_that_is_not_tcp_has_words() -> None:
    line = only("a > any arp who-has 10.0.0.1")
    assert (line.protocol, line.words) == ("arp", "who-has 10.0.0.1")


def test_comments_begin_outside_of_quotes_only() -> None:
    assert only('a > b P. "#1" # no payload').payload == b"#1"


def test_what_a_script_names_has_its_place() -> None:
    script = parse("  client > server:9000  S\n  -- replug --\n  10.0.0.1 > any .")
    names = [(name.kind, name.name, name.line, name.column) for name in script.references()]
    assert names == [("host", "client", 1, 3), ("host", "server", 1, 12), ("barrier", "replug", 2, 3)]


@pytest.mark.parametrize(
    ("text", "line", "column", "wrong"),
    [
        ("", 1, 1, "holds no line"),
        ("# nothing", 1, 1, "holds no line"),
        ("-- replug --", 1, 1, "holds no line"),
        ("client server S", 1, 8, "where > should stand"),
        ("client >", 1, 9, "the line ends"),
        ("client > server", 1, 16, "the line ends"),
        ("... client > any S", 1, 5, "... stands alone on its line"),
        ("a > b Q", 1, 7, "no flags"),
        ("a > b SS", 1, 7, "no flags"),
        ("a > b S|", 1, 7, "no flags"),
        ('a > b P. "x', 1, 10, "not closed"),
        (r'a > b P. "\q"', 1, 10, "no escape"),
        ("a > b S fast", 1, 9, "no meaning"),
        ("a > b S len=1 len=1", 1, 15, "twice"),
        ("a > b S seq=one", 1, 9, "no term"),
        ("a > b S seq=", 1, 9, "no term"),
        ("a > b S win=big", 1, 9, "no window"),
        ("a > b S\na > b . seq=seq(previous)+ack(previous)", 2, 9, "no place in the sequence space"),
        ("a > b S\na > b . len=ack(previous)", 2, 9, "no length"),
        ("a > b S seq=ack(previous)", 1, 9, "no line before"),
        ("a > b S\na > b . ack=seq(hello)", 2, 9, "names no earlier line"),
        ("a > b S within 5ms", 1, 16, "nothing stands before"),
        ("a > b S\na > b . within 5", 2, 16, "no duration"),
        ("a > b S\na > b . within", 2, 15, "the line ends"),
        ("a > b S as x\na > b . as x", 2, 12, "has the name"),
        ("* a > b S as x", 1, 14, "any number"),
        ("a > b S as previous", 1, 12, "cannot name"),
        ("{", 1, 1, "without }"),
        ("}", 1, 1, "without {"),
        ("{\n}", 2, 1, "empty group"),
        ("{\na > b S\n{\n}", 3, 1, "inside { }"),
        ("{\na > b S\n-- x --\n}", 3, 1, "barrier inside"),
        ("{ a > b S }", 1, 3, "stands alone"),
        ("a > b S\n-- replug", 2, 1, "no barrier"),
        ("a:b:c > b S", 1, 1, "no place"),
        ("a > b:99999 S", 1, 5, "no place"),
        ("<x> > b S", 1, 1, "no place"),
        ("{\n" + "a > b .\n" * 17 + "}", 19, 1, "17 lines"),
    ],
)
def test_a_mistake_has_line_and_column(text: str, line: int, column: int, wrong: str) -> None:
    (found,) = mistakes(text)
    assert found[:2] == (line, column)
    assert wrong in found[2]


def test_all_mistakes_come_at_once() -> None:
    text = 'a > b Q as x\na > b P. len=y seq=ack(x) foo\n}\nb > a "'
    assert [(line, column) for line, column, _ in mistakes(text)] == [(1, 7), (2, 10), (2, 27), (3, 1), (4, 7)]


def test_a_line_that_could_not_be_read_is_still_a_line_before() -> None:
    assert len(mistakes("a > b Q\na > b . seq=ack(previous) within 5ms")) == 1


def test_the_pages_examples_are_scripts() -> None:
    page = (Path(__file__).parents[2] / "docs" / "wire-script.md").read_text(encoding="utf-8")
    whole, _, rest = page.partition("## A line")
    script = textwrap.dedent(whole.partition("wire: |\n")[2].partition("\nIt is strict")[0])
    assert len(list(parse(script).lines())) == 7
    blocks = [part for part in rest.split("\n\n") if part.startswith("    ") and "[" not in part]
    assert [len(list(parse(textwrap.dedent(block)).lines())) for block in blocks] == [3, 2, 2]


PIECES = st.sampled_from(
    [
        *"?*{}>#|=:+-.()<>\"'\\\n\t ",
        *("client", "server", "S.", "P.", "--", "within", "5ms", "as", "x", "seq=", "ack(x)", "previous", "len=any"),
        *("9" * 400, "arp", "any", '"w"', "\r\n", "é", "\x00", "[fd00::1]:80", "\x85", "\u2028"),
    ]
)


@given(st.one_of(st.text(), st.lists(PIECES, max_size=40).map("".join), st.lists(PIECES, max_size=40).map(" ".join)))
def test_any_text_is_a_script_or_a_script_error(text: str) -> None:
    try:
        script = parse(text)
    except ScriptError as error:
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        assert error.mistakes
        for mistake in error.mistakes:
            assert 1 <= mistake.line <= len(lines)
            assert 1 <= mistake.column <= len(lines[mistake.line - 1]) + 1
    else:
        assert isinstance(script, Script)
        assert list(script.lines())
