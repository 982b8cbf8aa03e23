"""Power loss: a host's sockets and processes are gone, and not one segment says so."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any

from netlab import codec
from netlab.records import Call, Exit, Output
from netlab.spec import Host, Nic, Program, Topology
from tests.agent.host import processes_in
from tests.sandbox import sandboxed

HOLDER = """
import socket, sys
listener = socket.create_server(("10.77.0.1", 9001))
print("up", flush=True)
held, _ = listener.accept()
print("held", flush=True)
import os
if not os.fork():
    held.recv(1)
held.recv(1)
"""

TOPOLOGY = Topology(
    hosts={
        "server": Host(
            nics={"a": Nic(ip=("10.77.0.1/24",))},
            programs={"holder": Program(argv=("/usr/bin/python3", "-c", HOLDER))},
        ),
        "client": Host(nics={"b": Nic(ip=("10.77.0.2/24",))}),
    },
    switches={"switch": ("server.a", "client.b")},
    folder="/",
)


def test_every_socket_vanishes_without_a_segment() -> None:
    sandboxed(lambda: asyncio.run(power_cut()))


async def power_cut() -> None:
    from netlab.agent.controller import ControllerHandle
    from netlab.kernel import counters, sockets, topology

    built = topology.build(TOPOLOGY)
    events: list[Any] = []
    hosts = {
        name: ControllerHandle.start(name, built.hosts[name], spec, "/", events.append)
        for name, spec in TOPOLOGY.hosts.items()
    }

    async def act(host: str, word: str, **args: Any) -> Call:
        answer = await hosts[host].ask("act", endpoint=host, word=word, args=args, step=1)
        call = codec.decode(Call, answer["call"])
        assert call.error is None, call
        return call

    async def said(line: str) -> None:
        async with asyncio.timeout(10):
            while not any(event.line == line for event in events if isinstance(event, Output)):
                await asyncio.sleep(0.001)

    await act("server", "listen", port=9000)
    await act("client", "connect", to="10.77.0.1:9000", socket="accepted")
    await act("server", "accept")
    await act("client", "send", text="never read", socket="accepted")
    await act("server", "duplicate", name="copy", socket="connection")
    await act("client", "connect", to="10.77.0.1:9000", socket="queued")
    await act("client", "send", text="never accepted", socket="queued")
    await hosts["server"].ask("start", program="holder", step=2)
    await said("up")
    await act("client", "connect", to="10.77.0.1:9001", socket="held")
    await said("held")
    blocked = asyncio.create_task(hosts["server"].ask("act", endpoint="server", word="accept", args={}, step=3))
    await act("server", "poll", until="readable", socket="copy")
    assert (await blocked)["call"]["socket"] == "connection-2"
    await act("client", "connect", to="10.77.0.1:9000", socket="queued again")
    await quiet(built, sockets)

    with built.hosts["client"].socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as wire:
        before = counters.read(built.hosts["server"])
        answer = await hosts["server"].ask("vanish")
        # accepted, queued, held, queued again; the duplicates are the same sockets, taken twice
        assert answer["silenced"] >= 4 and answer["loud"] == []
        assert (answer["programs"], answer["endpoints"]) == (["holder"], ["server"])
        assert processes_in(built.hosts["server"]) == {hosts["server"].pid}
        assert sockets.table(built.hosts["server"]) == []
        after = counters.read(built.hosts["server"])
        assert after.get("TcpOutRsts", 0) == before.get("TcpOutRsts", 0)
        assert after["TcpOutSegs"] == before["TcpOutSegs"]
        assert tcp_frames(wire) == []
    alive = [row for row in sockets.table(built.hosts["client"]) if row.state == "ESTABLISHED"]
    assert len(alive) == 4
    assert sorted(event.endpoint for event in events if isinstance(event, Exit)) == ["server", "server.holder"]
    await act("client", "send", text="hello?", socket="held")
    ended = await act_error(hosts["client"])
    assert ended == "ECONNRESET"  # the namespace still answers: it is the fault that keeps the NIC dark
    for handle in hosts.values():
        handle.kill()
        await handle.wait()


async def act_error(client: Any) -> str | None:
    answer = await client.ask("act", endpoint="client", word="receive", args={"socket": "held"}, step=4)
    return codec.decode(Call, answer["call"]).error


async def quiet(built: Any, sockets: Any) -> None:
    """Return when nothing is left to acknowledge or retransmit."""
    deadline = time.monotonic() + 10
    while any(row.send_queue for row in sockets.table(built.hosts["client"])):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.001)


def tcp_frames(wire: socket.socket) -> list[bytes]:
    """The TCP frames that came by without waiting for more."""
    wire.setblocking(False)
    frames = []
    while True:
        try:
            frame = wire.recv(65536)
        except BlockingIOError:
            return frames
        if frame[12:14] == b"\x08\x00" and frame[23] == socket.IPPROTO_TCP:
            frames.append(frame)
