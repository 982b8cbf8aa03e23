from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from netlab.spec import Ref
from netlab.steps import doc
from tests.lab.words.idle import IdleAction


@dataclass(frozen=True, kw_only=True)
class Connect(IdleAction):
    """Connect."""

    shorthand = "to"
    needs = frozenset({"nftables"})
    to: Annotated[str, Ref("address")] = doc("Where to.")
