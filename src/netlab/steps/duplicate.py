"""duplicate: an endpoint gets a second descriptor of the same socket, as after dup(2) or fork(2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from netlab.spec import Ref
from netlab.steps import Action, doc

if TYPE_CHECKING:
    from netlab.agent.sockets import Sockets


@dataclass(frozen=True, kw_only=True)
class Duplicate(Action):
    """Duplicate a descriptor: closing one of the two sends nothing, the socket lives on by the other.

    Source: dup(2).
    """

    shorthand = "name"
    example = "- server: {duplicate: copy}"

    name: Annotated[str, Ref("socket")] = doc("The name of the second descriptor.")
    socket: Annotated[str, Ref("socket")] | None = doc(
        "The socket. Default: the only connection, or the only listener where there is no connection.", default=None
    )

    def perform(self, sockets: Sockets) -> dict[str, Any]:
        original = sockets.any(self.socket)
        copy = sockets.call(original, "read", original.dup)
        try:
            sockets.add(sockets.role(original), self.name, copy)
        except BaseException:
            copy.close()
            raise
        return {}
