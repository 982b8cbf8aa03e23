"""One frame's headers, from Ethernet to TCP.

Rules: any bytes give a Decoded or None, never an exception: frames are cut short by the snap length, sent raw by a
step, or simply wrong. What does not fit is decoded as far down as it fits. Lengths are what the headers say, payloads
what was captured. Flags and options are written as tcpdump writes them.

Source: RFC 9293 section 3.1 (TCP), RFC 791, RFC 8200 (IPv6 and its extension headers), IEEE 802.1Q; print-tcp.c of
tcpdump for the order of its letters.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from socket import AF_INET, AF_INET6, inet_ntop
from typing import NamedTuple

from netlab.records import Address
from netlab.wire import describe

__all__ = ["Decoded", "Layers", "Tcp", "decode", "flag_letters", "layers"]

ARP, IPV4, IPV6 = 0x0806, 0x0800, 0x86DD
VLAN_TYPES = (0x8100, 0x88A8)
TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58

FLAG_LETTERS = "FSRP.UEWe"
"""tcpdump's order, which is also the bits' from the lowest: FIN SYN RST PSH ACK URG ECE CWR AE."""

_TCP = struct.Struct("!HHIIHHHH")
_U16 = struct.Struct("!H")
_IPV4 = struct.Struct("!BxHxxHxB")
"""Version and header length, total length, fragment offset, protocol."""

_EXTENSIONS = frozenset((0, 43, 60, 135, 139, 140))
"""IPv6 extension headers with their length in 8 octets, the first not counted (RFC 6564)."""
_FRAGMENT, _AUTHENTICATION = 44, 51


class Layers(NamedTuple):
    """Where the headers of a frame lie."""

    ethertype: int
    network: int
    """Offset of what follows the Ethernet header."""
    protocol: int = -1
    """IP protocol number of the transport header; -1 where there is no IP."""
    transport: int = -1
    """Offset of the transport header; -1 where there is none to be read (no IP, a later fragment)."""
    end: int = 0
    """Where the IP packet ends, by its own length: may lie behind the captured bytes."""


class Tcp(NamedTuple):
    """A TCP segment's header and payload."""

    source: Address
    target: Address
    flags: str
    seq: int
    ack: int
    window: int
    options: tuple[str, ...]
    payload: bytes
    """As far as it was captured."""
    length: int
    """Of the whole payload."""


class Decoded(NamedTuple):
    """A frame as far as it could be read."""

    protocol: str
    """"tcp", "udp", "arp", "icmp", "icmp6", "ip" or "ethernet"."""
    source: str | None = None
    """Address of the sender (of ARP: the sender's protocol address)."""
    target: str | None = None
    text: str = ""
    """In one line; empty for TCP."""
    tcp: Tcp | None = None


def decode(data: bytes) -> Decoded | None:
    """Read a frame that begins with its Ethernet header; None where even that is cut short."""
    found = layers(data)
    if found is None:
        return None
    if found.ethertype == ARP:
        return Decoded("arp", *describe.arp(data, found.network))
    if found.protocol < 0:
        return Decoded("ethernet", text=f"ethertype 0x{found.ethertype:04x}, length {len(data) - found.network}")
    source, target = addresses(data, found)
    if found.transport < 0:
        return Decoded("ip", source, target, f"fragment, protocol {found.protocol}")
    if found.protocol == TCP:
        segment = tcp(data, found, source, target)
        return Decoded("tcp", source, target, tcp=segment) if segment else _cut(source, target, "TCP")
    describer = _DESCRIBERS.get(found.protocol)
    if describer is None:
        text = f"protocol {found.protocol}, length {max(found.end - found.transport, 0)}"
        return Decoded("ip", source, target, text)
    protocol, write = describer
    line = write(data, found.transport, found.end)
    return Decoded(protocol, source, target, line) if line else _cut(source, target, protocol)


def layers(data: bytes) -> Layers | None:
    """Find the headers of a frame; None where it is shorter than an Ethernet header."""
    if len(data) < 14:
        return None
    at = 12
    (ethertype,) = _U16.unpack_from(data, at)
    while ethertype in VLAN_TYPES and len(data) >= at + 6:
        at += 4
        (ethertype,) = _U16.unpack_from(data, at)
    network = at + 2
    if ethertype == IPV4 and len(data) >= network + 20 and data[network] >> 4 == 4:
        return _ipv4(data, network)
    if ethertype == IPV6 and len(data) >= network + 40 and data[network] >> 4 == 6:
        return _ipv6(data, network)
    return Layers(ethertype, network)


def _ipv4(data: bytes, network: int) -> Layers:
    version, total, fragment, protocol = _IPV4.unpack_from(data, network)
    header = (version & 0x0F) * 4
    transport = network + header if header >= 20 and not fragment & 0x1FFF else -1
    # A total length of 0 is what the kernel writes on frames that segmentation offload left over 64 KiB long.
    return Layers(IPV4, network, protocol, transport, network + total if total else len(data))


def _ipv6(data: bytes, network: int) -> Layers:
    length = _U16.unpack_from(data, network + 4)[0]
    end = network + 40 + length if length else len(data)
    protocol, at = data[network + 6], network + 40
    while len(data) >= at + 8:
        if protocol in _EXTENSIONS:
            size = (data[at + 1] + 1) * 8
        elif protocol == _AUTHENTICATION:
            size = (data[at + 1] + 2) * 4
        elif protocol == _FRAGMENT:
            if _U16.unpack_from(data, at + 2)[0] & 0xFFF8:
                return Layers(IPV6, network, data[at], -1, end)
            size = 8
        else:
            break
        protocol, at = data[at], at + size
    return Layers(IPV6, network, protocol, at, end)


def addresses(data: bytes, found: Layers) -> tuple[str, str]:
    """Source and destination of an IP packet, as text."""
    at = found.network
    if found.ethertype == IPV4:
        return ip_text(data[at + 12 : at + 16]), ip_text(data[at + 16 : at + 20])
    return ip_text(data[at + 8 : at + 24]), ip_text(data[at + 24 : at + 40])


@lru_cache(maxsize=4096)
def ip_text(packed: bytes) -> str:
    """An address of 4 or 16 bytes as text."""
    return inet_ntop(AF_INET if len(packed) == 4 else AF_INET6, packed)


@lru_cache(maxsize=512)
def flag_letters(bits: int) -> str:
    """tcpdump's letters for the flag bits of a TCP header: 0x12 gives "S."."""
    return "".join(letter for place, letter in enumerate(FLAG_LETTERS) if bits & 1 << place) or "none"


def tcp(data: bytes, found: Layers, source: str, target: str) -> Tcp | None:
    """The TCP segment of a frame; None where its fixed header was not captured whole."""
    at = found.transport
    if len(data) < at + 20:
        return None
    source_port, target_port, seq, ack, bits, window, _, _ = _TCP.unpack_from(data, at)
    header = max((bits >> 12) * 4, 20)
    return Tcp(
        Address(source, source_port),
        Address(target, target_port),
        flag_letters(bits & 0x1FF),
        seq,
        ack,
        window,
        describe.tcp_options(data[at + 20 : min(at + header, found.end)]),
        data[at + header : max(found.end, at + header)],
        max(found.end - at - header, 0),
    )


def _cut(source: str, target: str, noun: str) -> Decoded:
    return Decoded("ip", source, target, f"{noun} header cut short")


_DESCRIBERS: dict[int, tuple[str, Callable[[bytes, int, int], str]]] = {
    UDP: ("udp", describe.udp),
    ICMP: ("icmp", describe.icmp),
    ICMPV6: ("icmp6", describe.icmp6),
}
