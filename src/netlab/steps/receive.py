"""receive: an endpoint reads from a connection: exact bytes, so many bytes, the end, or an error."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from netlab.records import Call
from netlab.spec import Ref
from netlab.steps import Action, doc
from netlab.steps._payload import check_payload, payload, shown
from netlab.units import ByteSize

if TYPE_CHECKING:
    from netlab.agent.sockets import Sockets

READ_SIZE = 65536
KEPT = 65536
"""So many bytes of what came are kept in the record, or as many as were expected."""


@dataclass(frozen=True, kw_only=True)
class Receive(Action):
    """Read from a connection, call after call, until what is expected has come, or the end, an error, the deadline.

    With nothing said, one call is made and whatever it returns is right. Source: recv(2); 0 bytes is EOF, the peer's
    FIN.
    """

    shorthand = "bytes"
    example = "- server: {receive: hello}"

    bytes: str | None = doc("Exactly this text must come, in UTF-8.", default=None)
    hex: str | None = doc("Or exactly these bytes, in hexadecimal.", default=None)
    size: ByteSize | None = doc("Or so many bytes, whatever they are.", default=None)
    eof: bool = doc("After that (or at once, where nothing else is expected) EOF must come.", default=False)
    socket: Annotated[str, Ref("socket")] | None = doc("The connection. Default: the only one.", default=None)

    def __post_init__(self) -> None:
        check_payload("receive", self.bytes, self.hex, self.size, optional=True)

    def perform(self, sockets: Sockets) -> dict[str, Any]:
        connection = sockets.connection(self.socket)
        wanted = self.wanted_size()
        got, calls = bytearray(), 0
        while True:
            limit = READ_SIZE if self.eof or wanted is None else wanted - len(got)
            data = sockets.call(connection, "read", partial(connection.recv, limit))
            got, calls = got + data, calls + 1
            kept = got[: max(KEPT, wanted or 0)].decode("latin-1")
            sockets.note(bytes=kept, size=len(got), eof=not data, calls=calls)
            enough = not self.eof and (wanted is None or len(got) >= wanted)
            if not data or enough:
                return {}

    def wanted_size(self) -> int | None:
        """How many bytes are expected; None where that was not said."""
        if self.size is None and self.bytes is None and self.hex is None:
            return None
        return self.size or len(payload(self.bytes, self.hex, None))

    def judge_result(self, call: Call) -> str:
        if call.error or call.signal:
            return ""
        size, eof = call.result.get("size", 0), call.result.get("eof", False)
        got = call.result.get("bytes", "").encode("latin-1")
        seen = (shown(got) if size else "nothing") + (", then EOF" if eof else "")
        if (self.bytes is not None or self.hex is not None) and got != payload(self.bytes, self.hex, None):
            return f"received {seen} where {shown(payload(self.bytes, self.hex, None))} was expected"
        if self.size is not None and size != self.size:
            return f"received {size} bytes{', then EOF' if eof else ''} where {int(self.size)} were expected"
        if self.eof and self.wanted_size() is None and size:
            return f"received {seen} where EOF was expected at once"
        return "" if eof or not self.eof else f"received {seen} where EOF was expected"
