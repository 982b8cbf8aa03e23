from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from netlab.expectations import doc
from netlab.spec import Ref
from tests.lab.words.idle import IdleExpectation


@dataclass(frozen=True, kw_only=True)
class Reset(IdleExpectation):
    """An RST."""

    from_: Annotated[str, Ref("host")] = doc("Who sends it.")
    flags: str = doc("Its flags.", default="R")
    after: Annotated[str, Ref("step")] | None = doc("A step.", default=None)
