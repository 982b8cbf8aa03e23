"""What host and guest say to each other over a microVM's one serial port: the streams of one run after the other.

        host                                    guest (PID 1)
          ◀── ready (what it is) ─────────────────
          ─── start (the time) ──────────────────▶  forks netlab's far end
          ─── data, data, end ───────────────────▶  its standard input
          ◀── data, error, data, end ─────────────  its standard output and error
          ◀── exited (status) ────────────────────  when no process of the run is left
          ─── kill ──────────────────────────────▶  at any time

Rules: a frame is its kind (one byte), its length (four, big-endian), and so many bytes. One run at a time. Both ends
import this, the guest under emulation: nothing heavy here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

READY, START, DATA, END, ERROR, EXITED, KILL = b"R", b"S", b"D", b"E", b"!", b"X", b"K"
HEADER = struct.Struct(">cI")
PIECE = 1 << 15
"""A port of virtio-serial takes this much at a time. Source: drivers/char/virtio_console.c, port_fops_write."""
NAME = "netlab"


def frame(kind: bytes, content: bytes = b"") -> bytes:
    """One frame, ready to be written."""
    return HEADER.pack(kind, len(content)) + content


class Frames:
    """Takes bytes as they come, gives the frames that are whole."""

    def __init__(self) -> None:
        self._received = bytearray()

    def take(self, piece: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Each frame that is whole with this piece: its kind and its content."""
        self._received += piece
        while len(self._received) >= HEADER.size:
            kind, length = HEADER.unpack_from(self._received)
            end = HEADER.size + length
            if len(self._received) < end:
                return
            content = bytes(self._received[HEADER.size : end])
            del self._received[:end]
            yield kind, content
