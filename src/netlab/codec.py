"""Frozen dataclasses to JSON values and back.

Rules: a field that holds its default `None` is left out; tuples are lists; enums are their values; bytes are text with
every byte as the character of its number (latin-1), so that "hello" stays readable. Reading checks every type and
says where the first mistake is. No import outside the standard library: the supervisor starts with this.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")


class CodecError(ValueError):
    """A JSON value that does not fit its type: `events[3].time_ns: …`."""


def encode(value: Any) -> Any:
    """The JSON value of a dataclass instance (or of anything made of them)."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = ((field, getattr(value, field.name)) for field in dataclasses.fields(value))
        held = ((field.name, item) for field, item in fields if item is not None or field.default is not None)
        return {name.rstrip("_"): encode(item) for name, item in held}
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [encode(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value


def decode(kind: type[T], value: Any, where: str = "") -> T:
    """An instance of `kind` from its JSON value. Keys that `kind` does not know are passed over: schemas only grow.

    Raises: CodecError, naming the place.
    """
    return typing.cast(T, _decode(kind, value, where))


def prepare(*kinds: Any) -> None:
    """Find out the fields of these dataclasses now, for processes that are forked from this one."""
    for kind in kinds:
        _fields(kind)


@cache
def _fields(kind: type[Any]) -> dict[str, tuple[str, Any, bool]]:
    hints = typing.get_type_hints(kind)
    return {
        field.name.rstrip("_"): (
            field.name,
            hints[field.name],
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
        )
        for field in dataclasses.fields(kind)
        if field.init
    }


def _decode(kind: Any, value: Any, where: str) -> Any:
    if kind is Any or kind is object:
        return value
    origin = typing.get_origin(kind)
    if origin is typing.Annotated:
        return _decode(typing.get_args(kind)[0], value, where)
    if origin in (typing.Union, types.UnionType):
        return _decode_union(typing.get_args(kind), value, where)
    if origin is typing.Literal:
        return _expect(value in typing.get_args(kind), value, where, f"one of {typing.get_args(kind)}")
    if origin in (tuple, list):
        return _decode_items(origin, typing.get_args(kind), value, where)
    if origin in (dict, Mapping):
        _expect(isinstance(value, Mapping), value, where, "an object")
        of_key, of_item = typing.get_args(kind)
        return {_decode(of_key, key, where): _decode(of_item, item, f"{where}.{key}") for key, item in value.items()}
    return _decode_plain(kind, value, where)


def _decode_plain(kind: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(kind, value, where)
    if isinstance(kind, type) and issubclass(kind, Enum):
        values = [member.value for member in kind]
        return kind(_expect(value in values, value, where, f"one of {values}"))
    if kind is bytes:
        return _expect(isinstance(value, str), value, where, "a string").encode("latin-1")
    if kind is float and isinstance(value, int):
        return float(value)
    if isinstance(kind, type) and issubclass(kind, (int, float)) and kind is not bool:
        return kind(_expect(isinstance(value, (int, float)) and not isinstance(value, bool), value, where, "a number"))
    return _expect(isinstance(value, kind), value, where, kind.__name__)


def _decode_union(options: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in options:
        return None
    problem: CodecError | None = None
    for option in options:
        if option is type(None):
            continue
        try:
            return _decode(option, value, where)
        except CodecError as error:
            problem = problem or error
    raise problem or CodecError(f"{where}: {value!r} is not allowed")


def _decode_items(origin: Any, args: tuple[Any, ...], value: Any, where: str) -> Any:
    _expect(isinstance(value, (list, tuple)), value, where, "a list")
    if origin is tuple and not (len(args) == 2 and args[1] is Ellipsis):
        _expect(len(value) == len(args), value, where, f"{len(args)} items")
        return tuple(_decode(kind, item, f"{where}[{i}]") for i, (kind, item) in enumerate(zip(args, value)))
    return origin(_decode(args[0], item, f"{where}[{i}]") for i, item in enumerate(value))


def _decode_dataclass(kind: Any, value: Any, where: str) -> Any:
    _expect(isinstance(value, Mapping), value, where, "an object")
    fields = _fields(kind)
    missing = [key for key, (_, _, required) in fields.items() if required and key not in value]
    if missing:
        raise CodecError(f"{where or kind.__name__}: {', '.join(missing)} missing")
    known = ((fields[key], key, item) for key, item in value.items() if key in fields)
    return kind(**{name: _decode(hint, item, f"{where}.{key}".lstrip(".")) for (name, hint, _), key, item in known})


def _expect(good: bool, value: Any, where: str, wanted: str) -> Any:
    if not good:
        shown = repr(value)
        raise CodecError(
            f"{where or 'value'}: expected {wanted}, found {shown if len(shown) < 60 else shown[:57] + '…'}"
        )
    return value
