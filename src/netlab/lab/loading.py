"""Loads a lab: a file, or a definition in plain values, to a `Lab`.

    tree ─▶ parameters and variants ─▶ the tree of one variant, every ${name} filled in and every `when` settled
         ─▶ resolve.py ─▶ Lab

Rules: everything that can be wrong is looked for before anything is raised, in every variant and for every value that
a `when` looks at, and told once. A lab's `definition` is its resolved tree as JSON: `from_definition(lab.definition)`
is the same lab again, without its file.
"""

from __future__ import annotations

from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from netlab.errors import LabError, Mistake, UsageError
from netlab.lab import parameters as params
from netlab.lab import when
from netlab.lab.lab import Lab
from netlab.lab.mistakes import Report, cut, did_you_mean, quoted
from netlab.lab.model import REPLACED, Variant
from netlab.lab.names import WORD, check_word
from netlab.lab.nodes import Mapping, Plain, Scalar, child
from netlab.lab.resolve import Played, resolve
from netlab.lab.typed import Typing
from netlab.lab.words import WORDS, Words

__all__ = ["from_definition", "load", "load_all", "validate"]


@dataclass
class Source:
    """A lab's tree before a variant is chosen, and where it came from."""

    root: Mapping
    file: str
    folder: str = "."
    path: Path | None = None
    mistakes: tuple[Mistake, ...] = ()
    """What the reader of the YAML refused."""
    places: dict[int, str] | None = None
    """For a definition: what the lines of its nodes stand for."""

    def error(self, mistakes: list[Mistake]) -> LabError:
        """All of these in one error; in a definition, a path stands in the place of line and column."""
        if self.places is not None:
            places = self.places
            mistakes = [replace(m, line=0, column=0, wrong=f"{places.get(m.line, '')}: {m.wrong}") for m in mistakes]
        return LabError(self.file, cut(mistakes))


def load(
    path: str | Path,
    variant: str | None = None,
    parameters: AnyMapping[str, Any] | None = None,
    words: Words = WORDS,
    *,
    at_once: bool = False,
) -> Lab:
    """The lab in the file at `path`, in one of its variants, with parameters as given.

    With `at_once` only this variant is looked at where it has no mistake; `Lab.check_others` looks at the others.
    Raises: LabError with every mistake of the file; UsageError for an unknown variant or parameter.
    """
    source = read(Path(path))
    lab = one_variant(source, variant, parameters or {}, words) if at_once else None
    return lab or open_lab(source, variant, parameters or {}, words)


def load_all(path: str | Path, words: Words = WORDS) -> dict[str | None, Lab]:
    """The lab in the file at `path` as it is by default (None), and in each of its variants.

    Raises: LabError with every mistake of the file.
    """
    source = read(Path(path))
    return every_variant(Head(source), words)


def one_variant(source: Source, variant: str | None, given: AnyMapping[str, Any], words: Words) -> Lab | None:
    """The lab in one variant, the others not looked at; None where there is any mistake so far."""
    if source.mistakes:
        return None
    head = Head(source)
    if head.report.mistakes or (variant is not None and variant not in head.variants):
        return None
    report = Report()
    lab = head.lab(variant, given, words, report)
    if lab is None or report.mistakes:
        return None
    return replace(lab, check_others=lambda: open_lab(source, variant, given, words))


def from_definition(
    definition: AnyMapping[str, Any],
    variant: str | None = None,
    parameters: AnyMapping[str, Any] | None = None,
    folder: str | Path = ".",
    words: Words = WORDS,
) -> Lab:
    """A lab from plain values: what `Lab.definition` and a record hold, or a lab file's content written in Python.

    Raises: LabError, UsageError as `load` does.
    """
    try:
        tree = Plain(dict(definition))
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"read a definition: {error}") from None
    source = Source(tree.root, "definition", str(folder), places=tree.paths)
    return open_lab(source, variant, parameters or {}, words)


def validate(path: str | Path, words: Words = WORDS) -> list[Mistake]:
    """Every mistake in the lab file at `path`, in each of its variants; none for a good one."""
    try:
        load(path, words=words)
    except LabError as error:
        return error.mistakes
    return []


def read(path: Path) -> Source:
    """The tree of a lab file. Raises: LabError where it is no YAML."""
    from netlab.lab import document

    root, mistakes = document.read(path)
    if "played" in root.items:
        node = root.keys["played"]
        mistakes.append(Mistake(node.line, node.column, "unknown key 'played'", "it belongs to records of runs"))
    return Source(root.without("played"), str(path), str(path.resolve().parent), path, tuple(mistakes))


def open_lab(source: Source, variant: str | None, given: AnyMapping[str, Any], words: Words) -> Lab:
    """The lab of this source. Every variant is looked at, with every value that a `when` of it looks at, so that
    mistakes in what is not played are told as well."""
    if "played" in source.root.items:
        return open_played(source, words)
    head = Head(source)
    labs = every_variant(head, words)
    if variant not in labs:
        allowed = did_you_mean(str(variant), head.variants, "variant")
        raise UsageError(f"{source.file}: no variant {quoted(str(variant))}; {allowed}")
    if not given:
        return labs[variant]
    report = Report()
    lab = head.lab(variant, given, words, report)
    if lab is None:
        raise source.error(report.mistakes)
    return lab


def every_variant(head: Head, words: Words) -> dict[str | None, Lab]:
    """The lab by default (None) and in each variant. Raises: LabError with the mistakes of all of them."""
    source = head.source
    mistakes = [*source.mistakes, *head.report.mistakes]
    labs: dict[str | None, Lab] = {}
    for name in (None, *head.variants):
        report = Report(source.mistakes)
        lab = head.lab(name, {}, words, report)
        mistakes += told_anew(report.mistakes, mistakes, f"in variant {name}" if name else "", head.lines(name))
        if lab is not None:
            labs[name] = lab
    if not mistakes:
        mistakes = with_other_values(head, words)
    if mistakes:
        raise source.error(mistakes)
    return labs


def open_played(source: Source, words: Words) -> Lab:
    """A lab from its resolved tree: nothing is open in it, `${` is text. Raises: LabError."""
    report = Report()
    played = Typing(report).build(Played, source.root.items["played"], "played")
    lab = played and resolve(source.root.without("played"), played, source.folder, source.path, words, report)
    if lab is None:
        raise source.error(report.mistakes)
    return lab


def with_other_values(head: Head, words: Words) -> list[Mistake]:
    """The mistakes of a lab that has none by default, in what its `when`s leave out."""
    mistakes: list[Mistake] = []
    for variant in (None, *head.variants):
        for name, text in head.other_values(variant):
            report = Report()
            head.lab(variant, {name: text}, words, report)
            mistakes += told_anew(report.mistakes, mistakes, f"with {name}={text}")
    return mistakes


def told_anew(found: list[Mistake], told: list[Mistake], where: str, lines: range = range(0)) -> list[Mistake]:
    """The mistakes that were not told yet; those outside of `lines` say `where` they are mistakes."""
    known = {(mistake.line, mistake.column, mistake.wrong.partition(" (in variant")[0]) for mistake in told}
    known |= {(mistake.line, mistake.column, mistake.wrong.partition(" (with ")[0]) for mistake in told}
    fresh = [mistake for mistake in found if (mistake.line, mistake.column, mistake.wrong) not in known]
    return [
        mistake if not where or mistake.line in lines else replace(mistake, wrong=f"{mistake.wrong} ({where})")
        for mistake in fresh
    ]


class Head:
    """What is read before a variant is chosen: parameters and variants."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.report = Report(source.mistakes)
        self.parameters = self.section("parameters")
        self.section_of_variants = self.section("variants")
        self.variants = self.section_of_variants.items
        self.check_unused()
        for name, node in self.variants.items():
            check_word(self.section_of_variants.keys[name], WORD, "variant", self.report)
            Typing(self.report).build(Variant, node, name)

    def section(self, key: str) -> Mapping:
        """A top-level section; empty where it is missing, or is no mapping (then that is reported)."""
        node = self.source.root.items.get(key, Mapping())
        if isinstance(node, Mapping):
            return node
        if not (isinstance(node, Scalar) and node.nothing):
            self.report.wrong(node, f"{key} is no mapping", f"write {key}: with a name in each line below it")
        return Mapping()

    def check_unused(self) -> None:
        used = params.used([self.source.root]) | when.named(self.source.root)
        for name, key in self.parameters.keys.items():
            if name not in used:
                self.report.wrong(key, f"parameter {name} is used nowhere", f"write ${{{name}}} where it is meant")

    def lab(self, variant: str | None, given: AnyMapping[str, Any], words: Words, report: Report) -> Lab | None:
        """The lab in one variant; None where the report has mistakes. Raises: UsageError for what is given wrongly."""
        values = self.values(variant, given, report)
        tree = values.fill(self.tree(variant), report)
        assert isinstance(tree, Mapping)
        tree = when.settle(tree, values, report)
        shown = {} if len(report) else values.json()
        played = Played(variant=variant, variants=self.titles(values), parameters=shown)
        return resolve(tree, played, self.source.folder, self.source.path, words, report)

    def values(self, variant: str | None, given: AnyMapping[str, Any], report: Report) -> params.Values:
        """The value of every parameter. Raises: UsageError for what is given wrongly."""
        values = params.declare(self.parameters, report)
        if variant is not None:
            params.set_by_variant(values, child(self.variants[variant], "set"), report)
        params.give(values, given)
        values.resolve(report)
        return values

    def other_values(self, variant: str | None) -> list[tuple[str, str]]:
        """Parameters and values with which a lab without mistakes plays steps that it leaves out otherwise."""
        return list(when.alternatives(self.tree(variant), self.values(variant, {}, Report())))

    def tree(self, variant: str | None) -> Mapping:
        """The lab with the variant's parts in the place of its own."""
        tree = self.source.root.without("parameters", "variants")
        node = self.variants.get(variant) if variant else None
        for key in REPLACED:
            if isinstance(node, Mapping) and key in node.items:
                tree = tree.with_(key, node.items[key], node.keys[key])
        finding = tree.items.get("finding")
        if isinstance(node, Mapping) and "finding" not in node.items and isinstance(finding, Mapping):
            return tree.with_("finding", finding.without("shown_by"))  # the lab's own steps and expectations have it
        return tree

    def titles(self, values: params.Values) -> dict[str, str]:
        """Every variant's title."""
        titles = {name: child(node, "title") for name, node in self.variants.items()}
        return {
            name: values.substitute(node, Report()).text if isinstance(node, Scalar) else ""
            for name, node in titles.items()
        }

    def lines(self, variant: str | None) -> range:
        """The lines in which a variant stands."""
        if variant is None:
            return range(0)
        starts = [key.line for key in self.section_of_variants.keys.values()]
        start = self.section_of_variants.keys[variant].line
        if start < 0:  # the nodes of a definition are numbered downwards
            return range(max((line for line in starts if line < start), default=-(1 << 40)) + 1, start + 1)
        return range(start, min((line for line in starts if line > start), default=1 << 40))
