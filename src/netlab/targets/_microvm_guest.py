"""PID 1 of a microVM: mounts what a system needs, then serves the host: one far end of netlab after the other.

Rules: everything is imported before the first run, and each run is forked: an import costs seconds under emulation.
The host's root is read-only, so that what must be written is in memory. When a run is over no process of it is left.
What goes wrong here is written to the console, which the host shows; the kernel then panics, and QEMU ends.

Sources: virtio-serial's ports in sysfs (drivers/char/virtio_console.c, port_sysfs_entries); modprobe(8), -d;
kernel.modprobe in Documentation/admin-guide/sysctl/kernel.rst.
"""

# ruff: noqa: PTH123
from __future__ import annotations

import json
import os
import platform
import select
import signal
import struct
import sys
import time
import traceback
from pathlib import Path
from typing import NoReturn

from netlab.agent import forking, process
from netlab.targets import _microvm_frames as frames

OWN = Path("/run/netlab")
HOME, HOST = OWN / "home", OWN / "host"
SYSTEM = (("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev"), ("devpts", "/dev/pts"), ("tmpfs", "/dev/shm"))
WRITABLE = ("/tmp", "/var/tmp")
"""In the guest's memory, as /run is."""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def main(modules: str) -> NoReturn:
    """Run as PID 1; `modules` is the folder of the kernel's modules on the host's root."""
    _mount({modules, sys.prefix, sys.base_prefix, *sys.path})
    _find_modules(modules)
    os.environ.clear()
    os.environ |= {"PATH": PATH, "HOME": str(HOME), "LANG": "C.UTF-8", "USER": "root"}
    os.chdir(HOME)
    _warm()
    port = os.open(_port(), os.O_RDWR | os.O_NONBLOCK)
    Server(port).serve()


def _mount(needed: set[str]) -> None:
    """Mount what every system has, and memory where it may write; what is needed of the host's stays in its place."""
    for kind, folder in SYSTEM:
        if folder.startswith("/dev/"):
            Path(folder).mkdir(exist_ok=True)
        process.mount(kind, folder, kind, 0)
    process.mount("tmpfs", "/run", "tmpfs", 0)
    HOME.mkdir(parents=True)
    HOST.mkdir()
    process.mount("/", str(HOST), None, process.MS_BIND)
    for folder in WRITABLE:
        process.mount("tmpfs", folder, "tmpfs", 0)
    for path in sorted(needed):
        there = HOST / path.lstrip("/")
        if there.is_dir() and not Path(path).exists():
            Path(path).mkdir(parents=True)
            process.mount(str(there), path, None, process.MS_BIND)


def _find_modules(folder: str) -> None:
    """Have the kernel load modules by itself when they are asked for, from wherever they are."""
    for tree in ("lib/modules", "usr/lib/modules"):  # which of the two, was decided when kmod was built
        (OWN / tree).mkdir(parents=True)
        (OWN / tree / platform.release()).symlink_to(folder)
    helper = OWN / "modprobe"
    helper.write_text(f'#!/bin/sh\nexec /sbin/modprobe -d {OWN} "$@"\n')
    helper.chmod(0o755)
    Path("/proc/sys/kernel/modprobe").write_text(str(helper))


def _warm() -> None:
    """Import what each run needs."""
    from netlab.catalogue.forks import get_ready
    from netlab.remote import far, player  # noqa: F401

    get_ready()


def _port() -> str:
    """The device of the port to the host, by its name."""
    for entry in os.listdir("/sys/class/virtio-ports"):  # noqa: PTH208
        with open(f"/sys/class/virtio-ports/{entry}/name") as file:
            if file.read().strip() == frames.NAME:
                return f"/dev/{entry}"
    raise FileNotFoundError(f"no virtio port is called {frames.NAME}")


class Server:
    """The port, and the run that is served over it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._out = bytearray()
        self._frames = frames.Frames()
        self._run: Run | None = None
        self._wake, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        os.set_blocking(waker, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(waker)

    def serve(self) -> NoReturn:
        """Until the machine is switched off."""
        self._say(frames.READY, json.dumps({"release": platform.release(), "python": sys.version}).encode())
        while True:
            for fd, events in self._poll():
                if fd == self._port:
                    self._speak(events)
                elif fd == self._wake:
                    os.read(self._wake, 4096)
                    self._reap()
                elif self._run is not None:
                    self._relay(self._run, fd)

    def _poll(self) -> list[tuple[int, int]]:
        poll = select.poll()
        poll.register(self._port, select.POLLIN | (select.POLLOUT if self._out else 0))
        poll.register(self._wake, select.POLLIN)
        if self._run is not None and len(self._out) < 8 * frames.PIECE:
            for fd in self._run.outputs:
                poll.register(fd, select.POLLIN)
        if self._run is not None and self._run.input >= 0 and self._run.waiting:
            poll.register(self._run.input, select.POLLOUT)
        return poll.poll()

    def _speak(self, events: int) -> None:
        if events & select.POLLOUT:
            del self._out[: os.write(self._port, self._out[: frames.PIECE])]
        if events & select.POLLIN:
            for kind, content in self._frames.take(os.read(self._port, frames.PIECE)):
                self._hear(kind, content)

    def _hear(self, kind: bytes, content: bytes) -> None:
        if kind == frames.START:
            time.clock_settime_ns(time.CLOCK_REALTIME, struct.unpack(">Q", content)[0])
            self._run = Run()
        elif self._run is None:  # it ended while this was on its way
            return
        elif kind == frames.DATA:
            self._run.waiting += content
            self._run.feed()
        elif kind == frames.END:
            self._run.ended = True
            self._run.feed()
        elif kind == frames.KILL:
            self._run.kill()

    def _relay(self, run: Run, fd: int) -> None:
        if fd == run.input:
            run.feed()
            return
        piece = os.read(fd, frames.PIECE)
        if piece:
            self._say(run.outputs[fd], piece)
            return
        if run.outputs.pop(fd) == frames.DATA:
            self._say(frames.END)
        os.close(fd)
        self._over()

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                if self._run is not None:
                    self._run.gone = True
                    self._over()
                return
            if pid == 0:
                return
            if self._run is not None and pid == self._run.pid:
                self._run.status = os.waitstatus_to_exitcode(status)
                self._run.kill()

    def _over(self) -> None:
        """Say that the run is over, once all that it wrote is on its way and none of its processes is left."""
        if self._run is not None and self._run.gone and not self._run.outputs:
            self._run.close()
            self._say(frames.EXITED, struct.pack(">i", self._run.status))
            self._run = None

    def _say(self, kind: bytes, content: bytes = b"") -> None:
        self._out += frames.frame(kind, content)


class Run:
    """A far end that was forked, and its three streams."""

    def __init__(self) -> None:
        theirs_in, self.input = os.pipe()
        out, theirs_out = os.pipe()
        error, theirs_error = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            _far_end(theirs_in, theirs_out, theirs_error)
        for fd in (theirs_in, theirs_out, theirs_error):
            os.close(fd)
        os.set_blocking(self.input, False)
        self.outputs = {out: frames.DATA, error: frames.ERROR}
        """What is still open to read, and as what it is sent."""
        self.waiting = bytearray()
        self.ended = self.gone = False
        self.status = -1

    def feed(self) -> None:
        """Write what waits for its standard input, as far as it takes it; then end it, where the host has."""
        if self.input < 0:
            return
        try:
            while self.waiting:
                del self.waiting[: os.write(self.input, self.waiting)]
        except BlockingIOError:
            return
        except BrokenPipeError:  # it reads no more
            self.ended = True
            self.waiting.clear()
        if self.ended:
            self.close()

    def close(self) -> None:
        """End its standard input."""
        if self.input >= 0:
            os.close(self.input)
            self.input = -1

    def kill(self) -> None:
        """End every process of the run: all that there are but this one. Source: kill(2), pid -1."""
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:  # there is none
            return


def _far_end(*streams: int) -> NoReturn:
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        forking.default_signals()
        os.setsid()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        forking.close_others({0, 1, 2})
        process.name_process("netlab-far")
        from netlab.remote import far

        status = far.main()
    except BaseException:  # a defect of netlab: its traceback goes to the host
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)
