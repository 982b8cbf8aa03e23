"""poll: an endpoint waits until a socket is ready, without reading or writing."""

from __future__ import annotations

import select
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from netlab.records import Call
from netlab.spec import Ref
from netlab.steps import Action, doc

if TYPE_CHECKING:
    from netlab.agent.sockets import Sockets


@dataclass(frozen=True, kw_only=True)
class Poll(Action):
    """Wait for a condition on a socket; the result's `events` names all that hold by then.

    Source: poll(2); net/ipv4/tcp.c:tcp_poll().
    """

    shorthand = "until"
    example = "- server: {poll: {until: readable, socket: listener}}"

    until: Literal["readable", "writable", "error", "hangup"] = doc(
        "readable: data, EOF or a connection to accept; writable: room to send; error: it was reset or timed out; "
        "hangup: both halves are closed."
    )
    socket: Annotated[str, Ref("socket")] | None = doc(
        "The socket. Default: the only connection, or the only listener where there is no connection.", default=None
    )

    def perform(self, sockets: Sockets) -> dict[str, Any]:
        bits = {
            "readable": select.POLLIN,
            "writable": select.POLLOUT,
            "error": select.POLLERR,
            "hangup": select.POLLHUP,
        }
        asked = bits[self.until]
        sock = sockets.any(self.socket)
        came = sockets.wait(sock, asked)
        return {"events": [name for name, bit in bits.items() if came & bit]}

    def judge_result(self, call: Call) -> str:
        events = call.result.get("events", [])
        if call.error or call.signal or self.until in events:
            return ""
        return f"the socket became {', '.join(events) or 'invalid'} where {self.until} was expected"
