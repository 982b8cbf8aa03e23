"""Plays a supervisor to one host's controller, in a network namespace of its own, for tests of what runs below it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from netlab import codec
from netlab.records import Call, Event
from netlab.spec import Host, Program
from tests.sandbox import sandboxed

T = TypeVar("T")


class Played:
    """A running controller, its namespace, and every event it told."""

    def __init__(self, programs: dict[str, Program], folder: str, family: str) -> None:
        from netlab.agent.controller import ControllerHandle
        from netlab.kernel import namespaces

        self.events: list[Event] = []
        self.namespace = namespaces.create("server")
        with self.namespace.entered():
            loopback_up()
        self.controller = ControllerHandle.start(
            "server", self.namespace, Host(programs=programs), folder, self.events.append, family
        )

    async def act(self, endpoint: str, word: str, **args: Any) -> Call:
        answer = await self.controller.ask("act", endpoint=endpoint, word=word, args=args, step=7)
        return codec.decode(Call, answer["call"])

    async def begun(self, endpoint: str, word: str, **args: Any) -> asyncio.Task[Call]:
        """An act that has its socket and is making its call."""
        begun = asyncio.Event()

        async def act() -> Call:
            fields = {"endpoint": endpoint, "word": word, "args": args, "step": 7}
            return codec.decode(Call, (await self.controller.ask("act", begun.set, **fields))["call"])

        task = asyncio.create_task(act())
        await begun.wait()
        return task

    async def ask(self, do: str, **fields: Any) -> dict[str, Any]:
        return await self.controller.ask(do, **fields)

    async def connected(self, port: int = 9000) -> tuple[Call, Call]:
        """A connection from server.peer ("connection") to server ("connection"); its connect and its accept."""
        ip = "[::1]" if (await self.act("server", "listen", port=port)).local.ip == "::" else "127.0.0.1"  # type: ignore[union-attr]
        connect = await self.act("server.peer", "connect", to=f"{ip}:{port}")
        return connect, await self.act("server", "accept")

    async def until(self, probe: Callable[[], T | None], seconds: float = 10) -> T:
        """What `probe` returns once it is true. Raises: TimeoutError."""
        async with asyncio.timeout(seconds):
            while not (found := probe()):
                await asyncio.sleep(0.001)
        return found

    def of(self, kind: type[T]) -> list[T]:
        return [event for event in self.events if isinstance(event, kind)]


def loopback_up() -> None:
    """Set `lo` of this thread's namespace up. Source: netdevice(7), SIOCSIFFLAGS."""
    import fcntl
    import socket
    import struct

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, 0x8914, struct.pack("16sH14x", b"lo", 1))


def play(
    story: Callable[[Played], Awaitable[T]],
    programs: dict[str, Program] | None = None,
    folder: str = "/",
    family: str = "ipv4",
) -> T:
    """What `story` returns when it plays with a controller, all of it in fresh namespaces."""

    async def run() -> T:
        played = Played(programs or {}, folder, family)
        try:
            return await story(played)
        finally:
            played.controller.kill()
            await played.controller.wait()

    return sandboxed(lambda: asyncio.run(run()))


def processes_in(namespace: Any) -> set[int]:
    """Ids of the processes in a namespace."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "ns/net").stat().st_ino == namespace.inode:
                found.add(int(entry.name))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found
