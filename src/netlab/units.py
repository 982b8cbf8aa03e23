"""Quantities as people write them, parsed once into SI numbers.

Rules: the types here are plain int/float subclasses (nanoseconds, bits per second, bytes, ratios), so that whoever
computes with them needs nothing of this module. pydantic finds the two `__get_pydantic_…__` hooks by itself; this
module does not import it before it asks. A bare number without a unit is refused wherever a unit could be meant.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

__all__ = ["ByteSize", "Duration", "Rate", "Ratio", "human_duration", "human_rate", "ordinal"]

_NUMBER = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Zµ%]*)\s*")
_SECONDS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "min": 60 * 10**9, "h": 3600 * 10**9}
_RATES = {"bit": 1, "kbit": 10**3, "mbit": 10**6, "gbit": 10**9}
_BYTES = {"": 1, "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


_TERM = r"\s*\d+(?:\.\d+)?\s*(?:ns|us|µs|ms|s|min|h)\s*(?:\*\s*\d+(?:\.\d+)?\s*)*"
_SUM = rf"^{_TERM}(?:[-+]{_TERM})*$"
"""A duration, or a sum of durations, each perhaps times plain numbers."""


def _parse(text: object, units: dict[str, int], noun: str, example: str) -> float:
    match = _NUMBER.fullmatch(str(text))
    if match is None or match[2] not in units:
        raise _refusal(text, units, noun, example)
    return float(match[1]) * units[match[2]]


def _refusal(text: object, units: dict[str, int], noun: str, example: str) -> ValueError:
    allowed = ", ".join(unit for unit in units if unit)
    return ValueError(f"{text!r} is not a {noun}; write it like {example}{f' (units: {allowed})' if allowed else ''}")


def _sum(text: str) -> float:
    """The value of a text that `_SUM` fits, in ns."""
    total = 0.0
    for sign, term in re.findall(rf"([-+]?)({_TERM})", text):
        span, *factors = term.split("*")
        value = _parse(span, _SECONDS, "duration", "50ms") * math.prod(map(float, factors))
        total += -value if sign == "-" else value
    return total


class Duration(int):
    """A span of time in nanoseconds, written "50ms", "5s", "2min", or as a sum of such: "1s + 1s*3 - 50ms"."""

    @classmethod
    def parse(cls, text: object) -> Duration:
        """Nanoseconds from text. An int is taken as nanoseconds already (the saved form).

        Raises: ValueError, saying how to write it.
        """
        if isinstance(text, int) and not isinstance(text, bool):
            return cls(text)
        if not re.match(_SUM, str(text)):
            raise _refusal(text, _SECONDS, "duration", "50ms or 5s")
        total = round(_sum(str(text)))
        if total < 0:
            raise ValueError(f"{text!r} is less than nothing; a duration is 0s or more")
        return cls(total)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Callable[[Any], Any]) -> Any:
        return _pydantic_schema(cls.parse)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> dict[str, Any]:
        return {"type": "string", "pattern": _SUM, "examples": ["50ms", "5s", "1s + 1s*3"]}


class ByteSize(int):
    """A number of bytes, written "64KiB", "1MB" or "1500"."""

    @classmethod
    def parse(cls, text: object) -> ByteSize:
        """Bytes from text. Raises: ValueError, saying how to write it."""
        if isinstance(text, int) and not isinstance(text, bool):
            return cls(text)
        return cls(round(_parse(text, _BYTES, "size", "64KiB or 1500")))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Callable[[Any], Any]) -> Any:
        return _pydantic_schema(cls.parse)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> dict[str, Any]:
        return {"type": ["string", "integer"], "examples": ["64KiB", 1500]}


class Rate(int):
    """Bits per second, written "1mbit", "512kbit" or "2.5gbit"."""

    @classmethod
    def parse(cls, text: object) -> Rate:
        """Bits per second from text. An int is taken as bits per second already (the saved form).

        Raises: ValueError, saying how to write it.
        """
        if isinstance(text, int) and not isinstance(text, bool):
            return cls(text)
        return cls(round(_parse(text, _RATES, "rate", "1mbit or 512kbit")))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Callable[[Any], Any]) -> Any:
        return _pydantic_schema(cls.parse)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> dict[str, Any]:
        return {"type": "string", "examples": ["1mbit", "512kbit"]}


class Ratio(float):
    """A share from 0 to 1, written "0.1%" or "0.001"."""

    @classmethod
    def parse(cls, text: object) -> Ratio:
        """The share from text. Raises: ValueError, saying how to write it."""
        number = str(text).strip()
        percent = number.endswith("%")
        value = _parse(number.removesuffix("%"), {"": 1}, "ratio", "0.1% or 0.001") / (100 if percent else 1)
        if value > 1:
            raise ValueError(f"{text!r} is more than the whole; a ratio lies between 0 and 1, or 0% and 100%")
        return cls(value)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Callable[[Any], Any]) -> Any:
        return _pydantic_schema(cls.parse)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> dict[str, Any]:
        return {"type": ["string", "number"], "examples": ["0.1%", 0.001]}


def _pydantic_schema(parse: Callable[[object], Any]) -> Any:
    from pydantic_core import core_schema

    return core_schema.no_info_plain_validator_function(
        parse, serialization=core_schema.plain_serializer_function_ser_schema(lambda value: value)
    )


def human_duration(span_ns: int) -> str:
    """A span for eyes: "640 ms", "1.2 s", "85 µs"."""
    if abs(span_ns) >= 10**9:
        return f"{span_ns / 10**9:.3g} s"
    if abs(span_ns) >= 10**6:
        return f"{span_ns / 10**6:.3g} ms"
    return f"{span_ns / 10**3:.3g} µs"


def human_rate(bits_per_second: int) -> str:
    """A rate for eyes: "1 Mbit/s", "512 kbit/s"."""
    for noun, size in (("Gbit/s", 10**9), ("Mbit/s", 10**6), ("kbit/s", 10**3)):
        if bits_per_second >= size:
            return f"{bits_per_second / size:.6g} {noun}"
    return f"{bits_per_second} bit/s"


def ordinal(number: int) -> str:
    """A number as a place in a row: "2nd", "11th"."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
