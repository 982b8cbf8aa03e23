"""segment: a raw TCP segment is put on the wire, as no kernel's TCP would send it.

like: a segment that was seen ──▶ its four-tuple, numbers and payload, but for what is given here
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Union

from netlab.errors import StepError
from netlab.spec import DEFAULT_WITHIN, Ref
from netlab.steps import Planned, Step, doc
from netlab.steps._payload import check_payload, payload
from netlab.steps._segments import SegmentSeen, seen
from netlab.units import Duration

if TYPE_CHECKING:
    from netlab.agent.ground import Ground
    from netlab.wire.decode import Tcp

RELATIVE = re.compile(r"(seq|next|ack)\s*(?:([+-])\s*(\d+))?")
LETTERS = "SFRPU.EW"
NumberOrText = Union[int, str]


@dataclass(frozen=True, kw_only=True)
class Segment(Step):
    """Inject a TCP segment from a host, with right checksums, over IPv4 or IPv6, past the host's own TCP.

    Sequence numbers are absolute, or relative to the segment named by `like`: "seq" is its sequence number, "next" the
    one after it (its payload, SYN and FIN counted), "ack" its acknowledgment number; "next+1000", "seq-1".
    Source: RFC 9293 section 3.1; section 3.4 for what counts as sequence space.
    """

    example = '- segment: {from: client, like: {from: client, to: server, payload: hello}, flags: "R", seq: next}'

    from_: Annotated[str, Ref("host")] = doc("The host that puts it on the wire.")
    like: SegmentSeen | None = doc("Take everything not given here from this segment, once it was seen.", default=None)
    source: Annotated[str, Ref("address")] | None = doc(
        "Its source address and port; another host's, too. Needed without `like`.", default=None
    )
    to: Annotated[str, Ref("address")] | None = doc(
        "Its destination address and port. Needed without `like`.", default=None
    )
    flags: str | None = doc('Its flags in tcpdump\'s letters: "S", "R.", "P.". Needed without `like`.', default=None)
    seq: NumberOrText | None = doc("Its sequence number. Needed without `like`.", default=None)
    ack: NumberOrText | None = doc("Its acknowledgment number. Default: that of `like`, or 0.", default=None)
    window: int | None = doc("Its window, unscaled. Default: that of `like`, or 65535.", default=None)
    text: str | None = doc("Its payload in UTF-8. Default: that of `like` where no flags are given, else none.", None)
    hex: str | None = doc("Or its payload in hexadecimal.", default=None)
    within: Duration = doc("How long to wait for the segment of `like`.", default=DEFAULT_WITHIN)

    def __post_init__(self) -> None:
        check_payload("segment", self.text, self.hex, None, optional=True)
        needed = {"source": self.source, "to": self.to, "flags": self.flags, "seq": self.seq}
        missing = [name for name, value in needed.items() if value is None]
        if self.like is None and missing:
            raise ValueError(f"{', '.join(missing)} missing; give `like`, or source, to, flags and seq")
        if self.flags and self.flags != "none" and set(self.flags) - set(LETTERS):
            raise ValueError(f"flags {self.flags!r} unknown; use the letters {' '.join(LETTERS)}, or none")
        for name, number in (("seq", self.seq), ("ack", self.ack)):
            if isinstance(number, str) and not RELATIVE.fullmatch(number):
                raise ValueError(f'{name} {number!r} is no number; write 1000, or "next+1", "seq-1", "ack" with `like`')
            if isinstance(number, str) and self.like is None:
                raise ValueError(f"{name} {number!r} is relative to nothing; give `like`, or an absolute number")

    async def run(self, ground: Ground, planned: Planned) -> None:
        from netlab import codec
        from netlab.records import Call

        like = (await seen(ground, self.like, self.within)).segment if self.like else None
        answer = await ground.ask(self.from_, "segment", segment=self.raw(ground, like), step=planned.index)
        ground.emit(codec.decode(Call, answer["call"], "call"))

    def raw(self, ground: Ground, like: Tcp | None) -> dict[str, Any]:
        """The segment to inject, as JSON (agent/segments.RawSegment). Raises: StepError."""
        data = payload(self.text, self.hex, None)
        if like is not None and self.flags is None and self.text is None and self.hex is None:
            if len(like.payload) < like.length:
                raise StepError("inject a copy: its payload was not captured whole; give the payload, or raise `snap`")
            data = like.payload
        return {
            "source": self.end(ground, self.source, like and like.source),
            "target": self.end(ground, self.to, like and like.target),
            "flags": self.flags if self.flags is not None or like is None else like.flags,
            "seq": number(self.seq, like, like.seq if like else 0),
            "ack": number(self.ack, like, like.ack if like else 0),
            "window": self.window if self.window is not None else like.window if like else 65535,
            "payload": data.decode("latin-1"),
        }

    def end(self, ground: Ground, given: str | None, liked: Any) -> dict[str, Any]:
        """One end of its four-tuple."""
        ip, port = ground.resolve(given, self.from_) if given is not None else (liked.ip, liked.port)
        return {"ip": ip, "port": port}


def number(given: NumberOrText | None, like: Tcp | None, default: int) -> int:
    """A sequence or acknowledgment number, modulo 2**32."""
    if given is None:
        return default
    if isinstance(given, int) or like is None:
        return int(given) % 2**32
    match = RELATIVE.fullmatch(given)
    assert match is not None  # __post_init__ looked
    base = {"seq": like.seq, "ack": like.ack, "next": like.seq + like.length + sum(f in "SF" for f in like.flags)}
    return (base[match[1]] + int((match[2] or "+") + (match[3] or "0"))) % 2**32
