"""Small topologies for the tests of kernel/, built in the calling process's namespaces."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from netlab.kernel import topology
from netlab.kernel.namespaces import Namespace
from netlab.kernel.topology import Built
from netlab.spec import Host, Nic, Topology


def two(**of_server: Any) -> Topology:
    """server (nic-a: 10.77.0.1, fd77::1) and client (nic-b: 10.77.0.2, fd77::2) on one switch."""
    return Topology(
        hosts={
            "server": Host(
                nics={"nic-a": Nic(ip=("10.77.0.1/24", "fd77::1/64"), mac="02:00:00:00:00:0a")}, **of_server
            ),
            "client": Host(nics={"nic-b": Nic(ip=("10.77.0.2/24", "fd77::2/64"))}),
        },
        switches={"router": ("server.nic-a", "client.nic-b")},
    )


@contextlib.contextmanager
def built(wanted: Topology) -> Iterator[Built]:
    made = topology.build(wanted)
    try:
        yield made
    finally:
        made.close()


def output(namespace: Namespace, *argv: str) -> str:
    """What a command prints inside a namespace."""
    with namespace.entered():
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stderr}"
    return done.stdout


def count(folder: str) -> int:
    """How many entries a folder of /proc has: open descriptors, threads."""
    return len(list(Path(folder).iterdir()))


def arrives(built: Built, source: str, ip: str, target: str, port: int = 4000, within_s: float = 1.0) -> bool:
    """Whether one datagram, sent once and now, gets from host to host."""
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    with (
        built.hosts[target].socket(family, socket.SOCK_DGRAM) as receiver,
        built.hosts[source].socket(family, socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind((ip, port))
        receiver.settimeout(within_s)
        try:
            sender.sendto(b"once", (ip, port))
            return receiver.recv(100) == b"once"
        except OSError:
            return False
