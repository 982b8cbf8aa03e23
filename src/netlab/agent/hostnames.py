"""The names of a lab's hosts, as its programs look them up: /etc/hosts.

Rules: a file in the run's own memory, mounted over /etc/hosts in the run's own mount namespace; the machine's file is
not touched. There is no name server in a lab, so nothing else of the machine's names is of use in it.
"""

# ruff: noqa: PTH118, PTH120, PTH123
from __future__ import annotations

import os

from netlab import addresses
from netlab.agent import process
from netlab.spec import SCRATCH, Topology

HOSTS = "/etc/hosts"
"""Source: hosts(5); nsswitch.conf(5) asks `files` first on every distribution."""


def publish(topology: Topology) -> None:
    """Have the run's programs find every host and NIC (host.nic) by name, in the lab's family. Raises: OSError."""
    if not os.path.exists(HOSTS):  # noqa: PTH110 (a container may have none: there is nothing to mount over)
        return
    file = os.path.join(os.path.dirname(SCRATCH), "hosts")
    with open(file, "w") as out:
        out.write(text(topology))
    process.mount(file, HOSTS, None, process.MS_BIND)


def text(topology: Topology) -> str:
    """The file's content: the first line of a name is what the name stands for in a lab file."""
    lines = [f"127.0.0.1 localhost {os.uname().nodename}", "::1 localhost ip6-localhost ip6-loopback"]
    version = 6 if topology.family == "ipv6" else 4
    for full, nic in topology.nics().items():
        mine = [ip for ip in addresses.ips(nic) if (":" in ip) == (version == 6)]
        lines += [f"{ip} {full.partition('.')[0]} {full}" for ip in mine]
    return "\n".join(lines) + "\n"
