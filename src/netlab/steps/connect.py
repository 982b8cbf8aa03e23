"""connect: an endpoint opens a connection."""

from __future__ import annotations

import dataclasses
import os
import select
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from netlab.errors import StepError
from netlab.records import Address
from netlab.spec import Ref
from netlab.steps import Action, doc
from netlab.steps._options import OptionName, OptionValue, set_option

if TYPE_CHECKING:
    from netlab.agent.sockets import Sockets


@dataclass(frozen=True, kw_only=True)
class Connect(Action):
    """Connect to a listener; done when the handshake is. The socket is called "connection" unless named.

    Source: connect(2).
    """

    shorthand = "to"
    example = '- client: {connect: "server:9000"}'

    to: Annotated[str, Ref("address")] = doc("Where to: host:port, host.nic:port or ip:port.")
    socket: Annotated[str, Ref("socket")] | None = doc(
        "A name for the connection. Default: connection, connection-2, …", default=None
    )
    source_port: int | None = doc("The port to connect from. Default: one the kernel chooses.", default=None)
    source: Annotated[str, Ref("address")] | None = doc(
        "The address and port to connect from: host.nic:port. Default: the kernel chooses both.", default=None
    )
    options: dict[OptionName, OptionValue] = doc("Socket options to set before connect, by name.", factory=dict)
    fast_open: str | None = doc(
        "Text to send with the SYN (TCP Fast Open), where the kernel holds a cookie of the server's; else it "
        "asks for one, and the text follows the handshake.",
        default=None,
    )

    def __post_init__(self) -> None:
        if self.source is not None and self.source_port is not None:
            raise ValueError("source and source_port, both; source names the port as well")

    def perform(self, sockets: Sockets) -> dict[str, Any]:
        target = parse_address(self.to)
        connection = socket.socket(socket.AF_INET6 if ":" in target.ip else socket.AF_INET)
        connection.setblocking(False)
        try:
            for name, value in self.options.items():
                set_option(connection, name, value)
            sockets.reserve("connection", self.socket, connection, target)
            source = self.bound_to()
            if source is not None:
                sockets.call(connection, "write", lambda: connection.bind(source))
            if self.fast_open is None:
                sockets.call(connection, "write", lambda: connection.connect((target.ip, target.port)))
            else:
                fast_open(connection, target, self.fast_open.encode(), sockets)
            sockets.add("connection", self.socket, connection)
        except BaseException:
            ip, port = connection.getsockname()[:2]
            if port:
                sockets.identity = dataclasses.replace(sockets.identity, local=Address(ip, port))
            connection.close()
            raise
        return {"local": str(sockets.identity.local)}

    def bound_to(self) -> tuple[str, int] | None:
        """What to bind first; None for nothing."""
        if self.source is not None:
            place = parse_address(self.source)
            return place.ip, place.port
        return None if self.source_port is None else ("", self.source_port)


def fast_open(connection: socket.socket, target: Address, data: bytes, sockets: Sockets) -> None:
    """Connect by sending. Raises: OSError. Source: RFC 7413; net/ipv4/tcp.c:tcp_sendmsg_fastopen()."""
    to = (target.ip, target.port)
    size = sockets.call(connection, "write", lambda: connection.sendto(data, socket.MSG_FASTOPEN, to))
    sockets.note(size=size)
    sockets.wait(connection, select.POLLOUT)
    if number := connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(number, os.strerror(number))


def parse_address(text: str) -> Address:
    """ "10.0.0.1:80" or "[fd00::1]:80"; names were resolved before. Raises: StepError."""
    ip, _, port = text.rpartition(":")
    if not ip or not port.isdigit():
        raise StepError(f"connect to {text}: no address and port; write it like 10.0.0.1:80 or [fd00::1]:80")
    return Address(ip.strip("[]"), int(port))
