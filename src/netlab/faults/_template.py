"""The fault that does nothing. Copy it to `yourword.py`, rename the class, and `- yourword: server` works.

server ──── (nothing happens here) ──── client
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from netlab.faults import Fault, doc
from netlab.spec import Ref

if TYPE_CHECKING:
    from netlab.agent.ground import Ground


@dataclass(frozen=True, kw_only=True)
class Nothing(Fault):
    """Does nothing to a host, and undoes it."""

    healing = "undo-nothing"
    target = "host"
    example = "- nothing: server\n- undo-nothing: server"

    host: Annotated[str, Ref("host")] = doc("The host to leave alone.")

    async def inject(self, ground: Ground) -> Any:
        """Find out what heal has to put back, strike, and return when the fault is in effect."""
        return ground.built.hosts[self.host].inode

    async def heal(self, ground: Ground, state: Any) -> None:
        """Put it back, read it back, and return when traffic flows again."""
        assert ground.built.hosts[self.host].inode == state
