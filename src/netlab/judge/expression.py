"""Sequence expressions of the wire script: `0`, `ack(previous)`, `seq(hello)+len(hello)`.

Rules: numbers are 32 bits wide and wrap (RFC 9293 section 3.4). `seq(X)` and `ack(X)` are numbers as on the wire, so an
expression with one of them is absolute; without one it counts from the connection's start, as tcpdump and Wireshark
show (the SYN is 0, the first byte of data 1). More than one would be no place in the sequence space: refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

SPACE = 2**32
PREVIOUS = "previous"
ALLOWED = "a number, or seq(X), ack(X), len(X) joined by + and -, where X is `previous` or the `as` name of a line"

_TERM = re.compile(r"([+-]?)(?:(\d{1,10})|(seq|ack|len)\(([A-Za-z][\w-]*)\))")


@dataclass(frozen=True)
class Term:
    """One summand: a number, or a field of another line's segment."""

    sign: int
    number: int = 0
    field: str = ""
    """"seq", "ack", "len", or "" for a number."""
    of: str = ""
    """`previous` or a label."""


@dataclass(frozen=True)
class Expression:
    """A sum of terms."""

    text: str
    terms: tuple[Term, ...]

    @property
    def absolute(self) -> bool:
        """It is a number as on the wire, not one that counts from the connection's start."""
        return any(term.field in ("seq", "ack") for term in self.terms)

    @property
    def labels(self) -> tuple[str, ...]:
        """The lines it refers to."""
        return tuple(term.of for term in self.terms if term.of)

    def value(self, look_up: Callable[[str, str], int | None]) -> int | None:
        """The sum modulo 2**32; None where `look_up(field, of)` knows no such segment."""
        total = 0
        for term in self.terms:
            amount = look_up(term.field, term.of) if term.field else term.number
            if amount is None:
                return None
            total += term.sign * amount
        return total % SPACE


def parse(text: str) -> Expression:
    """The expression of this text. Raises: ValueError, saying what is wrong."""
    terms: list[Term] = []
    position = 0
    while position < len(text) or not terms:
        found = _TERM.match(text, position)
        if found is None or (terms and not found[1]):
            raise ValueError(f"{text[position:] or 'nothing'!r} is no term of a sequence expression")
        sign = -1 if found[1] == "-" else 1
        terms.append(Term(sign, int(found[2] or 0), found[3] or "", found[4] or ""))
        position = found.end()
    anchors = [term for term in terms if term.field in ("seq", "ack")]
    if len(anchors) > 1 or any(term.sign < 0 for term in anchors):
        raise ValueError(f"{text!r} is no place in the sequence space: at most one seq() or ack(), and it is added")
    return Expression(text, tuple(terms))
