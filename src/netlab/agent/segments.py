"""Raw TCP segments, put on the wire from a host as no kernel's TCP would.

Rules: the IP header is ours too (IP_HDRINCL), so that any source address may be told; route and neighbour are the
kernel's, as for any packet of the host. Checksums are right. Pure but for `inject`.
Source: RFC 9293 section 3.1 (the header), section 3.1 and RFC 8200 section 8.1 (the pseudo-header), raw(7), ip(7).
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import time
from dataclasses import dataclass
from typing import Any

from netlab import codec
from netlab.errors import StepError
from netlab.records import Address, Call
from netlab.wire.checksum import checksum

FLAG_BITS = {"F": 0x01, "S": 0x02, "R": 0x04, "P": 0x08, ".": 0x10, "U": 0x20, "E": 0x40, "W": 0x80}
"""tcpdump's letters. Source: RFC 9293 section 3.1; E and W are ECE and CWR."""
HOP_LIMIT = 64
DONT_FRAGMENT = 0x4000


@dataclass(frozen=True)
class RawSegment:
    """A segment to inject. `flags` in tcpdump's letters; `seq` and `ack` absolute."""

    source: Address
    target: Address
    flags: str
    seq: int
    ack: int = 0
    window: int = 65535
    payload: bytes = b""
    options: bytes = b""
    """TCP options as they stand in the header, a multiple of four bytes, at most 40."""


def flag_byte(flags: str) -> int:
    """The header's flags from tcpdump's letters ("none" or "": none). Raises: StepError."""
    letters = "" if flags == "none" else flags
    unknown = set(letters) - set(FLAG_BITS)
    if unknown:
        raise StepError(f"flags {flags!r}: {', '.join(sorted(unknown))} unknown; there are {' '.join(FLAG_BITS)}")
    return sum(FLAG_BITS[letter] for letter in set(letters))


def tcp_header(segment: RawSegment) -> bytes:
    """The TCP header with its checksum."""
    if len(segment.options) % 4 or len(segment.options) > 40:
        raise StepError(f"options of {len(segment.options)} bytes: a header takes a multiple of 4, at most 40")
    words = 5 + len(segment.options) // 4

    def header(check: int) -> bytes:
        fixed = struct.pack(
            "!HHIIBBHHH",
            segment.source.port,
            segment.target.port,
            segment.seq % 2**32,
            segment.ack % 2**32,
            words << 4,
            flag_byte(segment.flags),
            segment.window,
            check,
            0,
        )
        return fixed + segment.options

    return header(checksum(pseudo_header(segment, words * 4) + header(0) + segment.payload))


def pseudo_header(segment: RawSegment, header_size: int) -> bytes:
    """What the checksum covers besides the segment."""
    source, target = (ipaddress.ip_address(end.ip).packed for end in (segment.source, segment.target))
    size = header_size + len(segment.payload)
    if len(source) == 4:
        return source + target + struct.pack("!BBH", 0, socket.IPPROTO_TCP, size)
    return source + target + struct.pack("!IHBB", size, 0, 0, socket.IPPROTO_TCP)


def packet(segment: RawSegment) -> bytes:
    """The whole IP packet. Raises: StepError where the two ends are not of one family."""
    source, target = ipaddress.ip_address(segment.source.ip), ipaddress.ip_address(segment.target.ip)
    if source.version != target.version:
        raise StepError(
            f"inject {segment.source} > {segment.target}: IPv4 and IPv6 do not mix; give both of one family"
        )
    tcp = tcp_header(segment) + segment.payload
    if source.version == 4:  # RFC 791 section 3.1; raw(7): the kernel fills in the header's checksum, and an id of 0
        fixed = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, DONT_FRAGMENT, HOP_LIMIT, socket.IPPROTO_TCP, 0)
        return fixed + source.packed + target.packed + tcp
    fixed = struct.pack("!IHBB", 6 << 28, len(tcp), socket.IPPROTO_TCP, HOP_LIMIT)  # RFC 8200 section 3
    return fixed + source.packed + target.packed + tcp


def inject(segment: RawSegment) -> None:
    """Send it from this process's network namespace. Raises: StepError, OSError."""
    data = packet(segment)
    family = socket.AF_INET6 if ":" in segment.target.ip else socket.AF_INET
    with socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        raw.sendto(data, (segment.target.ip, 0))


def perform(segment: dict[str, Any], host: str, step: int) -> Call:
    """Inject a RawSegment given as JSON; its record. Raises: StepError, OSError."""
    raw = codec.decode(RawSegment, segment, "segment")
    began_ns = time.monotonic_ns()
    inject(raw)
    return Call(
        began_ns,
        time.monotonic_ns(),
        step,
        host,
        host,
        "",
        "segment",
        result={"flags": raw.flags, "seq": raw.seq % 2**32, "ack": raw.ack % 2**32, "size": len(raw.payload)},
        local=raw.source,
        remote=raw.target,
    )
