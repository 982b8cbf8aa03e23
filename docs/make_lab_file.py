"""Writes docs/lab-file.md out of the models and the plugin folders: `python docs/make_lab_file.py`.

Rules: the dataclasses are the language; their docstrings, and the description of each field, are its manual. The page
is made of them and of the introduction below; tests/lab/test_reference.py fails when it is not current, and runs every
example through the loader.
"""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from netlab import impairment, spec
from netlab.lab import model
from netlab.lab.typed import fields_of, shorthand_of
from netlab.lab.words import WORDS
from netlab.steps import Action
from netlab.units import ByteSize, Duration, Rate, Ratio, human_duration

PAGE = Path(__file__).parent / "lab-file.md"

INTRODUCTION = """\
# The lab file

A lab is a folder with a `lab.yaml` in it: hosts, how they are connected, what is done, and what must be seen. This page
is made from the models that check it, by `python docs/make_lab_file.py`; do not edit it. `netlab new NAME` writes a lab
to start from, `netlab validate FILE` checks one, `netlab schema` prints a JSON Schema for editors:

```yaml
# yaml-language-server: $schema=lab.schema.json
```

## The rules of the text

- YAML 1.2. Anchors, aliases, tags, merge keys (`<<`), several documents and tabs are refused; a key stands once.
- Numbers and addresses are taken as they are written: `mac: 02:00:00:00:00:0a` and `22:22` need no quotes, `on` and
  `yes` are words. Only `true` and `false` are truth values.
- Quantities carry their unit: `50ms`, `5s`, `2min`; `64KiB`, `1MB`, `1500`; `0.1%` or `0.001`. Durations may be added
  and multiplied: `1s + 1s*3`, so that with parameters `${idle}s + ${interval}s*${count}` is one, too.
- Where a list is meant, one value may stand for a list of one. Where a verb has a *short form*, its value may stand
  alone: `listen: 9000` is `listen: {port: 9000}`.
- `${name}` in any value (not in a key) is a parameter; `$${` is a literal `${`. Inside `{ }` and `[ ]` it needs quotes.
- `${scratch}` is a folder for the programs of the run: in memory, empty when the run begins, open to every user, shared
  by its hosts, gone when it ends. (`/dev/shm`, where it is, is the run's own.)
- Hosts, switches, wires and the lab itself have names of letters, digits and hyphens, and no host is named like a verb.
- A mistake is reported as `file:line:column: what is wrong; what is allowed`, all of them at once.
"""

STEPS = """\
## Steps

`steps` is a list, played from top to bottom. Each entry has one verb:

```yaml
- server: {listen: 9000}            # an action: the host's endpoint does it, with a real system call
- server.worker: {listen: 9001}     # an endpoint of its own, a second process on the host
- wait: {host: server, socket: none}   # a step of the lab
- unplug: server.nic-a              # a fault begins
- replug: server.nic-a              # its healing verb: the newest such fault on that target ends
- heal: pull                        # or any fault, by the id of its step
```

Beside its verb an entry may have an `id` (for `heal`, for barriers in a wire script, for expectations) and
`background: NAME`: then the lab does not wait for it, and `finish: NAME` collects it.

### when

With `when` an entry is played only where parameters have certain values: one, or one of a list. An expectation may have
it, too, or an output. What is left out is as if it did not stand in the file, so alternatives may share an id:

```yaml
parameters:
  fault: {type: choice, choices: [none, pull, kill], default: pull}
steps:
  - {id: strike, when: {fault: pull}, unplug: server.eth0}
  - {id: strike, when: {fault: kill}, kill: server}
expect:
  never: {when: {fault: [none, pull]}, from: server, flags: F}
```

`netlab validate` looks at the lab with each value that a `when` looks at. A step that is left out cannot be named:
an expectation that does so needs the same `when`.
"""

EXPECT = """\
## Expectations

Every step is judged by itself: its call must return what the step says. `expect` adds what the whole record must show.
The value of each word is one expectation, or a list of them.
"""

OUTPUTS = """\
## Outputs

`outputs` names what is made of the record when a run has ended, with its settings: a table after the timeline, its rows
in `record.json` and `--json`, files in the run directory. `netlab judge RUNDIR` shows the same from the record, and
`--files` writes the files again. Plots need matplotlib (`pip install 'netlab-faults[plot]'`); without it the run says
so, and has the tables. The value of each word is one output, or a list of them.
"""

TYPES = {str: "text", int: "whole number", float: "number", bool: "true or false", bytes: "text"}
LINKS = """\
### Links

What a NIC's cable does to packets: each key with an example, where it is done and why, and the presets with the
sources of their figures are in [links.md](links.md).
"""

UNITS = {Duration: "duration", ByteSize: "size", Rate: "rate", Ratio: "ratio", Any: "any value", object: "any value"}


def page() -> str:
    """The whole page."""
    steps, faults = WORDS.steps.all(), WORDS.faults.all()
    actions = {word: kind for word, kind in steps.items() if issubclass(kind, Action)}
    own = {word: kind for word, kind in steps.items() if word not in actions}
    common = [field.name for field in dataclasses.fields(Action)]
    parts = [INTRODUCTION, "## The top level\n", *block(model.LabFile)]
    for kind in (
        spec.Host,
        spec.Nic,
        spec.Route,
        spec.Nat,
        spec.Firewall,
        spec.Conntrack,
        spec.Program,
        spec.Ready,
        spec.Capture,
    ):
        parts += [f"### {kind.__name__}\n", *block(kind)]
    parts.append(LINKS)
    for name in ("Link", *(name for name in impairment.__all__ if name != "Link")):
        kind = getattr(impairment, name)
        parts += [f"### {name}\n", *block(kind)] if dataclasses.is_dataclass(kind) else []
    for kind in (model.Parameter, model.Finding, model.Variant):
        parts += [f"### {kind.__name__}\n", *block(kind)]
    parts += [STEPS, "## Actions of hosts\n", "Every action has these keys besides its own:\n", *block(Action, False)]
    for word, kind in actions.items():
        parts += [f"### {word}\n", *block(kind, leave_out=common)]
    parts.append("## Steps of the lab\n")
    for word, kind in own.items():
        parts += [f"### {word}\n", *block(kind)]
    parts.append("## Faults\n")
    for word, fault in faults.items():
        parts += [f"### {word}, {fault.healing}\n", *block(fault)]
    parts.append(EXPECT)
    for word, expectation in WORDS.expectations.all().items():
        parts += [f"### {word}\n", *block(expectation)]
    parts.append(OUTPUTS)
    for word, report in WORDS.reports().items():
        parts += [f"### {word}\n", *block(report), *inner(report)]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def block(kind: type[Any], docstring: bool = True, leave_out: list[str] | None = None) -> Iterator[str]:
    """A class: its docstring, its example, a table of its keys."""
    if docstring:
        yield inspect.cleandoc(kind.__doc__ or "")
    if example := getattr(kind, "example", ""):
        yield f"```yaml\n{example}\n```"
    short = shorthand_of(kind)
    if short:
        yield f"Short form: `{short}`."
    rows = [row(kind, key) for key in fields_of(kind) if key not in (leave_out or [])]
    if rows:
        yield "\n".join(["| key | type | default | what it is |", "| --- | --- | --- | --- |", *rows])


def inner(kind: type[Any]) -> Iterator[str]:
    """The keys of each field that is a list of mappings."""
    for key, hint in fields_of(kind).items():
        for part in typing.get_args(hint):
            if isinstance(part, type) and dataclasses.is_dataclass(part):
                yield f"Each of `{key}`:"
                yield from block(part, docstring=False)


def row(kind: type[Any], key: str) -> str:
    """One line of the table."""
    field = next(field for field in dataclasses.fields(kind) if field.name.rstrip("_") == key)
    cells = [f"`{key}`", spoken(fields_of(kind)[key]), default(field), field.metadata.get("description", "")]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def default(field: Any) -> str:
    """What holds where the key is left out."""
    if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
        return "**needed**"
    value = field.default
    if value is dataclasses.MISSING or value is None or value == () or value == "":
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{human_duration(value).replace(' ', '')}`" if isinstance(value, Duration) else f"`{value}`"


def spoken(hint: Any) -> str:
    """A type in words."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        kinds = [mark.kind for mark in args[1:] if isinstance(mark, spec.Ref)]
        return kinds[0] if kinds else spoken(args[0])
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(spoken(arg) for arg in args if arg is not type(None)))
    if origin is typing.Literal:
        return ", ".join(f"`{str(arg).lower() if isinstance(arg, bool) else arg}`" for arg in args)
    if origin in (tuple, list):
        several = len(args) == 2 and args[1] is Ellipsis
        return f"list of {spoken(args[0])}" if several else f"list of {len(args)}: " + ", ".join(map(spoken, args))
    if origin is dict:
        return f"mapping to {spoken(args[1])}"
    if dataclasses.is_dataclass(hint):
        inner = typing.cast(type[Any], hint)
        known = inner.__module__ in (spec.__name__, model.__name__, impairment.__name__)
        return f"[{inner.__name__}](#{inner.__name__.lower()})" if known else f"mapping: {keys(inner)}"
    return UNITS.get(hint) or TYPES.get(hint) or getattr(hint, "__name__", str(hint))


def keys(kind: type[Any]) -> str:
    """The keys of a small mapping inside a step."""
    return ", ".join(f"`{key}`" for key in fields_of(kind))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
