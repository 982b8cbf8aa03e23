"""A machine behind SSH where netlab is brought and started: what the targets ssh: and vagrant: are made of.

machine = Machine(Settings(host="127.0.0.1", port=2222, user="vagrant", ...), tell)
machine.open()            connect, authenticate, bring netlab there. Raises: TargetError, NeedError
machine.start()           a Far
machine.close()
"""

from __future__ import annotations

from netlab.targets import Far, Tell
from netlab.targets._ssh_settings import Settings


class Machine:
    """One server that was reached."""

    def __init__(self, settings: Settings, tell: Tell) -> None:
        self.settings = settings
        self.tell = tell

    def open(self) -> None:
        """Connect, authenticate, bring netlab there. Raises: TargetError, NeedError."""
        raise NotImplementedError

    def start(self) -> Far:
        """Start a far end. Raises: TargetError."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of it."""
