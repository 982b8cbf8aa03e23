"""Two real hosts on a switch with the wire's witness on, for tests of the capture: no lab, no steps."""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from netlab import addresses
from netlab.agent.capture import Capture, CapturePoints
from netlab.kernel import topology as kernel_topology
from netlab.spec import Host, Nic, Topology
from netlab.wire.spool import CaptureEnd
from tests.sandbox import sandboxed

T = TypeVar("T")

SERVER, CLIENT = "10.77.0.1", "10.77.0.2"


def two_hosts() -> Topology:
    """server.nic-a ─ router ─ client.nic-b, with IPv4 and IPv6."""
    return Topology(
        hosts={
            "server": Host(nics={"nic-a": Nic(ip=(f"{SERVER}/24", "fd00:77::1/64"), mac="02:00:00:00:00:0a")}),
            "client": Host(nics={"nic-b": Nic(ip=(f"{CLIENT}/24", "fd00:77::2/64"), mac="02:00:00:00:00:0b")}),
        },
        switches={"router": ("server.nic-a", "client.nic-b")},
    )


class Watched:
    """A built topology, its capture, and the spool. `owners` maps its addresses to hosts."""

    def __init__(self, topology: Topology, ring: int | None = None, snap: int = 65_535) -> None:
        self.built = kernel_topology.build(topology)
        self.owners = addresses.owners(topology)
        self.spool = os.open(tempfile.gettempdir(), os.O_TMPFILE | os.O_RDWR, 0o600)
        self.capture = Capture.start(self.points(), self.spool, ring, snap)

    def points(self) -> list[CapturePoints]:
        places = [
            CapturePoints(
                namespace, {1: f"{host}.lo"} | {n.index: n.name for n in self.built.nics.values() if n.host == host}
            )
            for host, namespace in self.built.hosts.items()
        ]
        return [*places, CapturePoints(self.built.fabric, self.built.ports)]

    def listen(self, ip: str = SERVER, port: int = 9000, host: str = "server") -> socket.socket:
        made = self.built.hosts[host].socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM)
        made.bind((ip, port))
        made.listen()
        return made

    def connect(self, ip: str = SERVER, port: int = 9000, host: str = "client") -> socket.socket:
        made = self.built.hosts[host].socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM)
        made.settimeout(5)
        made.connect((ip, port))
        return made

    def talk(self, ip: str = SERVER, host: str = "client") -> None:
        """One connection from beginning to end: the client says hello, both close, the client first."""
        with self.listen(ip) as listener, self.connect(ip, host=host) as client:
            server, _ = listener.accept()
            with server:
                client.sendall(b"hello")
                assert server.recv(16) == b"hello"
                client.shutdown(socket.SHUT_WR)
                assert server.recv(16) == b""
                server.shutdown(socket.SHUT_WR)
                assert client.recv(16) == b""


def watch(
    story: Callable[[Watched], Awaitable[T]],
    topology: Topology | None = None,
    ring: int | None = None,
    snap: int = 65_535,
) -> T:
    """What `story` returns when it plays on a watched topology in fresh namespaces; the capture is live before."""

    async def run() -> T:
        watched = Watched(topology or two_hosts(), ring, snap)
        await watched.capture.live()
        return await story(watched)

    return sandboxed(lambda: asyncio.run(run()))


async def ended(watched: Watched) -> CaptureEnd:
    """Stop the capture and wait for its process to be gone."""
    end = await watched.capture.stop()
    await watched.capture.gone()
    return end


def saved(watched: Watched, folder: Path, markers: list[tuple[int, str]] | None = None) -> Path:
    """The spool as a capture file."""
    from netlab.wire import pcapng
    from netlab.wire.spool import Spool

    path = folder / "capture.pcapng"
    with Spool(watched.spool) as spool, path.open("wb") as file:
        pcapng.write(spool.packets(), spool.points, markers or [], file.write)
    return path
