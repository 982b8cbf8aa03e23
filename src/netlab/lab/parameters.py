"""Parameters: their values, and `${name}` in the texts of a lab file.

Rules: `${name}` stands in any value, never in a key; `$${` is a literal `${`; `${scratch}` is netlab's own. A
parameter's default, or the value that a variant sets, may use other parameters. Values given by the user (--set) are
taken as they are. Each value is checked against its parameter's type before it is used; a cycle is a mistake.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass, field, replace
from typing import Any

from netlab.errors import UsageError
from netlab.lab.mistakes import Report, did_you_mean, quoted
from netlab.lab.model import Parameter
from netlab.lab.nodes import INTEGER, Mapping, Node, Scalar, map_scalars, scalars
from netlab.lab.typed import NUMBER, Typing
from netlab.spec import SCRATCH
from netlab.units import ByteSize, Duration, Rate, Ratio

USE = re.compile(r"\$\$\{|\$\{([^{}\n]*)\}|\$\{")
PARSERS: dict[str, Callable[[object], object]] = {
    "duration": Duration.parse,
    "size": ByteSize.parse,
    "ratio": Ratio.parse,
    "rate": Rate.parse,
}
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
OWN = {"scratch": SCRATCH}
"""What stands for something in every lab."""


def used(nodes: Iterable[Node]) -> set[str]:
    """The parameters that these trees use."""
    return {match[1] for node in nodes for scalar in scalars(node) for match in USE.finditer(scalar.text) if match[1]}


def type_of(parameter: Parameter) -> str:
    """The type a parameter has, or seems to have by its default."""
    if parameter.type:
        return parameter.type
    if parameter.choices:
        return "choice"
    if parameter.default in ("true", "false"):
        return "bool"
    if INTEGER.fullmatch(parameter.default):
        return "int"
    return "float" if NUMBER.fullmatch(parameter.default) else "text"


def value_of(parameter: Parameter, text: str) -> Any:
    """The value of a parameter as JSON holds it: quantities with units stay as people write them.

    Raises: ValueError "what is wrong; what is allowed".
    """
    kind = type_of(parameter)
    if kind == "choice" and text not in parameter.choices:
        raise ValueError(f"{quoted(text)} is not one of its choices; {did_you_mean(text, parameter.choices)}")
    if kind == "bool":
        if text not in ("true", "false"):
            raise ValueError(f"{quoted(text)} is not a truth value; write true or false")
        return text == "true"
    if kind == "int":
        if not INTEGER.fullmatch(text):
            raise ValueError(f"{quoted(text)} is not a whole number; write one like 9000")
        return int(text)
    if kind == "float":
        if not NUMBER.fullmatch(text):
            raise ValueError(f"{quoted(text)} is not a number; write one like 0.5")
        return float(text)
    if kind in PARSERS:
        PARSERS[kind](text)
    return text


def comparable(parameter: Parameter, text: str) -> Any:
    """The value that a text means, so that equal ones are equal: 1s is 1000ms. Raises: ValueError."""
    value = value_of(parameter, text)
    kind = type_of(parameter)
    return PARSERS[kind](text) if kind in PARSERS else value


def choices_of(parameter: Parameter) -> tuple[str, ...]:
    """Every value that the parameter can have, where these can be counted."""
    return ("true", "false") if type_of(parameter) == "bool" else parameter.choices


def text_of(value: Any) -> str:
    """How a value given in Python or on the command line is written in a lab file."""
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass
class Values:
    """The values of a lab's parameters in one run: defaults, then what the variant sets, then what the user gives."""

    declared: dict[str, Parameter]
    sources: dict[str, Scalar] = field(default_factory=dict)
    """Where each value comes from."""
    texts: dict[str, str] = field(default_factory=dict)
    """Each value as text, once it was resolved."""
    given: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    """Parameters whose declaration or value has mistakes: nothing more is said where they are used."""

    def resolve(self, report: Report) -> None:
        """Fill in what values say of each other; report cycles, unknown names and wrong types."""
        for name in self.declared:
            self.text(name, (), report)
        for name in self.declared.keys() - self.given - self.broken:
            try:
                value_of(self.declared[name], self.texts[name])
            except ValueError as error:
                wrong, _, allowed = str(error).partition("; ")
                report.wrong(self.sources[name], f"parameter {name}: {wrong}", allowed)
                report.spoil(self.sources[name])
                self.broken.add(name)

    def text(self, name: str, under_way: tuple[str, ...], report: Report) -> str:
        """The text of one parameter, resolving those it uses first."""
        if name in self.texts:
            return self.texts[name]
        source = self.sources[name]
        if name in under_way:
            cycle = " -> ".join((*under_way[under_way.index(name) :], name))
            report.wrong(source, f"a cycle of parameters: {cycle}", "give one of them a value of its own")
            report.spoil(source)
            self.broken.add(name)
            return self.texts.setdefault(name, source.text)
        if name not in self.given:
            for used_name in sorted(used([source]) & self.declared.keys()):
                self.text(used_name, (*under_way, name), report)
            source = self.substitute(source, report)
        return self.texts.setdefault(name, source.text)

    def fill(self, node: Node, report: Report) -> Node:
        """The tree with every `${name}` replaced."""
        return map_scalars(node, lambda scalar: self.substitute(scalar, report))

    def substitute(self, scalar: Scalar, report: Report) -> Scalar:
        """One text with every `${name}` replaced; what is unknown is reported and stays."""
        if "${" not in scalar.text:
            return scalar
        trouble: list[tuple[int, str, str]] = []
        spoiled = not self.broken.isdisjoint(match[1] for match in USE.finditer(scalar.text))

        def put(match: re.Match[str]) -> str:
            if match[0] == "$${":
                return "${"
            if match[1] is None:
                trouble.append((match.start(), "${ without }", "write ${name}, or $${ for a literal ${"))
            elif match[1] in OWN:
                return OWN[match[1]]
            elif match[1] in self.broken:
                return self.texts.get(match[1], match[0])
            elif match[1] not in self.declared:
                allowed = did_you_mean(match[1], [*self.declared, *OWN], "parameter")
                trouble.append((match.start(), f"unknown parameter {quoted(match[1])}", allowed))
            else:
                return self.texts.get(match[1], match[0])
            return match[0]

        text = USE.sub(put, scalar.text)
        for at, wrong, allowed in trouble:
            line = scalar.text.count("\n", 0, at) + 1
            spot = scalar.spot(line, at - scalar.text.rfind("\n", 0, at))
            report.wrong(scalar, wrong, allowed, spot)
        if trouble or spoiled:
            report.spoil(scalar)
        return replace(scalar, text=text)

    def json(self) -> dict[str, Any]:
        """Names to values, as the record holds them."""
        return {name: value_of(self.declared[name], self.texts[name]) for name in self.declared}


def declare(section: Mapping, report: Report) -> Values:
    """The parameters that a lab's `parameters` section declares, with their defaults."""
    values = Values({})
    for name, node in section.items.items():
        if not NAME.fullmatch(name):
            report.wrong(section.keys[name], f"{quoted(name)} is not a parameter's name", "letters, digits, _ and -")
        if name in OWN:
            report.wrong(
                section.keys[name], f"a parameter called {name}", f"${{{name}}} is netlab's own; choose another"
            )
        parameter = Typing(report).build(Parameter, node, name)
        if parameter is None:
            values.broken.add(name)
            continue
        values.declared[name] = parameter
        default = node.items["default"] if isinstance(node, Mapping) else node
        values.sources[name] = default if isinstance(default, Scalar) else Scalar(parameter.default)
    return values


def set_by_variant(values: Values, section: Node | None, report: Report) -> None:
    """Take over what a variant's `set` says."""
    if not isinstance(section, Mapping):
        return
    for name, node in section.items.items():
        if name in values.broken:
            continue
        if name not in values.declared:
            key = section.keys[name]
            report.wrong(key, f"unknown parameter {quoted(name)}", did_you_mean(name, values.declared, "parameter"))
        elif isinstance(node, Scalar):
            values.sources[name] = node


def give(values: Values, given: AnyMapping[str, Any]) -> None:
    """Take over what the user gives. Raises: UsageError for an unknown name or a value of the wrong type."""
    for name, value in given.items():
        if name not in values.declared:
            raise UsageError(f"set {name}: no such parameter; {did_you_mean(name, values.declared, 'parameter')}")
        text = text_of(value)
        try:
            value_of(values.declared[name], text)
        except ValueError as error:
            raise UsageError(f"set {name}: {error}") from None
        values.texts[name] = text
        values.given.add(name)
