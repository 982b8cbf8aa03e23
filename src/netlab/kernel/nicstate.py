"""What a NIC has and may lose: read before a fault, put back and read back after it.

    loses            administratively down      moved out of its host      carrier lost
    addresses        IPv6                       all                        none
    routes           all through it             all through it             none
    neighbours       all                        all                        learned ones, in time
    sysctls          none                       all                        none
    qdiscs           none                       all                        none
    MTU              no                         no                         no

Rules: restoring puts back what is missing or different, and removes nothing that came in between. The MTU has an owner
of its own (mtu.py), who may change it meanwhile. Rows are described in
rows.py. Classes and filters of a qdisc are not kept: a qdisc that needs them is not the same afterwards, and `restore`
says so.

Source: `addrconf_ifdown` in net/ipv6/addrconf.c, `fib_disable_ip` in net/ipv4/fib_frontend.c, `neigh_ifdown` in
net/core/neighbour.c, `__dev_change_net_namespace` in net/core/dev.c.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, fields

from netlab.errors import KernelError, StepError
from netlab.kernel import requests, rows, sysctl
from netlab.kernel.link import Link, read
from netlab.kernel.namespaces import Namespace
from netlab.kernel.netlink import Request
from netlab.kernel.rows import Row

SYSCTL_FOLDERS = ("net/ipv4/conf", "net/ipv6/conf", "net/ipv4/neigh", "net/ipv6/neigh")


@dataclass(frozen=True)
class NicState:
    """All that a replugged NIC must have again."""

    link: Link
    rows: tuple[Row, ...]
    """Addresses, routes through it, permanent neighbours, qdiscs."""
    sysctls: dict[str, str]
    """The sysctls of this NIC, by name."""

    def __str__(self) -> str:
        return ", ".join((f"{self.link.ifname} {self.link.mac} mtu {self.link.mtu}", *map(str, self.rows)))


def snapshot(namespace: Namespace, index: int) -> NicState:
    """What the NIC has now. Raises: KernelError."""
    link = read(namespace, index)
    values = _sysctls(namespace, link.ifname)
    if values.get(own_mtu := f"net.ipv6.conf.{link.ifname.replace('.', '/')}.mtu") == str(link.mtu):
        del values[own_mtu]  # IPv6's, which follows the NIC's unless somebody set it
    return NicState(link, tuple(rows.read(namespace, index)), values)


def restore(namespace: Namespace, index: int, state: NicState) -> None:
    """Put back what is missing, and read it all back.

    The link's carrier is not waited for: see `links.flowing`.
    Raises: KernelError where the kernel refuses, StepError naming what did not come back.
    """
    found = read(namespace, index)
    namespace.route.batch(_link_requests(found, state.link))
    now = _sysctls(namespace, state.link.ifname)
    changed = {name: value for name, value in state.sysctls.items() if now.get(name, value) != value}
    sysctl.write_all(namespace, changed)
    if state.link.up:
        namespace.route.batch([requests.set_up(index, state.link.ifname)])
    present = set(rows.read(namespace, index))
    namespace.route.batch([row.request(state.link.ifname) for row in state.rows if row not in present])
    missing = list(differences(state, snapshot(namespace, index)))
    if missing:
        raise StepError(f"restore {state.link.ifname} in {namespace.name}: not as before: {'; '.join(missing)}")


def differences(before: NicState, after: NicState) -> Iterator[str]:
    """What a NIC had and has no longer, in words."""
    for name in RESTORED:
        was, now = getattr(before.link, name), getattr(after.link, name)
        if was != now:
            yield f"its {name} was {was} and is {now}"
    present = set(after.rows)
    yield from (f"no {row}" for row in before.rows if row not in present)
    for name, value in before.sysctls.items():
        if after.sysctls.get(name, "absent") != value:
            yield f"{name} was {value} and is {after.sysctls.get(name, 'absent')}"


RESTORED = ("index", "ifname", "mac", "master", "up")
assert set(RESTORED) <= {field.name for field in fields(Link)}


def _link_requests(found: Link, wanted: Link) -> list[Request]:
    """What gives a link its name, MAC and bridge back."""
    attrs: list[tuple[str, object]] = []
    if found.ifname != wanted.ifname:
        attrs.append(("IFLA_IFNAME", wanted.ifname))
    if found.mac != wanted.mac:
        attrs.append(("IFLA_ADDRESS", wanted.mac))
    if found.master != wanted.master:
        attrs.append(("IFLA_MASTER", wanted.master))
    return [requests.change_link("restore the link", wanted.index, wanted.ifname, attrs)] if attrs else []


def _sysctls(namespace: Namespace, ifname: str) -> dict[str, str]:
    """The NIC's own sysctls that can be read: some hold nothing yet (stable_secret), some are write-only."""
    values = {}
    with namespace.entered():
        for folder in SYSCTL_FOLDERS:
            path = f"{sysctl.PROC}{folder}/{ifname}"
            for name in os.listdir(path) if os.path.isdir(path) else ():  # noqa: PTH112, PTH208
                full = f"{folder}/{ifname.replace('.', chr(0))}/{name}".replace("/", ".").replace("\0", "/")
                try:
                    values[full] = sysctl.read_inside(full, namespace.name)
                except KernelError:
                    continue
    return values
