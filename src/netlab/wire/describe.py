"""A frame that is not TCP, in one line, in tcpdump's words; and TCP's options.

Rules: each function takes the frame and the offset of its header, reads no further than there are bytes, and returns
an empty text where there are too few.

Source: RFC 826 (ARP), RFC 792 and RFC 1122 section 3.2.2.1 (ICMP), RFC 4443 (ICMPv6), RFC 4861 (neighbour discovery),
RFC 2710 and RFC 9777 (MLD); TCP options: RFC 9293 section 3.2, RFC 7323, RFC 2018, RFC 2385, RFC 7413.
"""

from __future__ import annotations

import struct
from socket import AF_INET, AF_INET6, inet_ntop

__all__ = ["arp", "icmp", "icmp6", "tcp_options", "udp"]

_ICMP = {
    0: "echo reply",
    3: "destination unreachable",
    4: "source quench",
    5: "redirect",
    8: "echo request",
    9: "router advertisement",
    10: "router solicitation",
    11: "time exceeded",
    12: "parameter problem",
}
_ICMP_UNREACHABLE = {
    0: "net",
    1: "host",
    2: "protocol",
    3: "port",
    4: "fragmentation needed",
    5: "source route failed",
    9: "net prohibited",
    10: "host prohibited",
    13: "administratively prohibited",
}
_TIME_EXCEEDED = {0: "in transit", 1: "reassembly"}
_ICMP6 = {
    1: "destination unreachable",
    2: "packet too big",
    3: "time exceeded",
    4: "parameter problem",
    128: "echo request",
    129: "echo reply",
    130: "multicast listener query",
    131: "multicast listener report",
    132: "multicast listener done",
    133: "router solicitation",
    134: "router advertisement",
    135: "neighbor solicitation",
    136: "neighbor advertisement",
    137: "redirect",
    143: "multicast listener report v2",
}
_ICMP6_UNREACHABLE = {
    0: "no route",
    1: "administratively prohibited",
    2: "beyond scope",
    3: "address",
    4: "port",
    5: "source address failed policy",
    6: "reject route",
}


def arp(data: bytes, at: int) -> tuple[str | None, str | None, str]:
    """Sender and target address of an ARP packet for IPv4 over Ethernet, and its line."""
    body = data[at : at + 28]
    if len(body) < 28 or body[:6] != b"\x00\x01\x08\x00\x06\x04":
        return None, None, "arp, not for IPv4 over Ethernet, or cut short"
    operation = int.from_bytes(body[6:8], "big")
    sender, target = inet_ntop(AF_INET, body[14:18]), inet_ntop(AF_INET, body[24:28])
    if operation == 1:
        return sender, target, f"who-has {target} tell {sender}"
    if operation == 2:
        return sender, target, f"{sender} is-at {body[8:14].hex(':')}"
    return sender, target, f"arp operation {operation}"


def udp(data: bytes, at: int, end: int) -> str:
    """Ports and payload length."""
    if len(data) < at + 8:
        return ""
    source, target, length = struct.unpack_from("!HHH", data, at)
    return f"port {source} > {target}, length {max(length - 8, 0)}"


def icmp(data: bytes, at: int, end: int) -> str:
    """Type, and the code where it says more."""
    if len(data) < at + 4:
        return ""
    kind, code = data[at], data[at + 1]
    codes = {3: _ICMP_UNREACHABLE, 11: _TIME_EXCEEDED}.get(kind)
    return _name(_ICMP, kind, codes, code)


def icmp6(data: bytes, at: int, end: int) -> str:
    """Type, the code where it says more, and whom neighbour discovery asks for."""
    if len(data) < at + 4:
        return ""
    kind, code = data[at], data[at + 1]
    codes = {1: _ICMP6_UNREACHABLE, 3: _TIME_EXCEEDED}.get(kind)
    text = _name(_ICMP6, kind, codes, code)
    if kind in (135, 136) and len(data) >= at + 24:
        who = inet_ntop(AF_INET6, data[at + 8 : at + 24])
        return f"{text}, {'who has' if kind == 135 else 'tgt is'} {who}"
    return text


def _name(kinds: dict[int, str], kind: int, codes: dict[int, str] | None, code: int) -> str:
    text = kinds.get(kind, f"type {kind}")
    return f"{text}: {codes.get(code, f'code {code}')}" if codes else text


def tcp_options(options: bytes) -> tuple[str, ...]:
    """TCP options in tcpdump's words; padding (nop, eol) is left out."""
    found = []
    at = 0
    while at < len(options) and options[at]:
        kind = options[at]
        if kind == 1:
            at += 1
            continue
        size = options[at + 1] if at + 1 < len(options) else 0
        if size < 2 or at + size > len(options):
            found.append("bad option")
            break
        found.append(_option(kind, options[at + 2 : at + size]))
        at += size
    return tuple(found)


def _option(kind: int, value: bytes) -> str:
    number = int.from_bytes(value, "big")
    if kind == 2 and len(value) == 2:
        return f"mss {number}"
    if kind == 3 and len(value) == 1:
        return f"wscale {number}"
    if kind == 4:
        return "sackOK"
    if kind == 5 and value and len(value) % 8 == 0:
        edges = struct.unpack(f"!{len(value) // 4}I", value)
        blocks = "".join(f"{{{left}:{right}}}" for left, right in zip(edges[::2], edges[1::2]))
        return f"sack {len(value) // 8} {blocks}"
    if kind == 8 and len(value) == 8:
        return "TS val {} ecr {}".format(*struct.unpack("!II", value))
    if kind == 19:
        return f"md5 {value.hex()}"
    if kind == 34:
        return f"tfo cookie {value.hex()}" if value else "tfo cookiereq"
    return f"unknown-{kind} 0x{value.hex()}" if value else f"unknown-{kind}"
