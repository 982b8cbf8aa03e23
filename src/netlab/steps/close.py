"""close: an endpoint closes a socket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from netlab.spec import Ref
from netlab.steps import Action, doc

if TYPE_CHECKING:
    from netlab.agent.sockets import Sockets


@dataclass(frozen=True, kw_only=True)
class Close(Action):
    """Close a socket. The connection ends with FIN (or RST, where data was left unread) once no descriptor is left.

    A call under way on the same socket keeps it open until it returns, as in any program.
    Source: close(2); net/ipv4/tcp.c:__tcp_close().
    """

    shorthand = "socket"
    example = "- client: {close: {}}"

    socket: Annotated[str, Ref("socket")] | None = doc(
        "The socket. Default: the only connection, or the only listener where there is no connection.", default=None
    )

    def perform(self, sockets: Sockets) -> dict[str, Any]:
        closing = sockets.any(self.socket)
        sockets.remove(closing)
        sockets.call(closing, "write", closing.close)
        return {}
