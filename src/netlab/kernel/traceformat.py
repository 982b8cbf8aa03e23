"""What a tracepoint's record holds: its `format` file read, its bytes turned into a Traced.

Rules: offsets, sizes and the names of reset reasons come from this kernel's own `format` files, never from a version's
number. A number that the kernel did not resolve into a name stays without one. Pure.

Source: Documentation/trace/events.rst (the format files); include/trace/events/tcp.h and sock.h: IPv4 addresses are
repeated in the IPv6 fields, mapped; tcp_send_reset has `struct sockaddr_in6` and the reason from Linux 6.10 on.
"""

from __future__ import annotations

import re
import socket
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from netlab.records import Address

__all__ = ["Format", "Traced", "decoder", "parse_format"]


class Traced(NamedTuple):
    """One tracepoint hit, of whatever socket on this machine."""

    time_ns: int
    cpu: int
    name: str
    """"tcp_send_reset", "tcp_receive_reset", "inet_sock_set_state" or "tcp_destroy_sock"."""
    sk: int
    """The socket's address in kernel memory (reused after its destruction); 0 for no socket."""
    cookie: int
    """SO_COOKIE; 0 where this tracepoint does not say."""
    local: Address
    remote: Address
    old: int = 0
    """The state before (set_state), or at the moment (send_reset; 0 for no socket)."""
    new: int = 0
    reason: str | None = None
    """Why the RST was made; None before Linux 6.10."""
    answers: bool = True
    """A segment drew this RST; False where the socket made it on its own (a close, a timer)."""


@dataclass(frozen=True)
class Format:
    """A tracepoint's record, as its `format` file describes it: field name to (offset, size)."""

    name: str
    id: int
    fields: dict[str, tuple[int, int]]
    symbols: dict[str, dict[int, str]]
    """Fields printed by name (`__print_symbolic`): number to name. Only numbers the kernel has resolved."""


_FIELD = re.compile(r"field:[^;]*?(\w+)(?:\[\d+\])?;\s*offset:(\d+);\s*size:(\d+);")
_SYMBOLIC = re.compile(r"__print_symbolic\(REC->(\w+), ((?:\{[^}]*\}(?:, )?)+)\)")
_PAIR = re.compile(r"\{ (\d+), \"(\w+)\" \}")


def parse_format(text: str) -> Format:
    """A `format` file as a Format. Raises: ValueError where it is none."""
    name, number = re.search(r"^name: (\w+)$", text, re.M), re.search(r"^ID: (\d+)$", text, re.M)
    fields = {field: (int(offset), int(size)) for field, offset, size in _FIELD.findall(text)}
    if name is None or number is None or "common_type" not in fields:
        raise ValueError(f"not a tracepoint's format: {text[:60]!r}")
    symbols = {field: {int(n): word for n, word in _PAIR.findall(pairs)} for field, pairs in _SYMBOLIC.findall(text)}
    return Format(name[1], int(number[1]), fields, symbols)


# --- a record's bytes to Traced ---


@lru_cache(4096)
def _ip(raw: bytes) -> str:
    """An address of 16 bytes as text; an IPv4 one that is mapped into IPv6 as plain IPv4."""
    if raw[:12] == b"\0" * 10 + b"\xff\xff":
        return socket.inet_ntop(socket.AF_INET, raw[12:])
    return socket.inet_ntop(socket.AF_INET6, raw)


def _sockaddr(raw: bytes) -> Address:
    """A struct sockaddr_in or sockaddr_in6 (`__u8 saddr[28]`)."""
    family = int.from_bytes(raw[:2], sys.byteorder)
    port = int.from_bytes(raw[2:4], "big")
    if family == socket.AF_INET6:
        return Address(_ip(raw[8:24]), port)
    return Address(socket.inet_ntop(socket.AF_INET, raw[4:8]), port)


def decoder(layout: Format) -> Callable[[int, int, bytes], Traced]:
    """What turns (time_ns, cpu, raw bytes) of this tracepoint into a Traced."""

    def number(field: str) -> Callable[[bytes], int]:
        if field not in layout.fields:
            return lambda raw: 0
        offset, size = layout.fields[field]
        unpack = struct.Struct("=" + {1: "B", 2: "H", 4: "I", 8: "Q"}[size]).unpack_from
        return lambda raw: int(unpack(raw, offset)[0])

    def end(prefix: str) -> Callable[[bytes], Address]:
        offset, size = layout.fields[f"{prefix}addr"]
        if size == 28:
            return lambda raw: _sockaddr(raw[offset : offset + 28])
        port, start = number(f"{prefix}port"), layout.fields[f"{prefix}addr_v6"][0]
        return lambda raw: Address(_ip(raw[start : start + 16]), port(raw))

    state = "oldstate" if "oldstate" in layout.fields else "state"
    sk, cookie, old, new = number("skaddr"), number("sock_cookie"), number(state), number("newstate")
    local, remote, skb, reason = end("s"), end("d"), number("skbaddr"), number("reason")
    reasons = layout.symbols.get("reason", {})
    name = layout.name

    def decode(stamp: int, cpu: int, raw: bytes) -> Traced:
        why = reasons.get(reason(raw))
        where = (sk(raw), cookie(raw), local(raw), remote(raw))
        return Traced(stamp, cpu, name, *where, old(raw), new(raw), why, bool(skb(raw)))

    return decode
