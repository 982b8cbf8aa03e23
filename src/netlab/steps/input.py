"""input: somebody types into a program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from netlab.spec import Ref
from netlab.steps import Planned, Step, doc

if TYPE_CHECKING:
    from netlab.agent.ground import Ground


@dataclass(frozen=True, kw_only=True)
class Input(Step):
    """Write a line into the standard input of an `interactive` program, as if it were typed; or end its input.

    Done when the pipe has taken it: whether the program has read it shows in what it does. Source: pipe(7).
    """

    example = "- input: {program: client.shell, line: echo hello}"

    program: Annotated[str, Ref("program")] = doc("The program: host.program.")
    line: str | None = doc("The line, without its newline.", default=None)
    end: bool = doc("Close its standard input (after the line, if there is one): it reads end of file.", default=False)

    def __post_init__(self) -> None:
        if self.line is None and not self.end:
            raise ValueError("nothing to write; give `line`, or `end: true`")

    async def run(self, ground: Ground, planned: Planned) -> None:
        host, _, short = self.program.partition(".")
        text = "" if self.line is None else f"{self.line}\n"
        await ground.ask(host, "input", program=short, text=text, end=self.end)
