"""N hosts on one switch with Mininet (LinuxBridge, no controller): the JSON line of ip_batch.sh.

IPv6 is set as netlab sets it: off on the switch side, without link-local addresses on the hosts' side (the hosts' own
namespaces are entered for that, 30 µs each). Run it with the Python that Mininet is installed for, as root, in
namespaces of its own.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import time
from pathlib import Path

from mininet.net import Mininet
from mininet.node import Host
from mininet.nodelib import LinuxBridge
from mininet.topo import Topo

CLONE_NEWNET = 0x4000_0000
libc = ctypes.CDLL(None, use_errno=True)


class QuietHost(Host):
    """A host whose NIC makes no link-local address by itself."""

    def startShell(self, *args: object, **named: object) -> None:
        super().startShell(*args, **named)
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        inside = os.open(f"/proc/{self.pid}/ns/net", os.O_RDONLY)
        if libc.setns(inside, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        Path("/proc/sys/net/ipv6/conf/default/addr_gen_mode").write_text("1")
        libc.setns(home, CLONE_NEWNET)
        os.close(home)
        os.close(inside)


class OneSwitch(Topo):
    """Every host on one switch."""

    def build(self, hosts: int) -> None:
        switch = self.addSwitch("s1")
        for number in range(hosts):
            name = f"h{number}"
            self.addHost(name, ip=f"10.0.{number // 250}.{number % 250 + 1}/16")
            self.addLink(name, switch)


def main(hosts: int) -> None:
    Path("/proc/sys/net/ipv6/conf/default/disable_ipv6").write_text("1")
    began = time.time_ns()
    net = Mininet(OneSwitch(hosts), switch=LinuxBridge, host=QuietHost, controller=None, waitConnected=False)
    net.start()
    built = time.time_ns()
    net.stop()
    ended = time.time_ns()
    print(json.dumps({"build_ns": built - began, "teardown_ns": ended - built, "teardown_began_ns": built}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
