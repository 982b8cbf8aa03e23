"""shutdown: an endpoint closes one half of a connection, or both, for every process that holds it."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from netlab.spec import Ref
from netlab.steps import Action, doc

if TYPE_CHECKING:
    from netlab.agent.sockets import Sockets


@dataclass(frozen=True, kw_only=True)
class Shutdown(Action):
    """Close the write half (the kernel sends FIN), the read half (it sends nothing), or both.

    Source: shutdown(2); net/ipv4/tcp.c:tcp_shutdown() acts on SEND_SHUTDOWN only.
    """

    shorthand = "how"
    example = "- client: {shutdown: write}"

    how: Literal["read", "write", "both"] = doc("Which half.", default="write")
    socket: Annotated[str, Ref("socket")] | None = doc("The connection. Default: the only one.", default=None)

    def perform(self, sockets: Sockets) -> dict[str, Any]:
        connection = sockets.connection(self.socket)
        halves = {"read": socket.SHUT_RD, "write": socket.SHUT_WR, "both": socket.SHUT_RDWR}
        sockets.call(connection, "write", lambda: connection.shutdown(halves[self.how]))
        return {}
