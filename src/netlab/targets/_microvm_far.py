"""The host's end of a microVM's port: one far end after the other, each with streams of its own.

Rules: no thread and no process for it: whoever reads a stream takes frames from the port until there is something for
that stream. One reader, one writer and one that waits may be different threads.
"""

from __future__ import annotations

import io
import json
import select
import struct
import threading
import time
from typing import TYPE_CHECKING, BinaryIO, cast

from netlab.errors import TargetError
from netlab.targets import _microvm_frames as frames
from netlab.targets._microvm_qemu import Qemu

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer

KILLED_WITHIN_S = 20.0
"""How long the guest may take to end a run's processes: the kernel frees their namespaces, under emulation slowly."""


class Conversation:
    """The port of a VM that boots or is up."""

    def __init__(self, qemu: Qemu) -> None:
        self._port, self.qemu = qemu.port, qemu
        self._frames = frames.Frames()
        self._writing = threading.Lock()
        self._far: MicrovmFar | None = None
        self.guest: dict[str, str] = {}
        """What the guest said of itself when it was ready: its kernel's release, its Python."""

    def await_ready(self, deadline: float) -> None:
        """Wait until the guest serves. Raises: TargetError with the console's last lines."""
        while not self.guest:
            if not self.receive(deadline):
                raise TargetError(f"boot a microVM: it was not up in time; its console's last lines:\n{self.words()}")

    def start(self) -> MicrovmFar:
        """Start a far end. Raises: TargetError where the VM is gone."""
        if self._far is not None:
            self._far.close()
        self._far = MicrovmFar(self)
        self.send(frames.START, struct.pack(">Q", time.time_ns()))
        return self._far

    def send(self, kind: bytes, content: bytes = b"") -> None:
        """Say this to the guest. Raises: TargetError where it is gone."""
        try:
            with self._writing:
                self._port.sendall(frames.frame(kind, content))
        except OSError:
            raise self._gone() from None

    def receive(self, deadline: float | None = None) -> bool:
        """Take what the guest says next; False where it says nothing until then. Raises: TargetError: it is gone."""
        poll = select.poll()
        poll.register(self._port, select.POLLIN)
        left = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
        if not poll.poll(left):
            return False
        try:
            piece = self._port.recv(1 << 16)
        except OSError:
            raise self._gone() from None
        if not piece:
            raise self._gone()
        for kind, content in self._frames.take(piece):
            if kind == frames.READY:
                self.guest = json.loads(content)
            elif self._far is not None:
                self._far.take(kind, content)
        return True

    def input(self, far: MicrovmFar, content: bytes) -> None:
        """Write this to the far end's standard input. Raises: TargetError where it, or the VM, is gone."""
        if far is not self._far:
            raise TargetError("speak to a far end in a microVM: it has ended, and another one is there")
        self.send(frames.DATA, content)

    def end_input(self, far: MicrovmFar) -> None:
        """The far end's standard input is over; so it is where the VM is gone, or another far end is there by now:
        Python closes what nobody refers to any more whenever it likes.
        """
        if far is not self._far:
            return
        try:
            self.send(frames.END)
        except TargetError:
            return

    def kill(self, deadline: float) -> bool:
        """Have the guest end the run; False where it takes nothing until then."""
        if not self._writing.acquire(timeout=max(0.0, deadline - time.monotonic())):
            return False
        try:
            self._port.sendall(frames.frame(frames.KILL))
        except OSError:  # the VM is gone, and the run with it
            return True
        finally:
            self._writing.release()
        return True

    def words(self) -> str:
        """The console's last lines."""
        return self.qemu.last_words()

    def close(self) -> None:
        """End what runs, and switch the VM off."""
        self.qemu.end()
        if self._far is not None:
            self._far.close()
        self._port.close()

    def _gone(self) -> TargetError:
        self.qemu.wait(1.0)
        return TargetError(f"speak to a microVM: it is gone; its console's last lines:\n{self.words()}")


class MicrovmFar:
    """A far end in the guest (netlab.targets.Far)."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._reading = threading.RLock()
        self.received, self.ended = bytearray(), False
        self._said = bytearray()
        self._status: int | None = None
        self.stdin = cast("BinaryIO", _Input(conversation, self))
        self.stdout = cast("BinaryIO", _Output(self))

    def take(self, kind: bytes, content: bytes) -> None:
        """A frame of the guest's."""
        if kind == frames.DATA:
            self.received += content
        elif kind == frames.ERROR:
            self._said += content
        elif kind == frames.END:
            self.ended = True
        elif kind == frames.EXITED:
            self.ended = True
            self._status = struct.unpack(">i", content)[0]

    def some(self, most: int) -> bytes:
        """What it wrote to its standard output: up to so much, b"" at the end; waits for it."""
        with self._reading:
            while not self.received and not self.ended:
                self._conversation.receive()
            piece = bytes(self.received[:most])
            del self.received[:most]
        return piece

    def said(self) -> str:
        """What it wrote on stderr so far."""
        return self._said.decode(errors="replace")

    def wait(self) -> int:
        """Its exit status, once it has ended and no process of it is left. Raises: TargetError where the VM is gone."""
        while True:
            with self._reading:
                if self._status is not None:
                    return self._status
                self._conversation.receive()

    def close(self) -> None:
        """End what still runs of it; a guest that does not answer is switched off, which ends whoever waits for it."""
        deadline = time.monotonic() + KILLED_WITHIN_S
        if self._status is None and not (self._conversation.kill(deadline) and self._ends(deadline)):
            self._conversation.qemu.end()

    def _ends(self, deadline: float) -> bool:
        """Whether it has ended by then; or nobody will ever know, as the VM is gone."""
        while self._status is None:
            if not self._reading.acquire(timeout=max(0.0, deadline - time.monotonic())):
                return False
            try:
                if self._status is None and not self._conversation.receive(deadline):
                    return False
            except TargetError:
                return True
            finally:
                self._reading.release()
        return True


class _Input(io.RawIOBase):
    """Written by us: its standard input."""

    def __init__(self, conversation: Conversation, far: MicrovmFar) -> None:
        self._conversation, self._far = conversation, far

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer, /) -> int:
        view = memoryview(data).cast("B")
        for start in range(0, len(view), frames.PIECE):
            self._conversation.input(self._far, bytes(view[start : start + frames.PIECE]))
        return len(view)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._conversation.end_input(self._far)


class _Output(io.RawIOBase):
    """Read by us: its standard output."""

    def __init__(self, far: MicrovmFar) -> None:
        self._far = far

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        view = memoryview(buffer).cast("B")
        piece = self._far.some(len(view))
        view[: len(piece)] = piece
        return len(piece)
