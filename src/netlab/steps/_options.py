"""Socket options by name, for the actions that set or get them.

Rules: a closed list, so that the schema offers it and a typing error is found before the run. A value is a whole
number, but for SO_LINGER (seconds to linger, -1 for off) and TCP_CONGESTION (a name).
Source: socket(7), tcp(7), ip(7), ipv6(7).
"""

from __future__ import annotations

import socket
import struct
from typing import Literal, Union, get_args

OptionName = Literal[
    "SO_ERROR",
    "SO_KEEPALIVE",
    "SO_LINGER",
    "SO_OOBINLINE",
    "SO_PRIORITY",
    "SO_RCVBUF",
    "SO_RCVLOWAT",
    "SO_REUSEADDR",
    "SO_REUSEPORT",
    "SO_SNDBUF",
    "TCP_CONGESTION",
    "TCP_CORK",
    "TCP_DEFER_ACCEPT",
    "TCP_FASTOPEN",
    "TCP_KEEPCNT",
    "TCP_KEEPIDLE",
    "TCP_KEEPINTVL",
    "TCP_LINGER2",
    "TCP_MAXSEG",
    "TCP_NODELAY",
    "TCP_NOTSENT_LOWAT",
    "TCP_QUICKACK",
    "TCP_SYNCNT",
    "TCP_USER_TIMEOUT",
    "TCP_WINDOW_CLAMP",
    "IP_RECVERR",
    "IP_TOS",
    "IP_TTL",
    "IPV6_TCLASS",
    "IPV6_UNICAST_HOPS",
]
OptionValue = Union[int, str]

OPTIONS: tuple[str, ...] = get_args(OptionName)
LEVELS = {"SO": "SOL_SOCKET", "TCP": "IPPROTO_TCP", "IP": "IPPROTO_IP", "IPV6": "IPPROTO_IPV6"}
WITHOUT_NAME = {"IP_RECVERR": 11}
"""Options that Python's socket module has no name for. Source: include/uapi/linux/in.h."""
LINGER = struct.Struct("ii")
"""struct linger { int l_onoff; int l_linger; }. Source: socket(7)."""
CONGESTION_NAME_SIZE = 16
"""Source: include/net/tcp.h, TCP_CA_NAME_MAX."""


def _number(name: str) -> tuple[int, int]:
    level: int = getattr(socket, LEVELS[name.partition("_")[0]])
    number: int = WITHOUT_NAME.get(name) or getattr(socket, name)
    return level, number


def set_option(sock: socket.socket, name: str, value: OptionValue) -> None:
    """setsockopt(2). Raises: OSError as the call does."""
    level, number = _number(name)
    if name == "SO_LINGER":
        sock.setsockopt(level, number, LINGER.pack(int(value) >= 0, max(int(value), 0)))
    elif isinstance(value, str):
        sock.setsockopt(level, number, value.encode())
    else:
        sock.setsockopt(level, number, value)


def get_option(sock: socket.socket, name: str) -> OptionValue:
    """getsockopt(2). Raises: OSError as the call does."""
    level, number = _number(name)
    if name == "SO_LINGER":
        on, seconds = LINGER.unpack(sock.getsockopt(level, number, LINGER.size))
        return int(seconds) if on else -1
    if name == "TCP_CONGESTION":
        return sock.getsockopt(level, number, CONGESTION_NAME_SIZE).rstrip(b"\0").decode()
    return sock.getsockopt(level, number)
