"""A small lab to strike: two hosts on a switch, connected, over both families."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import netlab
from netlab.api import OpenLab
from netlab.records import SocketInfo

DEFINITION: dict[str, Any] = {
    "name": "struck",
    "title": "A lab for the tests of faults",
    "hosts": {
        "server": {
            "nics": {"eth0": {"ip": ["10.9.0.1/24", "fd09::1/64"], "mac": "02:00:00:00:09:01"}},
            "neighbours": ["client.eth0"],
            "routes": [{"to": "10.99.0.0/16", "via": "10.9.0.2"}, {"to": "fd99::/32", "via": "fd09::2"}],
            "sysctls": {"net.ipv4.conf.eth0.arp_ignore": "2"},
            "programs": {"sleeper": {"argv": ["sleep", "1000"]}},
        },
        "client": {"nics": {"eth0": {"ip": ["10.9.0.2/24", "fd09::2/64"], "mac": "02:00:00:00:09:02"}}},
    },
    "switches": {"switch": ["server.eth0", "client.eth0"]},
    "parameters": {"family": "ipv4"},
    "family": "${family}",
}


@contextmanager
def connected(folder: Path, family: str = "ipv4") -> Iterator[OpenLab]:
    """The lab, with a connection from client to server that has carried "hello"."""
    with netlab.open(DEFINITION, parameters={"family": family}, out=folder) as lab:
        lab.do({"server": {"listen": 9000}})
        lab.do({"client": {"connect": "server:9000"}})
        lab.do({"server": {"accept": {}}})
        say(lab, "hello")
        yield lab


def say(lab: OpenLab, text: str) -> None:
    """Send from client to server, and see it arrive."""
    lab.do({"client": {"send": text}})
    call = lab.do({"server": {"receive": text}})
    assert call is not None and call.result.get("bytes") == text, call


def connections(lab: OpenLab, host: str) -> list[SocketInfo]:
    """A host's sockets but its listeners."""
    return [row for row in lab.look()[host].sockets if row.state != "LISTEN"]
