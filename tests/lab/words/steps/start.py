from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from netlab.spec import Ref
from netlab.steps import doc
from tests.lab.words.idle import IdleStep


@dataclass(frozen=True, kw_only=True)
class Start(IdleStep):
    """Start a program."""

    shorthand = "program"
    program: Annotated[str, Ref("program")] = doc("host.program.")
