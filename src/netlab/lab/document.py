"""Reads the YAML of a lab file: text to a tree of nodes with lines and columns.

Rules: YAML 1.2, read as events, so that nothing is interpreted before its type is known and no alias is ever
expanded. Anchors, aliases, tags, merge keys, several documents and duplicate keys are refused; reading goes on after
them, so that all are reported at once; depth and number of values are bounded. ruamel.yaml is imported when a file is
really parsed (it takes 40 ms).
"""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

from netlab.errors import LabError, Mistake
from netlab.lab.file import LINE_BREAK, place_after, read_text
from netlab.lab.mistakes import cut
from netlab.lab.nodes import Mapping, Node, Scalar, Sequence

MAX_MISTAKES = 1000
MAX_DEPTH = 30
"""Far deeper than the language goes."""
MAX_NODES = 50_000
"""Ten times what a lab of 500 hosts needs; reading so many takes two seconds."""

PLAIN_YAML = "write plain YAML 1.2: mappings, lists and texts"


def read(path: Path) -> tuple[Mapping, list[Mistake]]:
    """The tree of the lab file at `path`, and what the language refuses in its YAML.

    Raises: LabError where there is no tree at all.
    """
    return parse(read_text(path), str(path))


def parse(text: str, file: str = "lab.yaml") -> tuple[Mapping, list[Mistake]]:
    """The tree of a lab file's text, and what the language refuses in it (anchors, duplicate keys …).

    Raises: LabError where the text is not YAML, or not a mapping.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError
    from ruamel.yaml.reader import ReaderError

    reader = Reader(text)
    try:
        root = reader.document(YAML(typ="safe", pure=True).parse(io.StringIO(text)))
    except MarkedYAMLError as error:
        raise LabError(file, cut([*reader.mistakes, syntax_mistake(error, text)])) from None
    except ReaderError as error:
        raise LabError(file, cut([*reader.mistakes, character_mistake(error, text)])) from None
    except (YAMLError, ValueError, OverflowError) as error:  # ValueError: an impossible escape, \U99999999
        raise LabError(file, cut([*reader.mistakes, Mistake(1, 1, f"not YAML: {error}", PLAIN_YAML)])) from None
    except Bounded as error:
        raise LabError(file, cut([*reader.mistakes, error.mistake])) from None
    if root is None:
        raise LabError(file, cut(reader.mistakes))
    return root, reader.mistakes


def syntax_mistake(error: Any, text: str) -> Mistake:
    """What ruamel.yaml says of text that is no YAML, at its place."""
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    here = LINE_BREAK.split(text)[line - 1]
    if here[column - 1 : column] == "\t":
        return Mistake(line, column, "a tab", "YAML wants spaces here")
    if here[column - 2 : column] == "${":
        return Mistake(line, column - 1, "${ inside { } or [ ] without quotes", 'write it like "${name}"')
    problem = " ".join(filter(None, (error.context, error.problem))) or "not YAML"
    return Mistake(line, column, f"not YAML: {problem}", PLAIN_YAML)


def character_mistake(error: Any, text: str) -> Mistake:
    """A control character in the text."""
    return Mistake(
        *place_after(text[: error.position]),
        f"control character U+{ord(text[error.position]):04X}",
        "a lab file is text",
    )


class Bounded(Exception):
    """More nesting, more values or more mistakes than any lab has: reading ends here."""

    def __init__(self, mistake: Mistake) -> None:
        self.mistake = mistake


class Reader:
    """Builds the tree from ruamel's events and collects what the language refuses."""

    def __init__(self, text: str) -> None:
        self.lines = LINE_BREAK.split(text)
        self.mistakes: list[Mistake] = []
        self.nodes = 0

    def document(self, events: Any) -> Mapping | None:
        """The one document of the stream; None where it is no mapping. Raises: what ruamel raises; Bounded."""
        root: Node | None = None
        for event in events:
            kind = type(event).__name__
            if kind == "DocumentStartEvent":
                if root is not None:
                    self.wrong(event, "a second document", "a lab file holds one lab; remove the ---")
                    break
                self.check_directives(event)
            elif kind not in ("StreamStartEvent", "StreamEndEvent", "DocumentEndEvent"):
                root = self.node(event, events, 0)
        if root is None or (isinstance(root, Scalar) and root.nothing):
            self.mistakes.append(Mistake(1, 1, "the file is empty", "a lab has at least name, title and hosts"))
        elif not isinstance(root, Mapping):
            self.mistakes.append(
                Mistake(root.line, root.column, "not a mapping", "a lab file begins like name: my-lab")
            )
        return root if isinstance(root, Mapping) else None

    def check_directives(self, event: Any) -> None:
        if event.version not in (None, (1, 2)):
            self.wrong(event, f"%YAML {'.'.join(map(str, event.version))}", "a lab file is YAML 1.2")
        if event.tags:
            self.wrong(event, "a %TAG directive", PLAIN_YAML)

    def wrong(self, event: Any, wrong: str, allowed: str) -> None:
        self.mistakes.append(Mistake(event.start_mark.line + 1, event.start_mark.column + 1, wrong, allowed))

    def node(self, event: Any, events: Any, depth: int) -> Node:
        """The node that begins with this event; the events up to its end are consumed."""
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        self.nodes += 1
        if depth > MAX_DEPTH:
            raise Bounded(Mistake(line, column, f"nested more than {MAX_DEPTH} deep", "a lab is flatter than that"))
        if self.nodes > MAX_NODES or len(self.mistakes) > MAX_MISTAKES:
            raise Bounded(Mistake(line, column, "reading ends here", f"a lab has at most {MAX_NODES} values"))
        kind = type(event).__name__
        if kind == "AliasEvent":
            self.wrong(event, f"an alias (*{event.anchor})", "aliases are not allowed; write the value out")
            return Scalar("", "", line, column)
        if event.anchor is not None:
            self.wrong(event, f"an anchor (&{event.anchor})", "anchors are not allowed; remove it")
        if event.tag is not None:
            self.wrong(event, f"a tag ({event.tag})", "tags are not allowed; types follow from the lab file's language")
        if kind == "ScalarEvent":
            return self.scalar(event, line, column)
        if kind == "SequenceStartEvent":
            return Sequence(tuple(self.children(events, "SequenceEndEvent", depth)), line, column)
        return self.mapping(events, depth, line, column)

    def children(self, events: Any, end: str, depth: int) -> Any:
        """The nodes up to the event that ends their parent."""
        for event in events:
            if type(event).__name__ == end:
                return
            yield self.node(event, events, depth + 1)

    def mapping(self, events: Any, depth: int, line: int, column: int) -> Mapping:
        items: dict[str, Node] = {}
        keys: dict[str, Scalar] = {}
        nodes = self.children(events, "MappingEndEvent", depth)
        for key in nodes:
            value = next(nodes)
            if isinstance(value, Scalar) and not value.text and not value.style:  # nothing stands where its key does
                value = replace(value, line=key.line, column=key.column)
            if self.usable(key, keys):
                items[key.text], keys[key.text] = value, key
        return Mapping(items, keys, line, column)

    def usable(self, key: Node, keys: dict[str, Scalar]) -> bool:
        """Whether a mapping may have this key."""
        at = (key.line, key.column)
        if not isinstance(key, Scalar):
            self.mistakes.append(Mistake(*at, "a key that is not a text", "keys are words"))
        elif key.text == "<<" and not key.style:
            self.mistakes.append(Mistake(*at, "a merge key (<<)", "merge keys are not allowed; write the keys out"))
        elif key.text in keys:
            first = keys[key.text].line
            self.mistakes.append(Mistake(*at, f"{key.text} twice", f"a key stands once; it is in line {first} already"))
        else:
            return True
        return False

    def scalar(self, event: Any, line: int, column: int) -> Scalar:
        text, style = event.value, event.style or ""
        if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
            self.wrong(event, "an escape for a character that is not text", "no NUL and no half of a surrogate pair")
            text = text.replace("\0", "").encode("utf-8", "replace").decode()
        indent = self.block_indent(line, text) if style in ("|", ">") else 0
        return Scalar(text, style, line, column, indent)

    def block_indent(self, line: int, content: str) -> int:
        """How far the content of the block scalar whose indicator is in `line` is indented."""
        return max(0, leading(self.lines[line:]) - leading(content.split("\n")))


def leading(lines: list[str]) -> int:
    """The spaces before the first line that is not blank."""
    for text in lines:
        if text.strip():
            return len(text) - len(text.lstrip(" "))
    return 0
