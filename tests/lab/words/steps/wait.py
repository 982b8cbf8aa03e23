from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from netlab.spec import DEFAULT_WITHIN, STRICT, Ref
from netlab.steps import doc
from netlab.units import Duration, Ratio
from tests.lab.words.idle import IdleStep


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """A segment."""

    from_: Annotated[str, Ref("host")] | None = doc("Its sender.", default=None)
    flags: str | None = doc("Its flags.", default=None)
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT


@dataclass(frozen=True, kw_only=True)
class Wait(IdleStep):
    """Wait."""

    host: Annotated[str, Ref("host")] | None = doc("Where.", default=None)
    hosts: tuple[Annotated[str, Ref("host")], ...] = doc("Where, in several places.", default=())
    socket: Literal["none", "ESTABLISHED", "CLOSE"] | None = doc("The state.", default=None)
    segment: Sighting | None = doc("A segment.", default=None)
    after: Annotated[str, Ref("step")] | None = doc("A step.", default=None)
    share: Ratio = doc("A share.", default=Ratio(1))
    weight: float = doc("A number.", default=1.0)
    within: Duration = doc("How long.", default=DEFAULT_WITHIN)
    extra: Any = doc("Anything.", default=None)
