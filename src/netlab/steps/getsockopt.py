"""getsockopt: an endpoint reads a socket option."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from netlab.records import Call
from netlab.spec import Ref
from netlab.steps import Action, doc
from netlab.steps._options import OptionName, OptionValue, get_option

if TYPE_CHECKING:
    from netlab.agent.sockets import Sockets


@dataclass(frozen=True, kw_only=True)
class Getsockopt(Action):
    """Read a socket option, and compare it where a value is given. Source: getsockopt(2), socket(7), tcp(7)."""

    shorthand = "option"
    example = "- client: {getsockopt: {option: SO_KEEPALIVE, value: 0}}"

    option: OptionName = doc("The option's name: SO_ERROR, TCP_MAXSEG …")
    value: OptionValue | None = doc("What it must be, written as for setsockopt. Default: anything.", default=None)
    socket: Annotated[str, Ref("socket")] | None = doc(
        "The socket. Default: the only connection, or the only listener where there is no connection.", default=None
    )

    def perform(self, sockets: Sockets) -> dict[str, Any]:
        sock = sockets.any(self.socket)
        return {"value": sockets.call(sock, "read", lambda: get_option(sock, self.option))}

    def judge_result(self, call: Call) -> str:
        found = call.result.get("value")
        if call.error or call.signal or self.value is None or found == self.value:
            return ""
        return f"{self.option} is {found} where {self.value} was expected"
