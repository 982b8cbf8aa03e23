"""setsockopt: an endpoint sets a socket option."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from netlab.spec import Ref
from netlab.steps import Action, doc
from netlab.steps._options import OptionName, OptionValue, set_option

if TYPE_CHECKING:
    from netlab.agent.sockets import Sockets


@dataclass(frozen=True, kw_only=True)
class Setsockopt(Action):
    """Set a socket option. Source: setsockopt(2), socket(7), tcp(7)."""

    example = "- client: {setsockopt: {option: SO_KEEPALIVE, value: 1}}"

    option: OptionName = doc("The option's name: SO_LINGER, TCP_USER_TIMEOUT …")
    value: OptionValue = doc(
        "Its value: a whole number (milliseconds for TCP_USER_TIMEOUT, seconds for the keepalive ones and SO_LINGER, "
        "where -1 is off), or a name for TCP_CONGESTION."
    )
    socket: Annotated[str, Ref("socket")] | None = doc(
        "The socket. Default: the only connection, or the only listener where there is no connection.", default=None
    )

    def perform(self, sockets: Sockets) -> dict[str, Any]:
        sock = sockets.any(self.socket)
        sockets.call(sock, "read", lambda: set_option(sock, self.option, self.value))
        return {"value": self.value}
