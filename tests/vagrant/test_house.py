"""The house leaves the machine as it was, while it stands and whatever becomes of it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tests.vagrant.house import House, host

STANDING = """
import sys, time
from pathlib import Path
from tests.vagrant.house import House
house = House(Path(sys.argv[1]))
print(house.init, flush=True)
sys.stdin.read()
"""


NETWORK = """\
<network>
  <name>trial</name>
  <forward mode='nat'/>
  <ip address='192.168.199.1' netmask='255.255.255.0'/>
</network>
"""


def alive_in(namespace: str) -> list[str]:
    """The processes in this PID namespace."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str((process / "ns/pid").readlink()) == namespace:
                found.append(process.name)
        except OSError:  # it has just ended
            continue
    return found


def test_libvirt_network_is_not_the_hosts(house: House, tmp_path: Path) -> None:
    before = host()
    (tmp_path / "network.xml").write_text(NETWORK)
    house.run("virsh", "-c", "qemu:///system", "net-create", tmp_path / "network.xml")
    assert "192.168.199.1" in house.run("ip", "address").stdout
    assert house.run("cat", "/proc/sys/net/ipv4/ip_forward").stdout == "1\n"
    assert "LIBVIRT" in house.run("iptables-save").stdout
    assert host() == before
    house.run("virsh", "-c", "qemu:///system", "net-destroy", "trial")


def test_killed_house_leaves_no_process(house: House, tmp_path: Path) -> None:
    child = subprocess.Popen(
        (sys.executable, "-c", STANDING, str(tmp_path)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert child.stdout
    namespace = str(Path(f"/proc/{int(child.stdout.readline())}/ns/pid").readlink())
    assert len(alive_in(namespace)) >= 2  # PID 1 and libvirtd
    child.kill()
    child.communicate()
    deadline = time.monotonic() + 10
    while alive := alive_in(namespace):
        assert time.monotonic() < deadline, alive
        time.sleep(0.02)
