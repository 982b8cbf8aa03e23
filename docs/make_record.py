"""Writes docs/record.md out of src/netlab/records.py: `python docs/make_record.py`.

Rules: the dataclasses are the schema; their docstrings, and the text below each field, are its description. The page is
made of them and of nothing else, and tests/outputs/test_record_page.py fails when it is not current.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from netlab import records

PAGE = Path(__file__).parent / "record.md"

INTRODUCTION = """\
# The record of a run

A run leaves `record.json`: everything that was observed, and what was concluded from it. `netlab judge RUNDIR` reads
nothing else. This page is made from `src/netlab/records.py` by `python docs/make_record.py`; do not edit it.

- `schema_version` is {version}. The schema only grows: fields are added, never renamed or removed, and each addition
  raises the version. A reader passes over what it does not know.
- Times end in `_ns`: integer nanoseconds of CLOCK_MONOTONIC since the run began (`environment.origin_ns` is that
  moment on the machine's own clock).
- Sequence numbers are absolute, as on the wire. Packet numbers count from 1 and are those of `capture.pcapng`, as
  Wireshark shows them.
- An address is an object, `{{"ip": "10.77.0.1", "port": 9000}}`. Bytes are text in which each character stands for the
  byte of its number (latin-1), so that "hello" stays readable.
- A field that is marked *optional* is left out where it has nothing to say.
"""

TYPES = {
    "str": "text",
    "int": "integer",
    "float": "number",
    "bool": "true or false",
    "bytes": "bytes as text",
    "Any": "any value",
    "Verdict": '"pass", "unknown" or "fail"',
}


def page() -> str:
    """The whole page."""
    own = [records.Check, records.Reset, records.Table, records.Environment]
    parts = [INTRODUCTION.format(version=records.SCHEMA_VERSION)]
    parts.append("\n".join(["## The document", "", *section(records.RunRecord)]))
    parts += ["\n".join([f"## {kind.__name__}", "", *section(kind)]) for kind in own]
    parts.append("## Events\n\nEvery event has a `kind`; `events` holds them all, ordered by `time_ns`.\n")
    for word, kind in records.EVENT_KINDS.items():
        parts.append("\n".join([f'### `"kind": "{word}"`', "", *section(kind)]))
    parts.append("\n".join(["## Parts of events", "", "### SocketInfo", "", *section(records.SocketInfo)]))
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def section(kind: type[Any]) -> Iterator[str]:
    """A dataclass: its docstring, then a table of its fields."""
    texts = field_texts(kind)
    yield inspect.cleandoc(kind.__doc__ or "")
    yield ""
    yield "| field | type | what it is |"
    yield "| --- | --- | --- |"
    for field in dataclasses.fields(kind):
        if field.name != "kind":
            nullable = ", or null" if str(field.type).endswith("| None") else ""
            optional = ", optional" if field.default is None else nullable
            text = texts.get(field.name, "")
            yield f"| `{field.name.rstrip('_')}` | {spoken(str(field.type))}{optional} | {text} |"


def field_texts(kind: type[Any]) -> dict[str, str]:
    """The text below each field: a string by itself in the class body, after the field it describes."""
    body = ast.parse(inspect.getsource(kind)).body[0].body  # type: ignore[attr-defined]
    texts = {}
    for field, text in itertools.pairwise(body):
        described = isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr)
        if described and isinstance(text.value, ast.Constant):
            texts[field.target.id] = " ".join(str(text.value.value).split()).replace("|", "\\|")
    return texts


def spoken(annotation: str) -> str:
    """A type as JSON readers know it: "tuple[Check, ...]" is "list of Check"."""
    annotation = annotation.removesuffix(" | None")
    if match := re.fullmatch(r"tuple\[(.+), \.\.\.\]", annotation):
        return f"list of {spoken(match[1])}"
    if match := re.fullmatch(r"dict\[str, (.+)\]", annotation):
        return f"object of {spoken(match[1])}"
    if match := re.fullmatch(r"Literal\[(.+)\]", annotation):
        return " or ".join(match[1].split(", "))
    return TYPES.get(annotation, annotation)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
