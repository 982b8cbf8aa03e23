"""Payloads as lab files write them (text, hex, or so many bytes), and as messages show them."""

from __future__ import annotations

ALPHABET = b"abcdefghijklmnopqrstuvwxyz"
SHOWN = 40


def payload(text: str | None, hex_: str | None, size: int | None) -> bytes:
    """The bytes meant; `size` gives the alphabet over and over. Raises: ValueError where it is no hex."""
    if text is not None:
        return text.encode()
    if hex_ is not None:
        return bytes.fromhex(hex_)
    count = size or 0
    return (ALPHABET * (count // len(ALPHABET) + 1))[:count]


def check_payload(verb: str, text: str | None, hex_: str | None, size: int | None, optional: bool = False) -> None:
    """Raises: ValueError unless one way of three was chosen (or, if `optional`, none)."""
    given = sum(value is not None for value in (text, hex_, size))
    if given > 1 or (given == 0 and not optional):
        raise ValueError(f"{verb} takes one payload, found {given}; give a text, `hex` or `size`")
    if size is not None and size < 1:
        raise ValueError(f"size {size} is no payload; give 1 byte or more")
    payload(None, hex_, None)


def shown(data: bytes) -> str:
    """Bytes for eyes: "hello", or the first of many; what is no printable text shows as \\x00."""
    first = data[:SHOWN]
    text = first.decode("utf-8", "backslashreplace")
    quoted = '"' + "".join(char if char.isprintable() else escaped(char) for char in text) + '"'
    return quoted if len(data) <= SHOWN else f"{quoted}… ({len(data)} bytes)"


def escaped(char: str) -> str:
    """One character as Python writes it in a string: \\n, \\x00."""
    return char.encode("unicode_escape").decode("ascii")
