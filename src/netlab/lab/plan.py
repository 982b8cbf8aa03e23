"""Turns the entries of `steps` into planned steps: one verb each.

    - server: {listen: 9000}           an action of a host, or of one of its endpoints (server.worker)
    - wait: {host: server, ...}        a step of the lab
    - unplug: server.nic-a             a fault begins
    - replug: server.nic-a             its healing verb: the newest such fault on that target ends
    - heal: ID                         any fault ends, named by the id of its step

Rules: beside its verb an entry may have `id` and `background`, nothing else. Only the plugin files of the verbs that
are really used are imported.
"""

from __future__ import annotations

import typing
from dataclasses import dataclass, field
from typing import Any

from netlab.lab.mistakes import Report, did_you_mean, quoted
from netlab.lab.names import WORD, Names, check_word
from netlab.lab.nodes import Mapping, Node, Scalar, Sequence
from netlab.lab.typed import Typing, Use, fields_of, shorthand_of
from netlab.lab.words import Words
from netlab.spec import Ref
from netlab.steps import Action, Planned

SIBLINGS = ("id", "background")
ONE_VERB = "write one verb an entry: `- HOST: {ACTION: ...}`, `- STEP: ...` or `- FAULT: ...`"


@dataclass
class Active:
    """A fault that is in effect at some point of the plan."""

    name: str
    word: str
    hits: str | None
    """What it hits; None where that could not be told."""


@dataclass
class Planner:
    """Plans entry after entry; `names` grows with each."""

    words: Words
    names: Names
    report: Report
    lines: tuple[int, ...] = ()
    """The entries' lines in the lab file, where the tree does not know them."""
    planned: list[Planned] = field(default_factory=list)
    active: list[Active] = field(default_factory=list)

    def plan(self, steps: Node | None) -> tuple[Planned, ...]:
        """Every entry that could be planned; mistakes are in the report."""
        entries = steps.items if isinstance(steps, Sequence) else ()
        if len(self.lines) != len(entries):  # they belong to other steps
            self.lines = ()
        self.names.actors |= {actor for entry in entries for actor in self.actors(entry)}
        for index, entry in enumerate(entries):
            if isinstance(entry, Mapping):
                self.entry(index, entry)
            elif isinstance(entry, Scalar) and entry.nothing:  # what else it may be, the types have told
                self.report.wrong(entry, "an entry without a verb", ONE_VERB)
        return tuple(self.planned)

    def actors(self, entry: Node) -> list[str]:
        """Endpoints of their own that this entry names."""
        keys = entry.items if isinstance(entry, Mapping) else ()
        return [key for key in keys if "." in key and key.partition(".")[0] in self.names.hosts]

    def entry(self, index: int, entry: Mapping) -> None:
        verbs = [key for key in entry.items if key not in SIBLINGS]
        if len(verbs) != 1:
            wrong = f"{len(verbs)} verbs in one entry ({', '.join(verbs)})" if verbs else "an entry without a verb"
            self.report.wrong(entry.keys[verbs[1]] if verbs else entry, wrong, ONE_VERB)
            return
        name = self.sibling(entry, "id", self.names.steps, index) or f"step {index + 1}"
        background = self.sibling(entry, "background", {}, index)
        line = self.lines[index] if self.lines else max(0, entry.keys[verbs[0]].line)
        common = {"index": index, "name": name, "background": background, "line": line}
        typing_ = Typing(self.report)
        planned = self.verb(entry.keys[verbs[0]], entry.items[verbs[0]], typing_, common)
        for use in typing_.take_uses():
            self.names.check(use, self.report)
        if planned is not None:
            self.planned.append(planned)
        self.remember(entry, verbs[0], index)

    def remember(self, entry: Mapping, verb: str, index: int) -> None:
        """Let later entries, and expectations, name this one."""
        if verb.partition(".")[0] not in self.names.hosts:
            self.names.verbs[verb] = self.names.verbs.get(verb, 0) + 1
        for sibling, known in (("id", self.names.steps), ("background", self.names.background)):
            node = entry.items.get(sibling)
            if isinstance(node, Scalar) and node.text:
                if sibling == "background" and node.text in known:
                    first = known[node.text] + 1
                    self.report.wrong(node, f"background {node.text} twice", f"step {first} has that name already")
                known.setdefault(node.text, index)

    def sibling(self, entry: Mapping, key: str, taken: dict[str, int], index: int) -> str | None:
        """The entry's `id` or `background`."""
        node = entry.items.get(key)
        if node is None:
            return None
        if not isinstance(node, Scalar) or not check_word(node, WORD, "step" if key == "id" else key, self.report):
            if not isinstance(node, Scalar):
                self.report.wrong(node, f"{key} is not a word", "letters, digits, hyphens, underscores")
            return None
        if node.text in taken:
            self.report.wrong(node, f"id {node.text} twice", f"step {taken[node.text] + 1} has it already")
        return node.text

    def verb(self, key: Scalar, args: Node, typing_: Typing, common: dict[str, Any]) -> Planned | None:
        """What the entry's verb says is to be done."""
        word = key.text
        if word.partition(".")[0] in self.names.hosts:
            return self.action(key, args, typing_, common)
        if word == "heal":
            return self.heal_by_id(args, common)
        if word in self.words.steps:
            return self.step(key, args, typing_, common)
        if word in self.words.faults:
            return self.inject(key, args, typing_, common)
        healed = self.words.healed_by(word)
        if healed is not None:
            return self.heal(word, healed, args, typing_, common)
        known = [*self.names.hosts, *self.words.verbs()]
        self.report.wrong(key, f"no host, step or fault {quoted(word)}", did_you_mean(word, known))
        return None

    def action(self, key: Scalar, args: Node, typing_: Typing, common: dict[str, Any]) -> Planned | None:
        actor = key.text
        if actor in self.names.programs:
            self.report.wrong(
                key, f"{actor} is a program", "actions are for endpoints; start and stop are for programs"
            )
        elif "." in actor and not WORD.fullmatch(actor.partition(".")[2]):
            self.report.wrong(key, f"{quoted(actor)} is not an endpoint", "write host, or host.endpoint")
        asked = [word for word in args.items if self.is_action(word)] if isinstance(args, Mapping) else []
        if not isinstance(args, Mapping) or not args.items or len(asked) > 1:
            self.report.wrong(args, f"{actor} needs one action", f"write - {actor}: {{send: hello}}")
            return None
        word = asked[0] if asked else next(iter(args.items))
        if not asked:
            known = self.words.actions()
            self.report.wrong(args.keys[word], f"no action {quoted(word)}", did_you_mean(word, known, "action"))
            return None
        if beside := next((key for key in args.items if key != word), None):
            inside = f"what {word} takes stands inside of it: {{{word}: {{{beside}: ...}}}}"
            self.report.wrong(args.keys[beside], f"no action {quoted(beside)} beside {word}", inside)
            return None
        inner = args.items[word]
        doing = typing_.build(self.words.steps[word], inner, word)
        text = f"{actor}: {one_line(word, self.words.steps[word], inner)}"
        return doing and Planned(kind="action", word=word, doing=doing, actor=actor, text=text, **common)

    def is_action(self, word: str) -> bool:
        return word in self.words.steps and issubclass(self.words.steps[word], Action)

    def step(self, key: Scalar, args: Node, typing_: Typing, common: dict[str, Any]) -> Planned | None:
        kind = self.words.steps[key.text]
        if issubclass(kind, Action):
            self.report.wrong(key, f"{key.text} is done by a host", f"write - HOST: {{{key.text}: ...}}")
            return None
        doing = typing_.build(kind, args, key.text)
        text = one_line(key.text, kind, args)
        return doing and Planned(kind="step", word=key.text, doing=doing, text=text, **common)

    def inject(self, key: Scalar, args: Node, typing_: Typing, common: dict[str, Any]) -> Planned | None:
        kind = self.words.faults[key.text]
        doing = typing_.build(kind, args, key.text)
        self.active.append(Active(common["name"], key.text, doing.hits if doing else None))
        text = one_line(key.text, kind, args)
        return doing and Planned(kind="inject", word=key.text, doing=doing, text=text, **common)

    def heal(self, verb: str, word: str, args: Node, typing_: Typing, common: dict[str, Any]) -> Planned | None:
        """A fault's own healing verb, with its target."""
        kind = self.words.faults[word]
        field_ = shorthand_of(kind) or ""
        if isinstance(args, Mapping) and set(args.items) == {field_}:
            args = args.items[field_]
        if not isinstance(args, Scalar):
            self.report.wrong(args, f"{verb} needs the target of an {word}", f"write - {verb}: TARGET")
            return None
        target = None if args.nothing else args.text
        typing_.uses += [Use(kind_, args) for kind_ in ref_kinds(fields_of(kind)[field_]) if target]
        self.end(
            args,
            f"no {word} {f'of {target} ' if target else ''}is in effect here",
            lambda active: active.word == word and (target is None or active.hits in (None, target)),
        )
        return Planned(kind="heal", word=word, doing=target, text=f"{verb} {target or ''}".strip(), **common)

    def heal_by_id(self, args: Node, common: dict[str, Any]) -> Planned | None:
        """`heal: ID`."""
        if not isinstance(args, Scalar) or not args.text:
            self.report.wrong(args, "heal needs the id of a fault's step", "write - heal: ID")
            return None
        wrong = f"no fault with the id {quoted(args.text)} is in effect here"
        active = self.end(args, wrong, lambda active: active.name == args.text)
        text = f"heal {args.text}"
        if active is None:
            return None
        return Planned(kind="heal", word=active.word, doing=None, heals=args.text, text=text, **common)

    def end(self, at: Scalar, wrong: str, meant: typing.Callable[[Active], bool]) -> Active | None:
        """The newest fault that is meant, which is in effect no longer; reported where there is none."""
        found = next((active for active in reversed(self.active) if meant(active)), None)
        if found is None:
            known = [f"{active.word} ({active.name})" for active in self.active]
            self.report.wrong(at, wrong, f"in effect: {', '.join(known) or 'nothing'}")
        else:
            self.active.remove(found)
        return found


def ref_kinds(hint: Any) -> list[str]:
    """The kinds of names that a field's type is marked with."""
    marks = typing.get_args(hint)[1:] if typing.get_origin(hint) is typing.Annotated else ()
    return [mark.kind for mark in marks if isinstance(mark, Ref)]


def one_line(word: str, kind: type[Any], args: Node) -> str:
    """A step in one line for people: `listen 9000`, `unplug server.nic-a how=cable`, `send "hello"`."""
    short = shorthand_of(kind)
    if not isinstance(args, Mapping):
        return f"{word} {value_text(args)}".strip()
    first = [value_text(item) for key, item in args.items.items() if key == short]
    rest = [f"{key}={value_text(item)}" for key, item in args.items.items() if key != short]
    return " ".join([word, *first, *rest])


def value_text(node: Node) -> str:
    """A value in one line."""
    if isinstance(node, Scalar):
        text = "" if node.nothing else node.text.replace("\n", "\\n")
        return f'"{text}"' if " " in text or (not text and not node.nothing) else text
    if isinstance(node, Sequence):
        return "[" + ", ".join(map(value_text, node.items)) + "]"
    return "{" + ", ".join(f"{key}: {value_text(item)}" for key, item in node.items.items()) + "}"
