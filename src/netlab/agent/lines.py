"""JSON messages, one a line, over a stream socket that never blocks.

Rules: `send` takes any amount and keeps what the socket does not; whoever owns the event loop calls `flush` when the
socket is writable again and `receive` when it is readable. A peer that is gone is no error here: `closed` says so.
A message may bring a descriptor with it (SCM_RIGHTS, unix(7)): `descriptors` holds those that came, the first first.
"""

from __future__ import annotations

import json
import socket
from typing import Any

CHUNK = 256 * 1024
DESCRIPTORS_AT_ONCE = 4
READS_AT_ONCE = 16
"""So that one busy peer cannot keep the event loop to itself."""


class Lines:
    """One end of a conversation in JSON lines."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.closed = False
        """The peer is gone: nothing more will come, and nothing that is sent arrives."""
        self.descriptors: list[int] = []
        """What messages brought, to be taken (and closed) by whoever understands the message."""
        self._incoming = bytearray()
        self._outgoing = bytearray()

    @property
    def unsent(self) -> int:
        """Bytes that wait for the socket to take them."""
        return len(self._outgoing)

    def fileno(self) -> int:
        return self.sock.fileno()

    def send(self, message: dict[str, Any]) -> None:
        """Send a message, or queue it behind those that wait."""
        self._outgoing += json.dumps(message, separators=(",", ":")).encode() + b"\n"
        self.flush()

    def flush(self) -> None:
        """Send as much of what waits as the socket takes now."""
        while self._outgoing and not self.closed:
            try:
                sent = self.sock.send(self._outgoing, socket.MSG_NOSIGNAL)
            except BlockingIOError:
                return
            except (BrokenPipeError, ConnectionResetError):
                self._outgoing.clear()  # `receive` finds the end, behind what the peer still had to say
                return
            del self._outgoing[:sent]

    def receive(self) -> list[dict[str, Any]]:
        """The messages that have come; sets `closed` when the peer has hung up."""
        for _ in range(READS_AT_ONCE):
            try:
                data, brought, _, _ = socket.recv_fds(self.sock, CHUNK, DESCRIPTORS_AT_ONCE, socket.MSG_CMSG_CLOEXEC)
            except BlockingIOError:
                break
            except ConnectionResetError:
                data, brought = b"", []
            self.descriptors += brought
            if not data:
                self.closed = True
                break
            self._incoming += data
        *whole, rest = self._incoming.split(b"\n")
        self._incoming = rest
        return [json.loads(line) for line in whole]

    def close(self) -> None:
        self.closed = True
        self.sock.close()
