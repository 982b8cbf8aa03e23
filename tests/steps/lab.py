"""A two-host lab on a real Ground (namespaces, capture, controllers), for tests that play steps on it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from netlab.records import Call, Check, Environment, Event, RunRecord, Verdict
from netlab.spec import Capture, Host, Nic, Program, Topology
from netlab.steps import STEPS, Planned
from tests.sandbox import sandboxed

T = TypeVar("T")


def two_hosts(family: Any = "ipv4", programs: dict[str, Program] | None = None) -> Topology:
    """server and client on one switch, each with an IPv4 and an IPv6 address."""
    return Topology(
        hosts={
            "server": Host(nics={"nic-a": Nic(ip=("10.77.0.1/24", "fd77::1/64"))}, programs=programs or {}),
            "client": Host(nics={"nic-b": Nic(ip=("10.77.0.2/24", "fd77::2/64"))}),
        },
        switches={"switch": ("server.nic-a", "client.nic-b")},
        capture=Capture(),
        family=family,
        folder="/",
    )


class Lab:
    """Plays steps by their words and keeps what is observed."""

    def __init__(self, topology: Topology) -> None:
        from netlab import addresses
        from netlab.agent.ground import Ground
        from netlab.agent.player import Player
        from netlab.kernel import topology as kernel_topology

        self.events: list[Event] = []
        self.ground = Ground(self.events.append, os.memfd_create("spool"), os.getuid() != 0)
        self.ground.topology = topology
        self.ground.owners = addresses.owners(topology)
        self.ground.built = kernel_topology.build(topology)
        self.player = Player(self.ground)
        self.played = 0

    async def watch(self) -> None:
        """Have the wire's witness live."""
        from netlab.agent.capture import Capture

        self.ground.capture = Capture.start(self.ground.capture_points(), self.ground.spool)
        await self.ground.capture.live()

    async def play(self, word: str, actor: str | None = None, background: str | None = None, **args: Any) -> Planned:
        """Play one step or action, as the supervisor plays it."""
        from netlab.agent.player import planned_to_json

        index, self.played = self.played, self.played + 1
        kind = "action" if actor else "step"
        planned = Planned(
            index=index,
            name=f"step {index + 1}",
            kind=kind,
            word=word,
            doing=STEPS[word](**args),
            actor=actor,
            background=background,
            text=f"{actor or ''} {word}",
        )
        await self.player.play(planned_to_json(planned))
        return planned

    async def connected(self, port: int = 9000) -> None:
        await self.play("listen", "server", port=port)
        await self.play("connect", "client", to=f"server:{port}")
        await self.play("accept", "server")

    def call(self, planned: Planned) -> Call:
        return next(call for call in self.of(Call) if call.step == planned.index)

    def of(self, kind: type[T]) -> list[T]:
        return [event for event in self.events if isinstance(event, kind)]

    def checks(self, planned: Planned) -> list[Check]:
        """What the step's own judge says of what was recorded."""
        environment = Environment("", "", "", "", False, {})
        record = RunRecord("", None, Verdict.PASS, "", environment, {}, events=tuple(self.events))
        checks: list[Check] = planned.doing.judge(planned, record)
        return checks

    async def end(self) -> None:
        if hasattr(self.ground, "capture"):
            await self.ground.capture.stop()
            await self.ground.capture.gone()
        for handle in self.ground.controllers.values():
            handle.kill()
            await handle.wait()


def play(story: Callable[[Lab], Awaitable[T]], topology: Topology | None = None, wire: bool = False) -> T:
    """What `story` returns when it plays on a real Ground."""

    async def run() -> T:
        lab = Lab(topology or two_hosts())
        try:
            if wire:
                await lab.watch()
            return await story(lab)
        finally:
            await lab.end()

    return sandboxed(lambda: asyncio.run(run()))
