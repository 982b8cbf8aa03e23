"""The Internet checksum, and whether a frame's are right."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.agent.segments import RawSegment, packet
from netlab.records import Address
from netlab.wire.checksum import checksum, intact
from netlab.wire.decode import layers
from tests.wire.frames import ethernet

ENDS = {"ipv4": ("10.0.0.1", "10.0.0.2"), "ipv6": ("fd00::1", "fd00::2")}


def frame(family: str, payload: bytes) -> bytes:
    """A segment as `segment` injects it: its TCP checksum is right; the IPv4 header's, the kernel's to fill in, too."""
    source, target = ENDS[family]
    data = packet(RawSegment(Address(source, 1), Address(target, 2), "P.", 7, 8, payload=payload))
    if family == "ipv6":
        return ethernet(data, 0x86DD)
    return ethernet(data[:10] + struct.pack("!H", checksum(data[:20])) + data[12:])


def right(data: bytes) -> bool:
    found = layers(data)
    assert found is not None
    return intact(data, found)


@pytest.mark.parametrize("family", ENDS)
@given(payload=st.binary(max_size=40), place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_one_turned_bit_of_a_segment_is_seen(family: str, payload: bytes, place: int, bit: int) -> None:
    data = bytearray(frame(family, payload))
    assert right(bytes(data))
    begin = 14 if family == "ipv4" else 14 + 40
    at = begin + place % (len(data) - begin)
    data[at] ^= 1 << bit
    found = layers(bytes(data))
    readable = found is not None and found.protocol == socket.IPPROTO_TCP and 0 < found.end <= len(data)
    assert not readable or found.end != len(data) or not right(bytes(data))  # type: ignore[union-attr]


def test_what_was_cut_short_counts_as_right() -> None:
    assert right(frame("ipv6", b"hello")[:-1])
