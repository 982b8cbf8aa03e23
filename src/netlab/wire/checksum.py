"""The Internet checksum, and whether a frame's are right.

Rules: pure. What was cut short, and what has no checksum that is known here, counts as right: nobody can tell.

Source: RFC 1071 section 1; RFC 9293 section 3.1 and RFC 8200 section 8.1 (pseudo headers).
"""

from __future__ import annotations

import struct

from netlab.wire.decode import ICMP, ICMPV6, IPV4, TCP, UDP, Layers

__all__ = ["checksum", "intact"]


def checksum(data: bytes) -> int:
    """The Internet checksum of these bytes: 0 where they hold their own."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def intact(data: bytes, found: Layers) -> bool:
    """Whether the checksums of a frame's IP header and of what it carries are right."""
    at = found.network
    if found.ethertype == IPV4 and checksum(data[at : at + (data[at] & 0x0F) * 4]):
        return False
    if found.transport < 0 or found.end > len(data) or found.protocol not in (TCP, UDP, ICMP, ICMPV6):
        return True
    carried = data[found.transport : found.end]
    if found.protocol == ICMP:
        return not checksum(carried)
    ends = data[at + 12 : at + 20] if found.ethertype == IPV4 else data[at + 8 : at + 40]
    return not checksum(ends + struct.pack("!II", len(carried), found.protocol) + carried)
