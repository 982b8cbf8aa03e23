"""One line of a wire script as tokens, each with its column.

Rules: `#` begins a comment outside of quotes. A mistake is noted with line, column and what would be right, and ends
the reading of what it spoils; the rest of the script is still read, so that all mistakes come at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from netlab.errors import Mistake

LINE = 'a line reads: [? or *] SRC > DST FLAGS ["payload"] [len=] [seq=] [ack=] [win=] [<options>] [within T] [as NAME]'

_TOKEN = re.compile(r'(?P<string>"(?:[^"\\]|\\.)*")|(?P<options><[^<>]*>)|(?P<sign>[>{}])|(?P<word>[^\s"<>#{}]+)')


class Wrong(Exception):
    """A mistake was noted."""


@dataclass(frozen=True)
class Token:
    """A piece of a line. `kind` is "word", "string" (with its quotes), "options" (with its brackets) or "sign"."""

    kind: str
    text: str
    column: int


class Tokens:
    """The tokens of one line, taken one after the other."""

    def __init__(self, number: int, raw: str, mistakes: list[Mistake]) -> None:
        self.number = number
        self.mistakes = mistakes
        self.end = len(raw.rstrip()) + 1
        self.tokens = list(self._split(raw))
        self.position = 0
        last = self.tokens[-1] if self.tokens else Token("", "", 1)
        self.text = raw[: last.column - 1 + len(last.text)].strip()
        """The line without its comment."""

    def _split(self, raw: str) -> list[Token]:
        tokens: list[Token] = []
        position = 0
        while (rest := raw[position:].lstrip()) and not rest.startswith("#"):
            position = len(raw) - len(rest)
            found = _TOKEN.match(raw, position)
            if found is None:
                what = "a quote that is not closed" if rest[0] == '"' else f"{rest[0]!r} has no meaning here"
                self.wrong(Token("", "", position + 1), what, LINE)
            tokens.append(Token(str(found.lastgroup), found[0], position + 1))
            position = found.end()
        if tokens and tokens[0].kind == "word" and tokens[0].text[0] in "?*" and len(tokens[0].text) > 1:
            first = tokens[0]
            tokens[:1] = [Token("word", first.text[0], first.column), Token("word", first.text[1:], first.column + 1)]
        return tokens

    def peek(self) -> Token | None:
        """The next token, if there is one."""
        return self.tokens[self.position] if self.position < len(self.tokens) else None

    def take(self, wanted: str) -> Token:
        """The next token. Raises: Wrong where the line ends before it."""
        token = self.peek()
        if token is None:
            self.wrong(None, f"the line ends where {wanted} should follow", LINE)
        self.position += 1
        return token

    def wrong(self, token: Token | None, wrong: str, allowed: str = "") -> NoReturn:
        """Note a mistake at this token (None: at the end of the line). Raises: Wrong."""
        self.mistakes.append(Mistake(self.number, token.column if token else self.end, wrong, allowed))
        raise Wrong
