"""The supervisor: PID 1 of a run. It executes requests against one Ground and streams what is observed.

    → {"id": 1, "do": "build", "topology": {...}}      ← {"id": 1, "ok": {...}}
    → {"id": 2, "do": "play", "step": {...}}           ← {"event": {...}} …  ← {"id": 2, "ok": {}}
    → {"id": 3, "do": "close"}                         ← {"id": 3, "ok": {...}}, and then the end

Rules: requests run side by side, each as one asyncio task, so that "close" is heard in the middle of a "play". A
request that fails is answered with its error; only a defect of netlab ends the supervisor. When the client's end
closes, the supervisor ends, and with it the run. The player of a lab file, the Python API and a test fixture are all
just clients of these requests.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import signal
import socket
import traceback
from typing import Any

from netlab import codec
from netlab.agent import hostnames, process
from netlab.agent.ground import Ground
from netlab.agent.player import Player
from netlab.errors import KernelError, NetlabError, StepError, UsageError
from netlab.records import Event
from netlab.spec import SCRATCH, Topology
from netlab.steps import STEPS

LINE_LIMIT = 64 * 2**20


def main(control: int, spool: int, rootless: bool) -> int:
    """Serve one client on the control descriptor until it closes the run, or is gone."""
    process.name_process("netlab-super")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    get_ready()
    return asyncio.run(Supervisor(socket.socket(fileno=control), spool, rootless).serve())


class Supervisor:
    """One client, one Ground."""

    def __init__(self, control: socket.socket, spool: int, rootless: bool) -> None:
        self.control = control
        self.ground = Ground(self.send_event, spool, rootless)
        self.player = Player(self.ground)
        self.writer: asyncio.StreamWriter | None = None
        self.outbox = bytearray()
        """Observations that go out together, at the next turn of the event loop or with the next answer."""
        self.closing = asyncio.Event()

    async def serve(self) -> int:
        """Read requests until the client hangs up or has closed the run."""
        self.ground.proc_trouble = private_mounts()
        reader, self.writer = await asyncio.open_unix_connection(sock=self.control, limit=LINE_LIMIT)
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, reap_strangers, self.ground)
        requests: set[asyncio.Task[None]] = set()
        closed = asyncio.create_task(self.closing.wait())
        while not self.closing.is_set():
            line = asyncio.create_task(reader.readline())
            await asyncio.wait({line, closed}, return_when=asyncio.FIRST_COMPLETED)
            if not line.done() or not line.result():
                break
            request = asyncio.create_task(self.answer(json.loads(line.result())))
            requests.add(request)
            request.add_done_callback(requests.discard)
        return 0

    async def answer(self, request: dict[str, Any]) -> None:
        """Carry one request out and send its answer."""
        answer: dict[str, Any] = {"id": request.get("id")}
        try:
            answer["ok"] = await self.carry_out(request)
        except NetlabError as error:
            answer["error"] = {"type": type(error).__name__, "text": str(error)}
        except OSError as error:
            answer["error"] = {"type": KernelError.__name__, "text": f"{request.get('do')}: {error}"}
        except asyncio.CancelledError:
            why = f"{request.get('do')}: cancelled, the run was closed"
            answer["error"] = {"type": StepError.__name__, "text": why}
        except Exception:  # a defect of netlab: whoever asked must not wait for ever
            answer["error"] = {"type": NetlabError.__name__, "text": f"a defect of netlab:\n{traceback.format_exc()}"}
        await self.send(answer)
        if request.get("do") == "play":
            # After the answer, so that the client goes on meanwhile; before the next request, which waits for this
            # thread. Nothing was awaited since the step ended but a full socket.
            self.ground.observe_after(request["step"].get("actor"))
        if request.get("do") == "close":
            self.closing.set()

    async def carry_out(self, request: dict[str, Any]) -> dict[str, Any]:
        """One request, by its `do`. Raises: NetlabError, OSError."""
        do = request.get("do")
        if do == "build":
            preload(request.get("words", []))
            topology = codec.decode(Topology, request["topology"])
            hostnames.publish(topology)
            return await self.ground.build(topology, request.get("acting", []))
        if do == "play":
            return await self.player.play(request["step"])
        if do == "observe":
            self.ground.observe()
            return {}
        if do == "inside":
            return {"controllers": {host: self.ground.controller(host).pid for host in self.ground.built.hosts}}
        if do == "close":
            if request.get("heal"):
                await self.player.heal_all()
            return await self.ground.close()
        raise UsageError(f"request {do!r}: unknown; there are build, play, observe, inside and close")

    def send_event(self, event: Event) -> None:
        """Stream one observation to the client."""
        if not self.outbox:
            asyncio.get_running_loop().call_soon(self.flush)
        self.outbox += json.dumps({"event": codec.encode(event)}).encode() + b"\n"

    def flush(self) -> None:
        """Send what has gathered, in one write."""
        if self.outbox and self.writer is not None:
            self.writer.write(bytes(self.outbox))
            self.outbox.clear()

    async def send(self, message: dict[str, Any]) -> None:
        """Send an answer, behind what was observed before it."""
        assert self.writer is not None
        self.outbox += json.dumps(message).encode() + b"\n"
        self.flush()
        await self.writer.drain()


def get_ready() -> None:
    """Import what every run needs, while the client still reads its lab."""
    for module in ("netlab.kernel.topology", "netlab.kernel.witness", "netlab.agent.capture"):
        importlib.import_module(module)


def preload(words: list[str]) -> None:
    """Import the steps that will be played: every endpoint is forked from here, and has them then."""
    for word in words:
        if word in STEPS:
            STEPS[word]


def private_mounts() -> str | None:
    """Make this mount namespace private, and /proc that of this PID namespace; why not, where the machine forbids it.

    Containers may forbid a new /proc (mount_too_revealing in fs/namespace.c): netlab itself works without, but a
    program in the lab then sees the outer processes. /dev/shm belongs to the run as its IPC namespace does: what a
    killed program leaves there (PostgreSQL does), and the scratch folder in it, go with the mount namespace.
    """
    process.mount("none", "/", None, process.MS_REC | process.MS_PRIVATE)
    process.mount("netlab", os.path.dirname(SCRATCH), "tmpfs", process.MS_NOSUID | process.MS_NODEV)  # noqa: PTH120
    os.mkdir(SCRATCH)  # noqa: PTH102
    os.chmod(SCRATCH, 0o1777)  # noqa: PTH101
    try:
        process.mount("proc", "/proc", "proc", process.MS_NOSUID | process.MS_NODEV | process.MS_NOEXEC)
    except PermissionError as error:
        return str(error)
    return None


def reap_strangers(ground: Ground) -> None:
    """PID 1 inherits orphans (a program's daemonised children): wait for those that nobody else waits for."""
    mine = ground.children()
    while True:
        try:
            info = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if info is None or info.si_pid in mine:
            return
        os.waitpid(info.si_pid, os.WNOHANG)
