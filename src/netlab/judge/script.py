"""The wire script: what must be on the wire, line by line.

    client > server  S                              a segment: who to whom, tcpdump's flags
    server > client  S.   within 50ms               sent at most 50 ms after the segment before it
    client > server  P.  "hello"  as hello          payload; a name for later lines
    server > client  .    ack=seq(hello)+len(hello)
    ? server > client  .                            may be missing
    * client > server  P.  "hello"                  any number of them, none too
    ...                                             any number of any segments: * any > any any
    {                                               these in any order
    client > server  F.
    server > client  F.
    }
    -- replug --                                    what follows is sent after replug began, what precedes
    client:a > server  P.  len=5 win=0 <sackOK>     before it ended; a socket's name tells connections apart
    server > client  arp who-has                    a frame that is not TCP: it must be there, others may be too

Rules: pure; all mistakes at once, each with its line and column inside the script. Strict where it is matched: every
TCP segment between hosts must have its line. A place is `host`, `host:socket` (the name a step gave it), `host:port`,
an address or `any`. `#` begins a comment. See line.py for what a line compares, expression.py for sequence numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, Union

from netlab.errors import Mistake
from netlab.judge.line import Line, Place, read_line
from netlab.judge.tokens import LINE, Token, Tokens, Wrong

__all__ = ["Barrier", "Element", "Group", "Line", "Place", "Reference", "Script", "ScriptError", "parse"]

GROUP_LIMIT = 16
"""Lines in one any-order group: what has matched is a set, and sets of lines grow exponentially."""


class ScriptError(ValueError):
    """A script that cannot be read; `mistakes` has them all, lines and columns count from 1 inside the script."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        self.mistakes = sorted(set(mistakes))
        super().__init__("\n".join(mistake.text("wire") for mistake in self.mistakes))


@dataclass(frozen=True)
class Group:
    """Lines in any order."""

    number: int
    members: tuple[Line, ...]


@dataclass(frozen=True)
class Barrier:
    """A step's name, or a verb, that parts what comes before it from what comes after."""

    number: int
    word: str
    column: int = 1


@dataclass(frozen=True)
class Reference:
    """A name of the lab that the script uses, and where."""

    kind: Literal["host", "barrier"]
    name: str
    line: int
    column: int


Element = Union[Line, Group, Barrier]


@dataclass(frozen=True)
class Script:
    """A script that could be read."""

    elements: tuple[Element, ...]

    def lines(self) -> Iterator[Line]:
        """Every line, those of groups too, in the order of the text."""
        for element in self.elements:
            if isinstance(element, Line):
                yield element
            elif isinstance(element, Group):
                yield from element.members

    def barriers(self) -> list[Barrier]:
        """Every barrier."""
        return [element for element in self.elements if isinstance(element, Barrier)]

    def references(self) -> Iterator[Reference]:
        """The hosts and steps that the script names, for whoever knows which there are."""
        for line in self.lines():
            for place in (line.source, line.target):
                if place.host is not None:
                    yield Reference("host", place.host, line.number, place.column)
        for barrier in self.barriers():
            yield Reference("barrier", barrier.word, barrier.number, barrier.column)

    def protocols(self) -> set[str]:
        """The protocols besides TCP that some line names."""
        return {line.protocol for line in self.lines() if line.protocol}


def parse(text: str) -> Script:
    """The script of this text. Raises: ScriptError with every mistake."""
    parser = _Parser()
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        parser.feed(number, line)
    return parser.finish()


@dataclass
class _Parser:
    elements: list[Element] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    opened: tuple[int, int] | None = None
    """Line and column of the `{` that is open."""
    members: list[Line] = field(default_factory=list)
    spoiled: bool = False
    """Some line could not be read."""

    def feed(self, number: int, text: str) -> None:
        """Take one line of text."""
        try:
            tokens = Tokens(number, text, self.mistakes)
            if tokens.tokens:
                self.element(tokens, tokens.tokens[0])
        except Wrong:  # noted; what later lines need of this one is still known
            self.labels |= dict.fromkeys(re.findall(r"\bas\s+([A-Za-z][\w-]*)", text), number)
            self.spoiled = True

    def element(self, tokens: Tokens, first: Token) -> None:
        if first.text.startswith("--"):
            self.barrier(tokens, first)
        elif first.text in ("{", "}"):
            if len(tokens.tokens) > 1:
                tokens.wrong(tokens.tokens[1], "a brace stands alone on its line", "put the group's lines below it")
            self.open(tokens, first) if first.text == "{" else self.close(tokens, first)
        else:
            if first.text == "...":
                line = self.anything(tokens)
            else:
                line = read_line(tokens, self.labels, bool(self.elements or self.members or self.spoiled))
            if line.label:
                self.labels[line.label] = line.number
            (self.members if self.opened else self.elements).append(line)

    def anything(self, tokens: Tokens) -> Line:
        """`...`: whatever is sent between the lines around it."""
        if len(tokens.tokens) > 1:
            tokens.wrong(tokens.tokens[1], "... stands alone on its line", "for some segments only: * client > any P.")
        return Line(tokens.number, tokens.text, Place("any"), Place("any"), repeat="*")

    def barrier(self, tokens: Tokens, first: Token) -> None:
        found = re.fullmatch(r"--\s*([^-\s](?:.*[^-\s])?)\s*--", tokens.text)
        if found is None:
            tokens.wrong(first, f"{tokens.text!r} is no barrier", "a barrier reads: -- step-id --")
        if self.opened:
            tokens.wrong(first, "a barrier inside { }", "close the group before it")
        self.elements.append(Barrier(tokens.number, found[1], first.column))

    def open(self, tokens: Tokens, brace: Token) -> None:
        if self.opened:
            tokens.wrong(brace, "a { inside { }", "groups do not nest")
        self.opened = (tokens.number, brace.column)

    def close(self, tokens: Tokens, brace: Token) -> None:
        if not self.opened:
            tokens.wrong(brace, "a } without {", "open the group with { on a line of its own")
        number, members = self.opened[0], tuple(self.members)
        self.members, self.opened = [], None
        if not members and not self.spoiled:
            tokens.wrong(brace, "an empty group", "put at least one line between { and }")
        if len(members) > GROUP_LIMIT:
            tokens.wrong(brace, f"a group of {len(members)} lines", f"at most {GROUP_LIMIT} in any order")
        self.elements.append(Group(number, members))

    def finish(self) -> Script:
        """The whole. Raises: ScriptError."""
        if self.opened:
            self.mistakes.append(Mistake(*self.opened, "a { without }", "close the group with } on a line of its own"))
        script = Script(tuple(self.elements))
        if not self.mistakes and not list(script.lines()):
            self.mistakes.append(Mistake(1, 1, "the script holds no line", LINE))
        if self.mistakes:
            raise ScriptError(self.mistakes)
        return script
