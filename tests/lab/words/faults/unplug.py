from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from netlab.faults import doc
from netlab.spec import Ref
from tests.lab.words.idle import IdleFault


@dataclass(frozen=True, kw_only=True)
class Unplug(IdleFault):
    """Pull."""

    healing = "replug"
    target = "nic"
    needs = frozenset({"root"})
    nic: Annotated[str, Ref("nic")] = doc("host.nic.")
    how: Literal["remove", "down"] = doc("How.", default="remove")
