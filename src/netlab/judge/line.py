"""One line of the wire script, parsed: who to whom, which flags, and what else it asks for.

Rules: everything that a line does not name is not compared, with one exception: a line that names neither payload nor
`len` asks for no payload, or for at least one byte where the segment has PSH (Linux sets it at the end of each write).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Literal

from netlab.judge import expression
from netlab.judge.expression import PREVIOUS, Expression
from netlab.judge.tokens import LINE, Token, Tokens, Wrong
from netlab.units import Duration

LETTERS = "FSRP.UEWe"
"""tcpdump's letters for the bits of the TCP header. Source: tcpdump, print-tcp.c, tcp_flag_values."""
PROTOCOLS = ("arp", "icmp", "icmp6", "udp")
PLACE = "a place is host, host:socket, host:port, an address (IPv6 with a port: [fd00::1]:80), or any"
FLAGS = 'flags are tcpdump\'s letters S F R P U E W e and "." for ACK, or none, any, alternatives as P.|. ; or ' + (
    "a protocol: " + ", ".join(PROTOCOLS)
)

_NAME = re.compile(r"[A-Za-z][\w-]*")
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_NUMBER = re.compile(r"\d{1,10}")
_ESCAPES = {"n": b"\n", "r": b"\r", "t": b"\t", "0": b"\0", '"': b'"', "\\": b"\\"}


@dataclass(frozen=True)
class Place:
    """One side of a line: everything that is not None must fit."""

    text: str
    host: str | None = None
    socket: str | None = None
    port: int | None = None
    ip: str | None = None
    column: int = 1


@dataclass(frozen=True)
class Line:
    """A segment (or frame) that must, may or may repeatedly be there."""

    number: int
    """Its line in the script, from 1."""
    text: str
    source: Place
    target: Place
    repeat: str = ""
    """"", "?" or "*"."""
    flags: tuple[frozenset[str], ...] = ()
    """The alternatives; empty: any flags."""
    protocol: str | None = None
    """"arp" …; None: TCP."""
    words: str = ""
    """What a frame's text must hold."""
    payload: bytes | None = None
    length: Expression | Literal["any"] | None = None
    seq: Expression | None = None
    ack: Expression | None = None
    window: int | None = None
    options: tuple[str, ...] = ()
    within_ns: int | None = None
    label: str | None = None

    @property
    def anything(self) -> bool:
        """It takes any number of any segments."""
        return self.repeat == "*" and not self.flags and self.source.text == self.target.text == "any"

    def labels(self) -> list[str]:
        """The lines its expressions refer to, `previous` too."""
        return [of for e in (self.length, self.seq, self.ack) if isinstance(e, Expression) for of in e.labels]


def read_line(tokens: Tokens, known: Mapping[str, int], previous: bool) -> Line:
    """The line that these tokens make.

    `known` are the labels of earlier lines, `previous` says whether there is an earlier line or barrier.
    Raises: Wrong, the mistakes are noted.
    """
    repeat = ""
    first = tokens.peek()
    if first and first.kind == "word" and first.text in ("?", "*"):
        repeat = tokens.take("?").text
    source = _place(tokens)
    arrow = tokens.take(">")
    if arrow.text != ">":
        tokens.wrong(arrow, f"{arrow.text!r} where > should stand", LINE)
    target = _place(tokens)
    asked = _flags(tokens)
    rest = _Rest(tokens, known, previous, repeat, "protocol" in asked)
    return Line(tokens.number, tokens.text, source, target, repeat, **asked, **rest.read())


def _place(tokens: Tokens) -> Place:
    token = tokens.take("a place")
    place = read_place(token.text, token.column) if token.kind == "word" else None
    if place is None:
        tokens.wrong(token, f"{token.text!r} is no place", PLACE)
    return place


def read_place(text: str, column: int = 1) -> Place | None:
    """The place of this text; None where it is none."""
    if text == "any":
        return Place(text, column=column)
    bracketed = re.fullmatch(r"\[([^\]]+)\](?::(\d+))?", text)
    name, colon, tail = text.partition(":")
    literal, number = (bracketed[1], bracketed[2]) if bracketed else (name, tail)
    port = int(number[:6]) if number and number.isdecimal() else None
    if port is not None and not 1 <= port <= 65535:
        return None
    for address, there in ((literal, number), (text, None)):
        ip = _ip(address)
        if ip is not None and (not there or port is not None):
            return Place(text, ip=ip, port=port if there else None, column=column)
    if not _HOST.fullmatch(name) or (colon and not re.fullmatch(r"[\w-]+", tail)):
        return None
    return Place(text, host=name, socket=tail if colon and port is None else None, port=port, column=column)


def _ip(text: str) -> str | None:
    try:
        return str(ip_address(text))
    except ValueError:
        return None


def _flags(tokens: Tokens) -> dict[str, Any]:
    token = tokens.take("flags")
    if token.text in PROTOCOLS:
        return {"protocol": token.text}
    if token.text == "any":
        return {}
    alternatives = token.text.split("|")
    for letters in alternatives:
        known = letters == "none" or (letters and set(letters) <= set(LETTERS) and len(set(letters)) == len(letters))
        if token.kind != "word" or not known:
            tokens.wrong(token, f"{token.text!r} are no flags", FLAGS)
    return {"flags": tuple(frozenset("" if letters == "none" else letters) for letters in alternatives)}


class _Rest:
    """What follows the flags, in any order, each at most once."""

    def __init__(self, tokens: Tokens, known: Mapping[str, int], previous: bool, repeat: str, frame: bool) -> None:
        self.tokens = tokens
        self.known = known
        self.previous = previous
        self.repeat = repeat
        self.frame = frame
        self.found: dict[str, Any] = {}
        self.spoiled = False

    def read(self) -> dict[str, Any]:
        """The fields of a Line. Raises: Wrong after the last token, if any was wrong."""
        while (token := self.tokens.peek()) is not None:
            self.tokens.position += 1
            try:
                self.one(token)
            except Wrong:
                self.spoiled = True
        if self.spoiled:
            raise Wrong
        return self.found

    def one(self, token: Token) -> None:
        name, equals, value = token.text.partition("=")
        if token.text == "within":
            self.put("within_ns", token, self.within())
        elif token.text == "as":
            self.put("label", token, self.label())
        elif self.frame:
            text = unquoted(token.text).decode("latin-1") if token.kind == "string" else token.text
            self.found["words"] = f"{self.found.get('words', '')} {text}".strip()
        elif token.kind == "string":
            self.put("payload", token, self.payload(token))
        elif token.kind == "options":
            self.put("options", token, tuple(o.strip() for o in token.text[1:-1].split(",") if o.strip()))
        elif equals and name in ("len", "seq", "ack", "win"):
            self.put({"len": "length", "win": "window"}.get(name, name), token, self.amount(name, value, token))
        else:
            self.tokens.wrong(token, f"{token.text!r} has no meaning here", LINE)

    def put(self, key: str, token: Token, value: Any) -> None:
        if key in self.found:
            self.tokens.wrong(token, f"{token.text!r}: named twice", "each at most once")
        self.found[key] = value

    def payload(self, token: Token) -> bytes:
        try:
            return unquoted(token.text)
        except ValueError as problem:
            self.tokens.wrong(token, str(problem), r"in quotes \n \r \t \0 \" \\ and \xNN stand for one byte")

    def amount(self, name: str, value: str, token: Token) -> Any:
        if name == "len" and value == "any":
            return "any"
        if name == "win":
            if not _NUMBER.fullmatch(value):
                self.tokens.wrong(token, f"{value!r} is no window", "the field as sent, a number: win=0")
            return int(value)
        try:
            read = expression.parse(value)
        except ValueError as problem:
            self.tokens.wrong(token, str(problem), expression.ALLOWED)
        self.check_labels(read, token)
        if name == "len" and read.absolute:
            self.tokens.wrong(token, f"{value!r} is no length", "a number, or len(X)")
        return read

    def check_labels(self, read: Expression, token: Token) -> None:
        for label in read.labels:
            if label == PREVIOUS and not self.previous:
                self.tokens.wrong(token, "there is no line before this one", "refer to an earlier line")
            if label != PREVIOUS and label not in self.known:
                there = ", ".join([PREVIOUS, *self.known])
                self.tokens.wrong(
                    token, f"{label!r} names no earlier line", f"there are {there}; a line gets one by `as`"
                )

    def within(self) -> int:
        token = self.tokens.take("a duration")
        if not self.previous:
            self.tokens.wrong(token, "nothing stands before this line to measure from", "put a line or barrier first")
        try:
            return Duration.parse(token.text)
        except (ValueError, OverflowError):
            self.tokens.wrong(token, f"{token.text!r} is no duration", "write it like 50ms or 5s")

    def label(self) -> str:
        token = self.tokens.take("a name")
        if not _NAME.fullmatch(token.text) or token.text == PREVIOUS:
            self.tokens.wrong(token, f"{token.text!r} cannot name a line", "a letter, then letters, digits, - and _")
        if token.text in self.known:
            self.tokens.wrong(
                token, f"line {self.known[token.text]} has the name {token.text!r} already", "choose another"
            )
        if self.repeat == "*":
            self.tokens.wrong(token, "a line that any number of segments match has no name", "name a line without *")
        return token.text


def unquoted(text: str) -> bytes:
    """The bytes that a string in quotes stands for (text as UTF-8). Raises: ValueError for an escape that is none."""
    pieces = re.split(r"(\\(?:x[0-9a-fA-F]{2}|.))", text[1:-1])
    return b"".join(_escaped(piece) if index % 2 else piece.encode() for index, piece in enumerate(pieces))


def _escaped(escape: str) -> bytes:
    if len(escape) == 4:
        return bytes([int(escape[2:], 16)])
    if escape[1] not in _ESCAPES:
        raise ValueError(f"{escape} is no escape")
    return _ESCAPES[escape[1]]
