"""A machine behind SSH where netlab is brought and started: what the targets ssh: and vagrant: are made of.

    machine = Machine(Settings(host="127.0.0.1", port=2222, user="vagrant", ...), tell)
    machine.open()            connect, log in, bring netlab there. Raises: TargetError, NeedError
    machine.start()           a Far
    machine.close()

Rules: one channel for one command; its window (RFC 4254 section 5.2) bounds what waits here unread, so that nothing is
held in memory however much is sent. Closing a channel closes the command's standard input, and so ends a far end.
"""

from __future__ import annotations

import errno
import shlex
import threading
import time
from abc import abstractmethod
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from netlab.targets import Far, Target, Tell
from netlab.targets._bring import bring
from netlab.targets._ssh_link import Link
from netlab.targets._ssh_settings import Settings

if TYPE_CHECKING:
    from paramiko import Channel

__all__ = ["ChannelFar", "Machine", "MachineTarget"]

FAR_END = ("-m", "netlab.remote.far")
CLEAN = ("env", "-u", "PYTHONPATH", "-u", "PYTHONHOME")
"""What the login there says of Python is not for netlab's own environment."""
WITHIN_S = 20.0
"""How long a command may take to end by itself once its standard input has."""
WAITED_S = 0.1
"""A write that took this long had to wait, and goes on because the server made room: on a slow way the answers to
questions for a sign of life are behind all that."""
SAID = 64 << 10
"""Bytes of stderr that are kept: its end."""


class Machine:
    """One server that is reached."""

    def __init__(self, settings: Settings, tell: Tell) -> None:
        self.settings = settings
        self.tell = tell
        self.link = Link(settings, tell)
        self.python = ""
        """netlab's own Python there."""

    def open(self) -> None:
        """Connect, log in, bring netlab there. Raises: TargetError, NeedError."""
        self.link.open()
        self.python = bring(self.execute, self.settings.place, self.tell)

    def start(self) -> Far:
        """Start a far end. Raises: TargetError."""
        return self.execute([*CLEAN, self.python, *FAR_END])

    def execute(self, words: Sequence[str]) -> ChannelFar:
        """Start a command there, with the settings' prefix. Raises: TargetError."""
        from paramiko.ssh_exception import SSHException

        channel = self.link.session()
        try:
            channel.exec_command(shlex.join([*self.settings.prefix, *words]))
        except (SSHException, EOFError, OSError) as error:
            channel.close()
            raise self.link.broken(f"start a command on {self.settings.place}", error) from None
        return ChannelFar(channel, self.link)

    def close(self) -> None:
        """Let go of it: what runs there ends."""
        self.link.close()


class ChannelFar:
    """A command on the server, as a Far."""

    def __init__(self, channel: Channel, link: Link) -> None:
        self._channel = channel
        self._link = link
        self.stdin = Writing(channel, link)
        self.stdout = Reading(channel, link)
        self._said: deque[bytes] = deque()
        self._listener = threading.Thread(target=self._listen, name="netlab-ssh-stderr", daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        """Keep the end of what it says on stderr; not read, it would hold the channel up."""
        while piece := self._channel.recv_stderr(SAID):
            self._said.append(piece)
            while sum(map(len, self._said)) - len(self._said[0]) > SAID:
                self._said.popleft()

    def said(self) -> str:
        """What it wrote on stderr so far."""
        if self._channel.closed or self._channel.exit_status_ready():
            self._listener.join(1)
        return b"".join(tuple(self._said))[-SAID:].decode(errors="replace")

    def wait(self) -> int:
        """Its exit status; 255 where it was ended by a signal. Raises: TargetError where the connection broke."""
        status: int = self._channel.recv_exit_status()
        if status != -1:
            return status
        if not self._link.broke:
            return 255
        raise self._link.broken(f"wait for netlab on {self._link.settings.place}")

    def close(self) -> None:
        """Let go of it: its standard input ends, and with that a far end does."""
        if not self._channel.closed:
            self.stdin.close()
            self._channel.status_event.wait(WITHIN_S)  # it is also set where the connection ends
            self._channel.close()


class Reading:
    """What comes over a channel."""

    def __init__(self, channel: Channel, link: Link) -> None:
        self._channel = channel
        self._link = link

    def read(self, size: int, /) -> bytes:
        """As much as there is, b"" at the end. Raises: TargetError where the connection broke."""
        piece: bytes = self._channel.recv(size)
        if piece:
            self._link.heard()
        elif self._link.broke:
            raise self._link.broken(f"read from {self._link.settings.place}")
        return piece


class Writing:
    """What goes over a channel."""

    def __init__(self, channel: Channel, link: Link) -> None:
        self._channel = channel
        self._link = link

    def write(self, data: bytes, /) -> int:
        """Send from the front of it as much as the other side has room for. Raises: BrokenPipeError."""
        begun = time.monotonic()
        try:
            sent = int(self._channel.send(data))
        except OSError as error:
            raise BrokenPipeError(errno.EPIPE, f"the connection is gone ({error})") from None
        if time.monotonic() - begun > WAITED_S:
            self._link.heard()
        return sent

    def close(self) -> None:
        """End the command's standard input."""
        if not self._channel.closed:
            self._channel.shutdown_write()


class MachineTarget(Target):
    """A target that is such a machine."""

    def __init__(self, url: str, tell: Tell) -> None:
        super().__init__(url, tell)
        self._machine: Machine | None = None

    @abstractmethod
    def where(self) -> Settings:
        """How it is reached, once it can be. Raises: as `open`."""

    def open(self) -> None:
        self._machine = Machine(self.where(), self.tell)
        self._machine.open()

    def start(self) -> Far:
        assert self._machine is not None, "open() comes first"
        return self._machine.start()

    def close(self) -> None:
        if self._machine is not None:
            self._machine.close()
