"""send: an endpoint writes to a connection."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from netlab.records import Call
from netlab.spec import Ref
from netlab.steps import Action, doc
from netlab.steps._payload import check_payload, payload
from netlab.units import ByteSize

if TYPE_CHECKING:
    from netlab.agent.sockets import Sockets


@dataclass(frozen=True, kw_only=True)
class Send(Action):
    """Write to a connection; done when the kernel has taken it all. `calls` in its result counts the send(2) calls.

    Source: send(2); RFC 9293 section 3.10.2.
    """

    shorthand = "text"
    example = "- client: {send: hello}"

    text: str | None = doc("The text to send, in UTF-8.", default=None)
    hex: str | None = doc("Or bytes in hexadecimal: 00ff10.", default=None)
    size: ByteSize | None = doc("Or so many bytes of the alphabet, over and over: 64KiB.", default=None)
    socket: Annotated[str, Ref("socket")] | None = doc("The connection. Default: the only one.", default=None)
    partial: bool = doc("Make one call only, whatever part of it the kernel takes.", default=False)
    sigpipe: Literal["ignore", "default"] = doc(
        "default: writing to a reset connection raises SIGPIPE, which ends the process, as C programs know it; "
        "ignore: it only fails with EPIPE.",
        default="ignore",
    )

    def __post_init__(self) -> None:
        check_payload("send", self.text, self.hex, self.size)

    def perform(self, sockets: Sockets) -> dict[str, Any]:
        connection = sockets.connection(self.socket)
        left = memoryview(payload(self.text, self.hex, self.size))
        flags = 0 if self.sigpipe == "default" else socket.MSG_NOSIGNAL
        size = calls = 0
        while True:
            sent = sockets.call(connection, "write", partial(connection.send, left, flags))
            left, size, calls = left[sent:], size + sent, calls + 1
            sockets.note(size=size, calls=calls)
            if self.partial or not left:
                return {}

    def judge_result(self, call: Call) -> str:
        whole, sent = len(payload(self.text, self.hex, self.size)), call.result.get("size", 0)
        if call.error or call.signal or self.partial or sent == whole:
            return ""
        return f"the kernel took {sent} of {whole} bytes"
