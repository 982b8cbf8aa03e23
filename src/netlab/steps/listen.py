"""listen: an endpoint binds a port and takes connections."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from netlab.spec import Ref
from netlab.steps import Action, doc
from netlab.steps._options import OptionName, OptionValue, set_option

if TYPE_CHECKING:
    from netlab.agent.sockets import Sockets


@dataclass(frozen=True, kw_only=True)
class Listen(Action):
    """Bind a TCP port and listen on it. The socket is called "listener" unless named.

    Source: bind(2), listen(2).
    """

    shorthand = "port"
    example = "- server: {listen: 9000}"

    port: Annotated[int, Ref("port")] = doc("The port, 1 to 65535.")
    backlog: int = doc(
        "How many established connections may wait for accept (net.core.somaxconn caps it).", default=128
    )
    address: str | None = doc("The address to bind. Default: every one of the lab's family.", default=None)
    socket: Annotated[str, Ref("socket")] | None = doc("A name for the socket. Default: listener.", default=None)
    reuse: bool = doc("Set SO_REUSEADDR first, as servers do.", default=True)
    options: dict[OptionName, OptionValue] = doc("Socket options to set before bind, by name.", factory=dict)

    def perform(self, sockets: Sockets) -> dict[str, Any]:
        ip = self.address or ("::" if sockets.family == "ipv6" else "0.0.0.0")
        listener = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET)
        try:
            if listener.family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, self.reuse)
            for name, value in self.options.items():
                set_option(listener, name, value)
            sockets.reserve("listener", self.socket, listener)
            sockets.call(listener, "read", lambda: listener.bind((ip, self.port)))
            sockets.call(listener, "read", lambda: listener.listen(self.backlog))
            sockets.add("listener", self.socket, listener)
        except BaseException:
            listener.close()
            raise
        return {}
