"""ssh: a host that runs OpenSSH or the like, reached as the user's `~/.ssh/config` says.

netlab ──paramiko──▶ sshd ──exec──▶ python -m netlab.remote.far
"""

from __future__ import annotations

from netlab.targets import Far, Target, Tell
from netlab.targets._ssh import Machine
from netlab.targets._ssh_settings import FORM, configured, parse


class Ssh(Target):
    """Labs run on a host over SSH; netlab gets there by itself, and needs Python and namespaces there."""

    form = FORM

    def __init__(self, url: str, tell: Tell) -> None:
        super().__init__(url, tell)
        self._address = parse(url)
        self._machine: Machine | None = None

    def open(self) -> None:
        self._machine = Machine(configured(self._address), self.tell)
        self._machine.open()

    def start(self) -> Far:
        assert self._machine is not None, "open() comes first"
        return self._machine.start()

    def close(self) -> None:
        if self._machine is not None:
            self._machine.close()
