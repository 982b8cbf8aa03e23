"""A lab file's text as a tree that remembers where everything stands.

Rules: every scalar stays text until its type is known (so `10:00:00:00:00:10`, `22:22` and `on` remain what they are);
lines and columns count from 1. A tree that was not read from a file has negative "lines" that number its nodes. A plain
empty scalar, `null` or `~` is "nothing". Trees are never changed: a substitution makes a new one and shares what stayed
the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Union

__all__ = [
    "INTEGER",
    "Mapping",
    "Node",
    "Plain",
    "Scalar",
    "Sequence",
    "child",
    "key",
    "map_scalars",
    "near",
    "plain",
    "scalars",
]

INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,14})")
"""Whole numbers that JSON holds exactly (below 2**53, RFC 8259 section 6)."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text. `style` is "" for a plain one, else its quote or block indicator."""

    text: str
    style: str = ""
    line: int = 0
    column: int = 0
    indent: int = 0
    """For a block scalar: how many spaces stand before its content."""

    @property
    def nothing(self) -> bool:
        """It stands for no value."""
        return self.style == "" and self.text in ("", "~", "null")

    def spot(self, line: int, column: int) -> tuple[int, int]:
        """Where the file holds line `line`, column `column` (from 1) of the text.

        Exact for block scalars and for texts on one line; the start of the scalar where a quoted text is broken up.
        """
        if self.style in ("|", ">"):
            return self.line + line, self.indent + column
        if line == 1:
            return self.line, self.column + (1 if self.style else 0) + column - 1
        return self.line, self.column


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: tuple[Node, ...] = ()
    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys to nodes, in the order of the file; `keys` holds where each key stands."""

    items: dict[str, Node] = field(default_factory=dict)
    keys: dict[str, Scalar] = field(default_factory=dict)
    line: int = 0
    column: int = 0

    def without(self, *names: str) -> Mapping:
        """The same mapping less these keys."""
        return replace(self, items={key: node for key, node in self.items.items() if key not in names})

    def with_(self, key: str, node: Node, at: Scalar | None = None) -> Mapping:
        """The same mapping with `key` set to `node`; `at` is where the key stands."""
        return replace(self, items={**self.items, key: node}, keys={**self.keys, **({key: at} if at else {})})


Node = Union[Scalar, Sequence, Mapping]


def child(node: Node, *path: str | int) -> Node | None:
    """The node at the end of the path; None where the path leads nowhere."""
    found: Node | None = node
    for part in path:
        if isinstance(found, Mapping):
            found = found.items.get(str(part))
        elif isinstance(found, Sequence) and isinstance(part, int) and part < len(found.items):
            found = found.items[part]
        else:
            return None
    return found


def near(node: Node, *path: str | int) -> Node:
    """The node at the end of the path, or the last one on the way: where a mistake is shown."""
    for part in path:
        node = child(node, part) or node
    return node


def key(node: Node, *path: str) -> Scalar:
    """The key at the end of the path, or where it should stand."""
    holder = near(node, *path[:-1])
    found = holder.keys.get(path[-1]) if isinstance(holder, Mapping) else None
    return found or Scalar(path[-1], "", holder.line, holder.column)


def scalars(node: Node) -> Iterator[Scalar]:
    """Every value of the tree that is a text; keys are not values."""
    if isinstance(node, Scalar):
        yield node
    else:
        for child in node.items.values() if isinstance(node, Mapping) else node.items:
            yield from scalars(child)


def map_scalars(node: Node, change: Callable[[Scalar], Scalar]) -> Node:
    """The tree with every value changed; a branch in which nothing changed is the same object."""
    if isinstance(node, Scalar):
        return change(node)
    if isinstance(node, Sequence):
        items = tuple(map_scalars(item, change) for item in node.items)
        same = all(new is old for new, old in zip(items, node.items))
        return node if same else replace(node, items=items)
    values = {key: map_scalars(item, change) for key, item in node.items.items()}
    same = all(values[key] is node.items[key] for key in values)
    return node if same else replace(node, items=values)


def plain(node: Node) -> Any:
    """The JSON value of a tree. Texts that YAML 1.2 and JSON write alike become numbers, booleans and null."""
    if isinstance(node, Mapping):
        return {key: plain(item) for key, item in node.items.items()}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    if node.nothing:
        return None
    if node.style == "" and node.text in ("true", "false"):
        return node.text == "true"
    if node.style == "" and INTEGER.fullmatch(node.text) and node.text != "-0":
        return int(node.text)
    return node.text


class Plain:
    """The tree of a JSON value: `plain` undone. `paths` says which node a negative line means: steps[3].server."""

    def __init__(self, value: Any) -> None:
        self.paths: dict[int, str] = {}
        self.root = self.mapping(value, "")

    def node(self, value: Any, path: str) -> Node:
        if isinstance(value, dict):
            return self.mapping(value, path)
        line = -1 - len(self.paths)
        self.paths[line] = path
        if isinstance(value, (list, tuple)):
            return Sequence(tuple(self.node(item, f"{path}[{i}]") for i, item in enumerate(value)), line)
        return Scalar(*scalar_of(value, path), line)

    def mapping(self, value: dict[Any, Any], path: str) -> Mapping:
        line = -1 - len(self.paths)
        self.paths[line] = path
        items = {str(key): self.node(item, f"{path}.{key}".lstrip(".")) for key, item in value.items()}
        return Mapping(items, {key: Scalar(key, "", item.line) for key, item in items.items()}, line)


def scalar_of(value: Any, path: str) -> tuple[str, str]:
    """Text and style of a JSON scalar. Raises: TypeError for what JSON does not hold."""
    if value is None:
        return "", ""
    if isinstance(value, bool):
        return ("true" if value else "false"), ""
    if isinstance(value, (int, float)):
        return repr(value), ""
    if isinstance(value, str):
        return value, '"'
    raise TypeError(f"{path or 'definition'}: {type(value).__name__} {value!r} is not a JSON value")
