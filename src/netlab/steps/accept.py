"""accept: an endpoint takes a connection from its listener's queue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from netlab.spec import Ref
from netlab.steps import Action, doc

if TYPE_CHECKING:
    from netlab.agent.sockets import Sockets


@dataclass(frozen=True, kw_only=True)
class Accept(Action):
    """Wait for a connection and take it. The socket is called "connection" unless named.

    Source: accept(2).
    """

    shorthand = "socket"
    example = "- server: {accept: {}}"

    socket: Annotated[str, Ref("socket")] | None = doc(
        "A name for the connection. Default: connection, connection-2, …", default=None
    )
    listener: Annotated[str, Ref("socket")] | None = doc(
        "The listener to take it from. Default: the endpoint's only one.", default=None
    )

    def perform(self, sockets: Sockets) -> dict[str, Any]:
        listener = sockets.listener(self.listener)
        connection, _ = sockets.call(listener, "read", listener.accept)
        sockets.add("connection", self.socket, connection)
        return {"remote": str(sockets.identity.remote)}
