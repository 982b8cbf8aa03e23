"""Whether the wire did what the script says: a small automaton over the tape.

    entries  ──▶  states: (position in the script, members of an any-order group that matched, labels)  ──▶  done?

Rules: every segment must be matched by a line, in order, and every line that is not optional by a segment; frames that
are not TCP may be passed over. All ways to read an ambiguous script are followed at once, so that an optional line
never hides a match; the answer does not depend on their order. Where no way is left, the line nearest to the entry is
what was expected. Work is proportional to entries times states; more than STATE_LIMIT states is too ambiguous.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Union

from netlab.judge.compare import Difference, Slot, differences
from netlab.judge.moments import Moment
from netlab.judge.script import Barrier, Group, Line, Script
from netlab.judge.tape import Entry, Tape
from netlab.records import Frame

STATE_LIMIT = 4096


class TooAmbiguous(Exception):
    """The script can be read in too many ways to follow them all."""


@dataclass(frozen=True)
class Failure:
    """Where the wire and the script part."""

    slot: Slot | None
    """The line that was expected; None: the script was at its end."""
    entry: Entry | None
    """What was seen instead; None: the record was at its end."""
    differences: tuple[Difference, ...] = ()
    skipped: Line | None = None
    """Where the entry fits a later line: the required line that is missing before it."""


@dataclass(frozen=True)
class _State:
    position: int = 0
    members: int = 0
    """Bits of the group's members that matched."""
    labels: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class _Any:
    """The slots of an any-order group."""

    slots: tuple[Slot, ...]

    def complete(self, members: int) -> bool:
        return all(slot.line.repeat or members >> bit & 1 for bit, slot in enumerate(self.slots))

    def open(self, members: int) -> Iterator[tuple[Slot, int]]:
        """The members that can still match, each with the members matched after it; of two alike only the first."""
        seen: list[tuple[str, str]] = []
        for bit, slot in enumerate(self.slots):
            key = (slot.line.repeat, slot.line.text)
            if slot.line.repeat == "*":
                yield slot, members
            elif not members >> bit & 1 and key not in seen:
                seen.append(key)
                yield slot, members | 1 << bit


_Node = Union[Slot, _Any]


def match(script: Script, moments: dict[str, Moment], tape: Tape) -> Failure | None:
    """Where the tape and the script part; None where they agree. `moments` has the moment of every barrier.

    Raises: TooAmbiguous.
    """
    nodes = _nodes(script, moments)
    needed = _needed(nodes)
    states: dict[_State, None] = {_State(): None}
    for entry in tape.entries:
        after = _consume(nodes, needed, states, entry, tape)
        if not after:
            return _unexpected(nodes, list(states), entry, tape)
        states = after
    reached = [state for start in states for state in _closure(nodes, start)]
    if any(state.position == len(nodes) for state in reached):
        return None
    furthest = max(reached, key=lambda state: state.position)
    return Failure(next(slot for slot, _ in _options(nodes, furthest) if not slot.line.repeat), None)


def _nodes(script: Script, moments: dict[str, Moment]) -> list[_Node]:
    """The script's lines and groups, each between its barriers."""
    nodes: list[_Node] = []
    for place, element in enumerate(script.elements):
        if isinstance(element, Barrier):
            continue
        after = [moments[e.word] for e in script.elements[:place] if isinstance(e, Barrier)]
        before = [moments[e.word] for e in script.elements[place:] if isinstance(e, Barrier)]
        around = (max(after, key=lambda m: m.start_ns, default=None), min(before, key=lambda m: m.end_ns, default=None))
        if isinstance(element, Group):
            nodes.append(_Any(tuple(Slot(line, *around) for line in element.members)))
        else:
            nodes.append(Slot(element, *around))
    return nodes


def _closure(nodes: list[_Node], state: _State) -> Iterator[_State]:
    """The state, and those that leaving out optional lines leads to."""
    yield state
    while state.position < len(nodes):
        node = nodes[state.position]
        if not (node.complete(state.members) if isinstance(node, _Any) else node.line.repeat):
            return
        state = _State(state.position + 1, 0, state.labels)
        yield state


def _options(nodes: list[_Node], state: _State) -> Iterator[tuple[Slot, _State]]:
    """The lines that can match next in exactly this state, and the state after each."""
    if state.position >= len(nodes):
        return
    node = nodes[state.position]
    if isinstance(node, _Any):
        for slot, members in node.open(state.members):
            yield slot, _State(state.position, members, state.labels)
    else:
        yield node, _State(state.position + (node.line.repeat != "*"), 0, state.labels)


def _needed(nodes: list[_Node]) -> list[frozenset[str]]:
    """For each position the labels that it or a later one refers to; others would only keep equal states apart."""
    needed = [frozenset[str]()]
    for node in reversed(nodes):
        slots = node.slots if isinstance(node, _Any) else (node,)
        needed.append(needed[-1].union(*(slot.line.labels() for slot in slots)))
    return needed[::-1]


def _consume(
    nodes: list[_Node], needed: list[frozenset[str]], states: dict[_State, None], entry: Entry, tape: Tape
) -> dict[_State, None]:
    """The states after this entry. Raises: TooAmbiguous."""
    after = dict(states) if isinstance(entry.event, Frame) else {}
    for start in states:
        for state in _closure(nodes, start):
            for slot, moved in _options(nodes, state):
                if next(differences(slot, entry, tape, dict(state.labels)), None) is None:
                    labels = ((slot.line.label or "", entry.index), *moved.labels)
                    kept = tuple(label for label in labels if label[0] in needed[moved.position])
                    after[replace(moved, labels=kept)] = None
    if len(after) > STATE_LIMIT:
        raise TooAmbiguous(f"the script can be read in more than {STATE_LIMIT} ways at packet {entry.event.packet}")
    return after


def _unexpected(nodes: list[_Node], states: list[_State], entry: Entry, tape: Tape) -> Failure:
    """The failure at an entry that no line takes: the nearest of the lines that could have come."""
    near: list[tuple[int, int, Slot, tuple[Difference, ...]]] = []
    for start in states:
        for state in _closure(nodes, start):
            for slot, _ in _options(nodes, state):
                wrong = tuple(differences(slot, entry, tape, dict(state.labels)))
                near.append((sum(_WEIGHTS[d.kind] for d in wrong), -state.position, slot, wrong))
    near = [candidate for candidate in near if not candidate[2].line.anything] or near  # `...` explains nothing
    if not near:
        return Failure(None, entry)
    _, _, slot, wrong = min(near, key=lambda candidate: candidate[:2])
    return Failure(slot, entry, wrong, _skipped(nodes, states, entry, tape))


_WEIGHTS = {"what": 100, "who": 20, "flags": 5, "data": 3, "number": 1, "time": 1}
"""How far a difference takes an entry from a line: another sender is another segment, a late one is the same."""


def _skipped(nodes: list[_Node], states: list[_State], entry: Entry, tape: Tape) -> Line | None:
    """The required line before the one that the entry would fit, if it fits the next line after it."""
    for start in states:
        *_, last = _closure(nodes, start)
        required = [slot for slot, _ in _options(nodes, last) if not slot.line.repeat]
        later = _State(last.position + 1, 0, last.labels)
        for state in _closure(nodes, later):
            for slot, _ in _options(nodes, state):
                if required and next(differences(slot, entry, tape, dict(state.labels)), None) is None:
                    return required[0].line
    return None
