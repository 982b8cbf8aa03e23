"""Turns nodes into the dataclasses of the language: hosts, parameters, steps, faults, expectations.

A node is first brought into the form its type asks for: `listen: 9000` becomes `{port: 9000}`, one address a list of
one, the text "9000" a number where a number is meant. What has the right form by then is decoded at once, as the
supervisor decodes it. What has not goes to pydantic, which knows everything that is wrong with it and where.

Rules: all mistakes are collected, none is raised. Every use of a name marked with `Ref` is noted for `names.py`.
pydantic accepts what the decoder accepts and nothing more (tests/lab/test_typed.py); it takes 0.1 s to import, so a
lab without a mistake does not.
"""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Collection
from typing import Any

from netlab import codec
from netlab.lab.mistakes import Report, did_you_mean, quoted
from netlab.lab.nodes import INTEGER, Mapping, Node, Scalar, Sequence, plain, scalars
from netlab.spec import Ref
from netlab.units import ByteSize, Duration, Rate, Ratio

QUANTITIES = (Duration, ByteSize, Rate, Ratio)
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?")


@dataclasses.dataclass(frozen=True)
class Use:
    """A text that names something: "server" as a host."""

    kind: str
    at: Scalar


class Typing:
    """Makes instances of nodes; notes mistakes in a report, and the names that were used."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.uses: list[Use] = []

    def build(self, hint: Any, node: Node, what: str) -> Any:
        """What the type `hint` makes of this node; None where it has mistakes. `what` names it in messages."""
        before = len(self.report)
        value = self.shape(node, hint)
        try:
            instance = codec.decode(hint, value)
        except ValueError:
            from netlab.lab.explain import explain

            return explain(hint, value, node, what, self.report)
        return instance if len(self.report) == before else None

    def fields(self, kind: type[Any], node: Mapping) -> dict[str, Any]:
        """The fields of a dataclass that have no mistakes, each by itself, so that one wrong does not hide others."""
        known = fields_of(kind)
        self.refuse_unknown(node, known)
        for field in dataclasses.fields(kind):
            if field.name not in node.items and field.default is field.default_factory is dataclasses.MISSING:
                self.report.wrong(node, f"{field.name} is missing", describe(kind, field.name))
        present = [key for key in known if key in node.items]
        built = {key: self.build(known[key], node.items[key], key) for key in present}
        return {key: value for key, value in built.items() if value is not None}

    def refuse_unknown(self, node: Mapping, known: Collection[str]) -> None:
        for key in (key for key in node.items if key not in known):
            self.report.wrong(node.keys[key], f"unknown key {quoted(key)}", did_you_mean(key, known, "key"))

    def take_uses(self) -> list[Use]:
        """The names used since the last call."""
        uses, self.uses = self.uses, []
        return uses

    def shape(self, node: Node, hint: Any) -> Any:
        """The JSON value of this node, in the form the type asks for."""
        origin, args = typing.get_origin(hint), typing.get_args(hint)
        if origin is typing.Annotated:
            self.note_uses(node, args[1:])
            return self.shape(node, args[0])
        if origin in (typing.Union, types.UnionType):
            return self.shape_union(node, args)
        if hint is Any or hint is object:
            return plain(node)
        if dataclasses.is_dataclass(hint):
            return self.shape_dataclass(node, typing.cast(type[Any], hint))
        if origin in (tuple, list):
            return self.shape_items(node, origin, args)
        if origin is dict and isinstance(node, Mapping):
            known = typing.get_args(args[0]) if typing.get_origin(args[0]) is typing.Literal else tuple(node.items)
            self.refuse_unknown(node, known)
            return {key: self.shape(item, args[1]) for key, item in node.items.items() if key in known}
        if origin is dict and isinstance(node, Scalar) and node.nothing:
            return {}
        return shape_scalar(node, hint) if isinstance(node, Scalar) else plain(node)

    def note_uses(self, node: Node, marks: tuple[Any, ...]) -> None:
        for mark in marks:
            if isinstance(mark, Ref):
                self.uses += [Use(mark.kind, scalar) for scalar in scalars(node) if not scalar.nothing]

    def shape_union(self, node: Node, options: tuple[Any, ...]) -> Any:
        """Of several types, the first that this node has the form of."""
        if isinstance(node, Scalar) and node.nothing and type(None) in options:
            return None
        rest = [option for option in options if option is not type(None)]
        fitting = [option for option in rest if fits(node, option)]
        return self.shape(node, (fitting or rest)[0])

    def shape_items(self, node: Node, origin: Any, args: tuple[Any, ...]) -> Any:
        """A list, or one item that stands for a list of one."""
        fixed = origin is tuple and not (len(args) == 2 and args[1] is Ellipsis)
        if isinstance(node, Sequence):
            kinds = args if fixed and len(args) == len(node.items) else (args[0],) * len(node.items)
            return [self.shape(item, kind) for item, kind in zip(node.items, kinds)]
        if fixed or isinstance(node, Mapping):
            return plain(node)
        if node.nothing:
            return []
        return plain(node) if typing.get_origin(args[0]) is dict else [self.shape(node, args[0])]

    def shape_dataclass(self, node: Node, kind: type[Any]) -> Any:
        """Keys to values; a scalar or list goes to the field that the class names as its shorthand."""
        known = fields_of(kind)
        if isinstance(node, Mapping):
            self.refuse_unknown(node, known)
            return {key: self.shape(item, known[key]) for key, item in node.items.items() if key in known}
        if isinstance(node, Scalar) and node.nothing:
            return {}
        short = shorthand_of(kind)
        return plain(node) if short is None else {short: self.shape(node, known[short])}


def shape_scalar(node: Scalar, hint: Any) -> Any:
    """A text as the plain type asks for it; what does not look like one stays text."""
    if node.nothing:
        return None
    if typing.get_origin(hint) is typing.Literal:
        return next((option for option in typing.get_args(hint) if literal_text(option) == node.text), node.text)
    if hint is bool and node.text in ("true", "false"):
        return node.text == "true"
    if hint is int and INTEGER.fullmatch(node.text):
        return int(node.text)
    if hint is float and NUMBER.fullmatch(node.text):
        return float(node.text)
    if hint in QUANTITIES:
        try:
            return hint.parse(node.text)
        except ValueError:  # pydantic will say so, with the place
            return node.text
    return node.text


def literal_text(option: Any) -> str:
    return str(option).lower() if isinstance(option, bool) else str(option)


def fits(node: Node, option: Any) -> bool:
    """Whether a node has the form of a type, as far as a union has to know."""
    if typing.get_origin(option) is typing.Annotated:
        return fits(node, typing.get_args(option)[0])
    origin = typing.get_origin(option) or option
    if isinstance(node, Mapping):
        return origin is dict or dataclasses.is_dataclass(option)
    if isinstance(node, Sequence):
        return origin in (tuple, list)
    if option in (bool, int, float, *QUANTITIES):
        return not isinstance(shape_scalar(node, option), str)
    if origin is typing.Literal:
        return node.text in map(literal_text, typing.get_args(option))
    if dataclasses.is_dataclass(option):
        return shorthand_of(typing.cast(type[Any], option)) is not None
    return origin not in (tuple, list, dict)


_FIELDS: dict[Any, dict[str, Any]] = {}


def fields_of(kind: Any) -> dict[str, Any]:
    """The keys of a dataclass in the lab file (`from` for the field from_), and their types."""
    if kind not in _FIELDS:
        hints = typing.get_type_hints(kind, include_extras=True)
        named = {field.name.rstrip("_"): hints[field.name] for field in dataclasses.fields(kind) if field.init}
        _FIELDS[kind] = named
    return _FIELDS[kind]


def describe(kind: Any, key: str) -> str:
    """What a missing key would say, from its description."""
    for field in dataclasses.fields(kind) if kind is not None else ():
        if field.name.rstrip("_") == key and "description" in field.metadata:
            return f"{key}: {field.metadata['description']}".rstrip(".")
    return f"give {key}"


def shorthand_of(kind: type[Any]) -> str | None:
    """The key that a bare scalar goes to, for classes that have one."""
    short = getattr(kind, "shorthand", None) or getattr(kind, "target", None)
    return short.rstrip("_") if isinstance(short, str) else None
