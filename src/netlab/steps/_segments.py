"""Segments on the live wire: which one is meant, and waiting for it.

Rules: one segment counts once, where its sender's own NIC puts it out (or, if `arrived`, where its receiver's takes it
in), from the beginning of the run or of a step; so `count` means the same in every run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from netlab.errors import StepError
from netlab.fields import STRICT, doc
from netlab.spec import Ref
from netlab.units import ordinal
from netlab.wire.spool import is_host_point

if TYPE_CHECKING:
    from netlab.agent.capture import Sighting
    from netlab.agent.ground import Ground


@dataclass(frozen=True, kw_only=True)
class SegmentSeen:
    """A segment on the wire, told by what is known of it."""

    from_: Annotated[str, Ref("host")] | None = doc("The host that sent it. Default: any.", default=None)
    to: Annotated[str, Ref("host")] | None = doc("The host it is for. Default: any.", default=None)
    flags: str | None = doc('Its flags in tcpdump\'s letters: "S", "S.", "P.", "F.", "R". Default: any.', default=None)
    payload: str | None = doc("Its payload. Default: any.", default=None)
    port: int | None = doc("A port at either end. Default: any.", default=None)
    count: int = doc("Which one of those: 1 for the first.", default=1)
    arrived: bool = doc("It must have reached its receiver's NIC, not only left its sender's.", default=False)
    after: Annotated[str, Ref("step")] | None = doc(
        "Only segments since this step began. Default: since the run did.", default=None
    )
    __pydantic_config__: ClassVar[dict[str, Any]] = {**STRICT, "alias_generator": lambda name: name.rstrip("_")}

    def __str__(self) -> str:
        words = [f"{self.from_ or 'any'} > {self.to or 'any'}", self.flags or ""]
        words += [f'"{self.payload}"'] if self.payload is not None else []
        words += [f"port {self.port}"] if self.port is not None else []
        words += [f"the {ordinal(self.count)} time"] if self.count > 1 else []
        return " ".join(word for word in words if word)

    def fits(self, sighting: Sighting, owners: dict[str, str]) -> bool:
        """Whether this is a sighting of such a segment, at the one point where it counts."""
        segment = sighting.segment
        sender, receiver = owners.get(segment.source.ip), owners.get(segment.target.ip)
        end, direction = (receiver, "in") if self.arrived else (sender, "out")
        return (
            is_host_point(sighting.point)
            and (sighting.point.split(".")[0], sighting.direction) == (end, direction)
            and self.from_ in (None, sender)
            and self.to in (None, receiver)
            and self.flags in (None, segment.flags)
            and self.port in (None, segment.source.port, segment.target.port)
            and (self.payload is None or self.payload.encode() == segment.payload)
        )


async def seen(ground: Ground, wanted: SegmentSeen, within_ns: int) -> Sighting:
    """The segment meant, as soon as the wire's witness has it. Raises: StepError."""

    fitting: list[Sighting] = []
    others: list[Sighting] = []

    def take(sighting: Sighting) -> None:
        (fitting if wanted.fits(sighting, ground.owners) else others).append(sighting)

    def enough() -> bool:
        if ground.capture.died is not None:
            raise StepError(f"wait for segment {wanted}: nobody watches the wire any more, {ground.capture.died}")
        return len(fitting) >= wanted.count

    ground.capture.follow(take, since_ns(ground, wanted))
    try:
        await ground.until(enough, within_ns, f"segment {wanted}")
    except StepError as late:
        last_other = last(others, ground.owners)
        raise StepError(f"{late}; seen {len(fitting)} such, the last other one was {last_other}") from None
    finally:
        ground.capture.unfollow(take)
    return fitting[wanted.count - 1]


def since_ns(ground: Ground, wanted: SegmentSeen) -> int:
    """The moment from which segments count. Raises: StepError."""
    if wanted.after is None:
        return 0
    if wanted.after not in ground.moments:
        raise StepError(f"segment after {wanted.after}: that step was not begun; name an earlier one")
    return ground.moments[wanted.after]


def last(others: list[Sighting], owners: dict[str, str]) -> str:
    """The newest of those that did not fit, in a few words."""
    if not others:
        return "none"
    segment = max(others, key=lambda sighting: sighting.time_ns).segment
    source, target = (owners.get(end.ip, str(end)) for end in (segment.source, segment.target))
    return f"{source} > {target} {segment.flags} length {segment.length}"
