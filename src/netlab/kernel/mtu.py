"""The one owner of a NIC's MTU, and of its port's: the least of what several askers want, what was there after them.

Rules: as with shaping.py, whoever wants another MTU asks by a key of its own. The NIC is found where it is, in its host
or in limbo, so that it does not matter what else happens to it meanwhile.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from netlab.errors import KernelError
from netlab.kernel import link, requests
from netlab.kernel.namespaces import Namespace

if TYPE_CHECKING:
    from netlab.kernel.topology import Built, LiveNic


class NicMtu:
    """The MTU of a NIC and of its port in the fabric."""

    def __init__(self, built: Built, nic: LiveNic) -> None:
        self.built = built
        self.nic = nic
        self.asked: dict[str, int] = {}
        self._before: tuple[int, int] = (0, 0)

    def ask(self, key: str, mtu: int) -> None:
        """Let nothing larger pass from now on. Raises: KernelError."""
        if not self.asked:
            self._before = (self._mtu(*self._place()), self._mtu(*self._port()))
        self.asked[key] = mtu
        self._apply()

    def withdraw(self, key: str) -> None:
        """Ask no longer. Raises: KernelError."""
        del self.asked[key]
        self._apply()

    def _apply(self) -> None:
        """The least of what is asked, and of what was there, at both ends; read back."""
        for (namespace, index), before in zip((self._place(), self._port()), self._before, strict=True):
            mtu = min((before, *self.asked.values()))
            change = requests.change_link(f"set the MTU to {mtu}", index, self.nic.ifname, [("IFLA_MTU", mtu)])
            namespace.route.batch([change])
            if (found := self._mtu(namespace, index)) != mtu:
                raise KernelError(change.operation, namespace.name, self.nic.ifname, hint=f"it is {found} afterwards")

    def _place(self) -> tuple[Namespace, int]:
        """Where the NIC is now, and its index there."""
        host = self.built.hosts[self.nic.host]
        try:
            link.read(host, self.nic.index)
        except KernelError as error:
            if error.errno != errno.ENODEV:
                raise
            return self.built.limbo, self.nic.index
        return host, self.nic.index

    def _port(self) -> tuple[Namespace, int]:
        return self.built.fabric, self.nic.port_index

    @staticmethod
    def _mtu(namespace: Namespace, index: int) -> int:
        return link.read(namespace, index).mtu
