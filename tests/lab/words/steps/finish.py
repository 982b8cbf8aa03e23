from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from netlab.spec import Ref
from netlab.steps import doc
from tests.lab.words.idle import IdleStep


@dataclass(frozen=True, kw_only=True)
class Finish(IdleStep):
    """Collect."""

    shorthand = "name"
    name: Annotated[str, Ref("background")] = doc("Its name.")
