from __future__ import annotations

from dataclasses import dataclass

from netlab.errors import Mistake
from netlab.expectations import Mention, doc
from tests.lab.words.idle import IdleExpectation


class ScriptError(ValueError):
    def __init__(self, mistakes: list[Mistake]) -> None:
        self.mistakes = mistakes
        super().__init__("a script")


@dataclass(frozen=True, kw_only=True)
class Script(IdleExpectation):
    """Lines of `@host`, `-- step --` and lower-case words."""

    shorthand = "text"
    text: str = doc("The lines.")
    strict: bool = doc("Strict.", default=True)

    def __post_init__(self) -> None:
        wrong = [
            Mistake(number, line.index(word) + 1, f"{word} shouts", "small letters")
            for number, line in enumerate(self.text.split("\n"), start=1)
            for word in line.split()
            if word.isupper()
        ]
        if wrong:
            raise ScriptError(wrong)

    def mentions(self) -> list[Mention]:
        found = []
        for number, line in enumerate(self.text.split("\n"), start=1):
            for word in line.split():
                if word.startswith("@"):
                    found.append(Mention("host", word[1:], number, line.index(word) + 1))
            if line.strip().startswith("--"):
                found.append(Mention("barrier", line.strip().strip("- "), number, line.index("--") + 1))
        return found
