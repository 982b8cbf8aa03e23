"""when: entries of `steps`, expectations and outputs that hold only where parameters have certain values.

    - {when: {fault: kill}, kill: server}                     played where the parameter fault is kill
    - {when: {fault: [down, remove]}, unplug: server.nic-a}   played where it is one of these
    reset: {when: {fault: kill}, from: server}                asked for where it is kill

Rules: settled as soon as the parameters are, before anything else looks at the tree. What is left out is as if it did
not stand in the file: it has no number, alternatives may share one id, and an expectation that names a step which is
left out must be left out by a `when` of its own. All parameters that one `when` names must agree.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from netlab.lab.mistakes import Report, did_you_mean, quoted
from netlab.lab.nodes import Mapping, Node, Scalar, Sequence
from netlab.lab.parameters import Values, choices_of, comparable

__all__ = ["WHEN", "alternatives", "named", "settle"]

WHEN = "when"
LISTED = ("expect", "outputs")
"""Sections of words, each with one mapping or a list of them, any of which may have a `when`."""
FORM = "write when: {PARAMETER: VALUE}, or a list of values"


def settle(tree: Mapping, values: Values, report: Report) -> Mapping:
    """The tree with only those entries, expectations and outputs whose `when` agrees with `values`, and no `when`."""
    steps = tree.items.get("steps")
    if isinstance(steps, Sequence):
        tree = tree.with_("steps", replace(steps, items=tuple(kept(steps.items, values, report))))
    for section in LISTED:
        node = tree.items.get(section)
        if isinstance(node, Mapping):
            tree = tree.with_(section, replace(node, items=dict(kept_words(node, values, report))))
    return tree


def kept_words(section: Mapping, values: Values, report: Report) -> Iterator[tuple[str, Node]]:
    """The words of a section with what is asked for; a word of which nothing is left is left out."""
    for word, node in section.items.items():
        items = tuple(kept(node.items if isinstance(node, Sequence) else (node,), values, report))
        if isinstance(node, Sequence) and (items or not node.items):
            yield word, replace(node, items=items)
        elif items:
            yield word, items[0]


def kept(nodes: tuple[Node, ...], values: Values, report: Report) -> Iterator[Node]:
    """Those of the nodes that hold, each without its `when`."""
    for node in nodes:
        if not isinstance(node, Mapping) or WHEN not in node.items:
            yield node
        elif agrees(node.items[WHEN], node.keys[WHEN], values, report):
            yield node.without(WHEN)


def agrees(condition: Node, key: Scalar, values: Values, report: Report) -> bool:
    """Whether every parameter that the condition names has the value, or one of the values, it asks for.

    So it is taken, too, where it holds a mistake, lest the lack of what it leaves out look like another.
    """
    if not isinstance(condition, Mapping) or not condition.items:
        report.wrong(key, "when names no parameter", FORM)
        return True
    found, before = True, len(report)
    for name, asked in condition.items.items():
        if name in values.broken:
            continue
        if name not in values.declared:
            allowed = did_you_mean(name, values.declared, "parameter")
            report.wrong(condition.keys[name], f"unknown parameter {quoted(name)}", allowed)
        else:
            outcomes = [same(name, node, values, report) for node in options(asked, report)]
            found &= any(outcomes)
    return found or len(report) > before


def options(asked: Node, report: Report) -> list[Scalar]:
    """The values that a condition gives for one parameter."""
    nodes = asked.items if isinstance(asked, Sequence) else (asked,)
    if not nodes or isinstance(asked, Mapping):
        report.wrong(asked, "when: no value", FORM)
        return []
    for node in nodes:
        if not isinstance(node, Scalar):
            report.wrong(node, "when: a value is a text or a number", FORM)
    return [node for node in nodes if isinstance(node, Scalar)]


def same(name: str, asked: Scalar, values: Values, report: Report) -> bool:
    """Whether the parameter has this value; one that it can never have is a mistake."""
    parameter = values.declared[name]
    try:
        wanted = comparable(parameter, asked.text)
    except ValueError as error:
        wrong, _, allowed = str(error).partition("; ")
        report.wrong(asked, f"parameter {name}: {wrong}", allowed)
        return False
    return bool(wanted == comparable(parameter, values.texts[name]))


def conditions(tree: Mapping) -> Iterator[Mapping]:
    """Every `when` of a lab, or of a variant."""
    steps = tree.items.get("steps")
    nodes = list(steps.items) if isinstance(steps, Sequence) else []
    sections = [tree.items.get(section) for section in LISTED]
    for node in (node for section in sections if isinstance(section, Mapping) for node in section.items.values()):
        nodes += node.items if isinstance(node, Sequence) else (node,)
    for node in nodes:
        condition = node.items.get(WHEN) if isinstance(node, Mapping) else None
        if isinstance(condition, Mapping):
            yield condition


def named(tree: Mapping) -> set[str]:
    """The parameters that some `when` of this lab, or of one of its variants, names."""
    variants = tree.items.get("variants")
    inner = variants.items.values() if isinstance(variants, Mapping) else ()
    trees = [tree, *(node for node in inner if isinstance(node, Mapping))]
    return {name for each in trees for condition in conditions(each) for name in condition.items}


def alternatives(tree: Mapping, values: Values) -> Iterator[tuple[str, str]]:
    """Each parameter and value by which some `when` of the tree would turn out otherwise than with `values`."""
    asked: dict[str, list[str]] = {}
    for condition in conditions(tree):
        for name, node in condition.items.items():
            nodes = node.items if isinstance(node, Sequence) else (node,)
            asked.setdefault(name, []).extend(each.text for each in nodes if isinstance(each, Scalar))
    for name, texts in asked.items():
        for text in dict.fromkeys((*choices_of(values.declared[name]), *texts)):
            if text != values.texts[name] and "${" not in text:
                yield name, text
