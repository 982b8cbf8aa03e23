"""Raw segments: headers and checksums, against a second computation."""

from __future__ import annotations

import ipaddress
import struct

import pytest

from netlab.agent.segments import RawSegment, flag_byte, packet
from netlab.errors import StepError
from netlab.records import Address
from netlab.wire import decode
from netlab.wire.checksum import checksum


def raw(**more: object) -> RawSegment:
    fields = {"source": Address("10.0.0.1", 1000), "target": Address("10.0.0.2", 80), "flags": "P.", "seq": 1, "ack": 2}
    return RawSegment(**{**fields, **more})  # type: ignore[arg-type]


def test_the_checksum_of_rfc_1071() -> None:
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2
    assert checksum(b"") == 0xFFFF


@pytest.mark.parametrize("payload", [b"", b"odd", b"even"])
@pytest.mark.parametrize("ips", [("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2")])
def test_a_packet_sums_up_to_zero_and_decodes_to_what_was_asked(payload: bytes, ips: tuple[str, str]) -> None:
    segment = raw(source=Address(ips[0], 1000), target=Address(ips[1], 80), payload=payload, seq=2**32 - 1)
    data = packet(segment)
    header = 40 if ":" in ips[0] else 20
    tcp = data[header:]
    ends = b"".join(ipaddress.ip_address(ip).packed for ip in ips)
    assert checksum(ends + struct.pack("!II", len(tcp), 6) + tcp) == 0
    ethernet = bytes(12) + (b"\x86\xdd" if ":" in ips[0] else b"\x08\x00")
    if header == 20:
        data = data[:2] + struct.pack("!H", len(data)) + data[4:]  # as the kernel fills it in
    found = decode.decode(ethernet + data)
    assert found is not None and found.tcp is not None
    assert (found.tcp.source, found.tcp.target, found.tcp.flags) == (segment.source, segment.target, "P.")
    assert (found.tcp.seq, found.tcp.ack, found.tcp.payload) == (2**32 - 1, 2, payload)


def test_flags_are_tcpdumps_letters() -> None:
    assert (flag_byte("S."), flag_byte("none"), flag_byte("R")) == (0x12, 0, 4)
    with pytest.raises(StepError, match=r"flags 'SX': X unknown; there are F S R P \. U E W"):
        flag_byte("SX")


def test_ends_of_two_families_are_refused() -> None:
    with pytest.raises(StepError, match="IPv4 and IPv6 do not mix"):
        packet(raw(target=Address("fd00::1", 80)))
