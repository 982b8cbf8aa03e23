"""Says what is wrong with a value that does not have the form of its type, in the words of lab files.

pydantic validates the value in its strict JSON mode; each of its errors becomes a mistake where the node stands that
the error's location leads to.
"""

from __future__ import annotations

import dataclasses
import json
import re
import typing
from collections.abc import Iterator
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from netlab.lab.mistakes import Report, did_you_mean, quoted
from netlab.lab.nodes import Mapping, Node, Scalar, Sequence
from netlab.lab.typed import describe, fields_of, shorthand_of

EXPECTED = {
    "int": "expected a whole number",
    "float": "expected a number",
    "bool": "expected true or false",
    "string": "expected a text",
    "bytes": "expected a text",
    "dict": "expected a mapping",
    "dataclass": "expected a mapping",
    "tuple": "expected a list",
    "list": "expected a list",
}
"""What was meant, by how pydantic's error types begin."""


@cache
def adapter(kind: Any) -> TypeAdapter[Any]:
    """pydantic's validator of a type."""
    return TypeAdapter(kind)


def explain(kind: Any, value: Any, node: Node, what: str, report: Report) -> Any:
    """Report each mistake of `value`, shaped from `node`; None, or the instance if pydantic finds no mistake."""
    try:
        return adapter(kind).validate_json(json.dumps(field_names(value, kind)), strict=True)
    except ValidationError as error:
        told: set[tuple[int, str]] = set()
        for problem in error.errors(include_url=False):
            place, name, holder = locate(node, problem["loc"], kind)
            last = problem["loc"][-1] if problem["loc"] else ""
            missing = last.rstrip("_") if problem["type"] == "missing" and isinstance(last, str) else ""
            if (id(place), missing) not in told:
                told.add((id(place), missing))
                tell(problem, place, missing or name or what, holder, report)
        return None


def field_names(value: Any, hint: Any) -> Any:
    """The value with the keys that Python cannot call so (`from`) under their fields' names ("from_")."""
    kind = inner_dataclass(hint)
    if kind is None:
        return value
    if isinstance(value, list):
        return [field_names(item, hint) for item in value]
    if not isinstance(value, dict):
        return value
    if (inner := dict_values(hint)) is not None:
        return {key: field_names(item, inner) for key, item in value.items()}
    hints = fields_of(kind)
    names = {field.name.rstrip("_"): field.name for field in dataclasses.fields(kind)}
    return {names.get(key, key): field_names(item, hints.get(key)) for key, item in value.items()}


def dict_values(hint: Any) -> Any:
    """X for a type such as dict[str, X] or dict[str, X] | None; None for others."""
    args = typing.get_args(hint)
    if typing.get_origin(hint) is dict:
        return args[1]
    return next((found for arg in args if (found := dict_values(arg)) is not None), None)


def locate(node: Node, loc: tuple[Any, ...], hint: Any) -> tuple[Node, str, Any]:
    """The node that a location leads to, the last key on the way, and the dataclass whose key that is.

    Parts that lead nowhere are passed over: pydantic names the branch of a union, and a list of one is a scalar here.
    """
    name = ""
    holder = kind = inner_dataclass(hint)
    for part in loc:
        place, key = node, str(part).rstrip("_")
        if isinstance(node, Mapping) and key in node.items:
            node = node.items[key]
        elif isinstance(node, Sequence) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
        if isinstance(part, str) and kind is not None and key in known_keys(kind):
            holder, name = kind, key if isinstance(place, Mapping) else name
            kind = inner_dataclass(fields_of(kind)[key])
        elif isinstance(part, str) and isinstance(place, Mapping) and key in place.items:
            name = key
    return node, name, holder


def known_keys(kind: Any) -> Any:
    return fields_of(kind) if dataclasses.is_dataclass(kind) else ()


def inner_dataclass(hint: Any) -> Any:
    """The dataclass inside a type such as dict[str, Nic] or Ready | None; None where there is none."""
    if dataclasses.is_dataclass(hint):
        return hint
    return next((found for arg in typing.get_args(hint) if (found := inner_dataclass(arg)) is not None), None)


def tell(problem: Any, node: Node, name: str, holder: Any, report: Report) -> None:
    """Report one of pydantic's errors."""
    cause = problem.get("ctx", {}).get("error")
    if cause is not None and hasattr(cause, "mistakes"):
        for spot, wrong, allowed in script_mistakes(cause, node, holder):
            report.wrong(node, wrong, allowed, spot)
    elif cause is not None:
        wrong, _, allowed = str(cause).partition("; ")
        report.wrong(node, f"{name}: {wrong}", allowed)
    elif problem["type"] == "missing" and isinstance(problem["loc"][-1], int):
        report.wrong(node, f"{name}: the list is too short", f"expected {problem['loc'][-1] + 1} items")
    elif problem["type"] == "missing":
        report.wrong(node, f"{name} is missing", describe(holder, name))
    else:
        report.wrong(node, f"{name}: found {found(node)}", expected(problem, node))


def script_mistakes(cause: Any, node: Node, kind: Any) -> Iterator[tuple[tuple[int, int], str, str]]:
    """Place, what is wrong and what is allowed, of mistakes in a text that has lines of its own (a wire script)."""
    short = shorthand_of(kind)
    if isinstance(node, Mapping) and short in node.items:
        node = node.items[short]
    for mistake in cause.mistakes:
        line, column, wrong = mistake.line, mistake.column, mistake.wrong
        if not isinstance(node, Scalar) or node.line < 0:
            yield (node.line, node.column), f"line {line}, column {column}: {wrong}", mistake.allowed
        else:
            yield node.spot(line, column), wrong, mistake.allowed


def found(node: Node) -> str:
    """What stands there instead."""
    if isinstance(node, Scalar):
        return "nothing" if node.nothing else quoted(node.text)
    return "a mapping" if isinstance(node, Mapping) else "a list"


def expected(problem: Any, node: Node) -> str:
    """What is allowed there."""
    context = problem.get("ctx", {})
    if problem["type"] == "literal_error":
        options = [option.strip("'\"") for option in re.split(r", | or ", context["expected"])]
        near = did_you_mean(node.text, options) if isinstance(node, Scalar) else ""
        every = f"expected {context['expected']}"
        return f"{every}; {near}" if near.startswith("did") else every
    return EXPECTED.get(problem["type"].split("_")[0], str(problem["msg"]))
