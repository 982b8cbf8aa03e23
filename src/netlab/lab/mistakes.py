"""Collects the mistakes of a lab file, and words them: what is wrong; what is allowed.

Rules: a mistake stands where its node stands. What follows from a mistake already told is not told again: a node that
was reported is spoiled for later stages. No message is longer than a line, no list of messages longer than `MOST`.
"""

from __future__ import annotations

from collections.abc import Iterable

from netlab.errors import Mistake
from netlab.lab.nodes import Node

MOST = 100
"""Mistakes told of one file; who has more will look at these first."""
NAMES = 12
"""Names listed in one message."""


class Report:
    """The mistakes found so far."""

    def __init__(self, told: Iterable[Mistake] = ()) -> None:
        """`told`: mistakes of an earlier stage; what stands there is spoiled."""
        self.mistakes: list[Mistake] = []
        self._found = 0
        self._spoiled = {(mistake.line, mistake.column) for mistake in told}

    def __len__(self) -> int:
        """How many were found, those passed over among them: 0 means that all is well."""
        return self._found

    def wrong(self, node: Node, wrong: str, allowed: str = "", spot: tuple[int, int] | None = None) -> None:
        """Note a mistake of this node (at `spot` inside it); passed over where the node is spoiled."""
        self._found += 1
        if (node.line, node.column) not in self._spoiled:
            self.mistakes.append(Mistake(*(spot or (node.line, node.column)), wrong, allowed))

    def spoil(self, node: Node) -> None:
        """Let nothing more be said of this node."""
        self._spoiled.add((node.line, node.column))


def cut(mistakes: Iterable[Mistake]) -> list[Mistake]:
    """The mistakes in the order of the file, each once, and only so many that a person reads them."""
    found = sorted(set(mistakes))
    if len(found) <= MOST:
        return found
    last = found[MOST - 1]
    more = Mistake(last.line, last.column, f"and {len(found) - MOST} more mistakes after this one")
    return [*found[:MOST], more]


def there_are(names: Iterable[str], noun: str = "") -> str:
    """ "there are a, b, c" in the order given; long lists are cut."""
    known = list(dict.fromkeys(names))
    if not known:
        return f"there is no {noun}" if noun else "there are none"
    shown = ", ".join(known[:NAMES]) + (f" and {len(known) - NAMES} more" if len(known) > NAMES else "")
    return f"there is {shown}" if len(known) == 1 else f"there are {shown}"


def did_you_mean(word: str, names: Iterable[str], noun: str = "") -> str:
    """What to write instead of an unknown word: the nearest name, or all of them."""
    import difflib

    known = list(names)
    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {near[0]}?" if near else there_are(known, noun)


def quoted(text: str) -> str:
    """A text of the file inside a message: quoted, cut, on one line."""
    return repr(text if len(text) <= 60 else text[:57] + "...")
