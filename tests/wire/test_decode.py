"""Frames into headers."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlab.records import Address
from netlab.wire.decode import Decoded, decode, flag_letters
from netlab.wire.describe import tcp_options
from netlab.wire.segments import observe
from tests.wire import frames
from tests.wire.frames import ACK, FIN, PSH, RST, SYN

SYN_OPTIONS = bytes.fromhex("020405b4 0402 080a 00000001 00000000 01 030307")
NEIGHBOUR = bytes.fromhex("87000000 00000000 fd000077000000000000000000000001")

EXAMPLES = [
    frames.segment(SYN, options=SYN_OPTIONS),
    frames.segment(PSH | ACK, payload=b"hello"),
    frames.ethernet(frames.ipv6(frames.tcp(RST), "fd00::1", "fd00::2"), 0x86DD),
    frames.ethernet(frames.ipv6(NEIGHBOUR, "fe80::1", "ff02::1:ff00:1", 58), 0x86DD),
    frames.ethernet(frames.ipv4(bytes.fromhex("0303000000000000"), protocol=1)),
    frames.ethernet(frames.ipv4(struct.pack("!HHHH", 53, 40000, 12, 0) + b"data", protocol=17)),
    frames.ethernet(bytes.fromhex("0001080006040001 02000000000a 0a4d0001 000000000000 0a4d0002"), 0x0806),
]


def text(frame: bytes) -> tuple[str, str]:
    found = decode(frame)
    assert found is not None
    return found.protocol, found.text


@pytest.mark.parametrize(
    ("bits", "letters"),
    [
        (SYN, "S"),
        (SYN | ACK, "S."),
        (ACK, "."),
        (PSH | ACK, "P."),
        (FIN | ACK, "F."),
        (FIN | PSH | ACK, "FP."),
        (RST, "R"),
        (RST | ACK, "R."),
        (0, "none"),
        (SYN | 0x40 | 0x80, "SEW"),
        (SYN | ACK | 0x40, "S.E"),
        (ACK | 0x20, ".U"),
        (FIN | SYN | RST | PSH | ACK, "FSRP."),
        (ACK | 0x100, ".e"),
    ],
)
def test_flags_have_the_letters_and_the_order_of_tcpdump(bits: int, letters: str) -> None:
    assert flag_letters(bits) == letters


def test_a_segment_is_read_with_its_ports_numbers_options_and_payload() -> None:
    found = decode(frames.segment(SYN, seq=4_000_000_000, ack=7, options=SYN_OPTIONS))
    assert found is not None and found.tcp is not None
    segment = found.tcp
    assert (segment.source, segment.target) == (Address(frames.A, 9000), Address(frames.B, 40000))
    assert (segment.flags, segment.seq, segment.ack, segment.window) == ("S", 4_000_000_000, 7, 502)
    assert segment.options == ("mss 1460", "sackOK", "TS val 1 ecr 0", "wscale 7")
    assert (segment.payload, segment.length) == (b"", 0)


def test_padding_of_a_short_ethernet_frame_is_no_payload() -> None:
    found = decode(frames.segment(ACK) + bytes(6))
    assert found is not None and found.tcp is not None and (found.tcp.payload, found.tcp.length) == (b"", 0)


def test_a_frame_that_was_cut_short_keeps_its_true_length() -> None:
    found = decode(frames.segment(PSH | ACK, payload=b"x" * 1000)[:100])
    assert found is not None and found.tcp is not None
    assert (len(found.tcp.payload), found.tcp.length) == (46, 1000)


def test_a_tag_of_802_1q_is_passed_over() -> None:
    plain = frames.segment(SYN)
    tagged = plain[:12] + bytes.fromhex("8100 0005") + plain[12:]
    assert decode(tagged) == decode(plain)


def test_extension_headers_of_ipv6_are_passed_over() -> None:
    options, fragment = bytes.fromhex("2c00 0104 0000 0000"), bytes.fromhex("0600 0000 0000 0001")
    found = decode(frames.ethernet(frames.ipv6(options + fragment + frames.tcp(RST), "fd00::1", "fd00::2", 0), 0x86DD))
    assert found is not None and found.tcp is not None and found.tcp.flags == "R"


def test_a_later_fragment_has_no_transport_header() -> None:
    fragment = bytes.fromhex("0600 0008 0000 0001")
    frame = frames.ethernet(frames.ipv6(fragment + frames.tcp(RST), "fd00::1", "fd00::2", 44), 0x86DD)
    assert decode(frame) == Decoded("ip", "fd00::1", "fd00::2", "fragment, protocol 6")


@pytest.mark.parametrize(
    ("frame", "protocol", "line"),
    [
        (EXAMPLES[3], "icmp6", "neighbor solicitation, who has fd00:77::1"),
        (EXAMPLES[4], "icmp", "destination unreachable: port"),
        (EXAMPLES[5], "udp", "port 53 > 40000, length 4"),
        (EXAMPLES[6], "arp", "who-has 10.77.0.2 tell 10.77.0.1"),
        (frames.ethernet(frames.ipv4(b"\x08\x00\x00\x00", protocol=1)), "icmp", "echo request"),
        (frames.ethernet(frames.ipv4(b"abcd", protocol=47)), "ip", "protocol 47, length 4"),
        (frames.ethernet(frames.ipv4(b"abcd")), "ip", "TCP header cut short"),
        (frames.ethernet(b"abcd", 0x88CC), "ethernet", "ethertype 0x88cc, length 4"),
    ],
)
def test_what_is_not_tcp_is_told_in_one_line(frame: bytes, protocol: str, line: str) -> None:
    assert text(frame) == (protocol, line)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("0101050a 00000001 00000005", ("sack 1 {1:5}",)),
        ("2202", ("tfo cookiereq",)),
        ("2206 deadbeef", ("tfo cookie deadbeef",)),
        ("fd04 0102", ("unknown-253 0x0102",)),
        ("0204", ("bad option",)),
        ("0200", ("bad option",)),
        ("00 020405b4", ()),
    ],
)
def test_options_are_told_in_the_words_of_tcpdump(options: str, words: tuple[str, ...]) -> None:
    assert tcp_options(bytes.fromhex(options)) == words


@settings(database=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_a_decode_or_none(data: bytes) -> None:
    found = decode(data)
    assert (found is None) == (len(data) < 14)


@settings(database=None)
@given(
    st.sampled_from(EXAMPLES),
    st.integers(0, 120),
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=8),
)
def test_a_broken_frame_gives_a_decode_or_none(frame: bytes, length: int, changes: list[tuple[int, int]]) -> None:
    data = bytearray(frame)
    for place, value in changes:
        data[place % len(data)] = value
    broken = bytes(data[:length])
    decode(broken)
    observe(frames.packets((1, "a.nic", "out", broken), (2, "b.nic", "in", broken)), {})
