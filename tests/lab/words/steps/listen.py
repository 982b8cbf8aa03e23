from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from netlab.spec import Ref
from netlab.steps import doc
from tests.lab.words.idle import IdleAction


@dataclass(frozen=True, kw_only=True)
class Listen(IdleAction):
    """Listen."""

    shorthand = "port"
    port: Annotated[int, Ref("port")] = doc("The port.")
    backlog: int | None = doc("How many may wait.", default=None)
    reuse: bool = doc("Reuse the address.", default=True)
    options: dict[str, Any] = doc("Socket options.", factory=dict)
