"""ssh: a host that runs OpenSSH or the like, reached as the user's `~/.ssh/config` says.

netlab ──paramiko──▶ sshd ──exec──▶ python -m netlab.remote.far
"""

from __future__ import annotations

from netlab.targets import Tell
from netlab.targets._ssh import MachineTarget
from netlab.targets._ssh_settings import FORM, Settings, configured, parse


class Ssh(MachineTarget):
    """Labs run on a host over SSH; netlab gets there by itself, and needs Python and namespaces there."""

    form = FORM

    def __init__(self, url: str, tell: Tell) -> None:
        super().__init__(url, tell)
        self._address = parse(url)

    def where(self) -> Settings:
        return configured(self._address)
