from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from netlab.faults import doc
from netlab.spec import Ref
from tests.lab.words.idle import IdleFault


@dataclass(frozen=True, kw_only=True)
class Pause(IdleFault):
    """Pause."""

    healing = "resume"
    target = "endpoint"
    endpoint: Annotated[str, Ref("endpoint")] = doc("host or host.endpoint.")
