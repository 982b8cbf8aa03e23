"""Turning a NIC's offloads off, so that captured frames are what a wire would carry.

With transmit checksumming left to the peer, a captured segment holds half a checksum, which Wireshark and tshark
rightly call bad; with segmentation left to it, a frame of 64 kB. Without checksumming the kernel drops TSO too
(`netdev_fix_features` in net/core/dev.c) and cuts segments itself before any capture sees them (`validate_xmit_skb`).

Source: ETHTOOL_STXCSUM in include/uapi/linux/ethtool.h, SIOCETHTOOL in netdevice(7). Any socket will do for the ioctl,
the NETLINK_ROUTE socket too: what a socket family does not know goes to the device (`sock_do_ioctl` in net/socket.c).
"""

from __future__ import annotations

import fcntl
import struct
from array import array

from netlab.kernel.namespaces import Namespace
from netlab.kernel.netlink import os_error

SIOCETHTOOL = 0x8946
ETHTOOL_GTXCSUM, ETHTOOL_STXCSUM = 0x16, 0x17


def disable(namespace: Namespace, ifname: str) -> None:
    """Have the kernel compute checksums and cut segments before frames leave this NIC. Raises: KernelError."""
    _ethtool(namespace, ifname, ETHTOOL_STXCSUM, 0)


def enabled(namespace: Namespace, ifname: str) -> bool:
    """Whether checksums (and with them segmentation) are left to the device. Raises: KernelError."""
    return bool(_ethtool(namespace, ifname, ETHTOOL_GTXCSUM, 0))


def _ethtool(namespace: Namespace, ifname: str, command: int, data: int) -> int:
    """One "struct ethtool_value": its data afterwards."""
    value = array("I", (command, data))
    request = struct.pack("16sP16x", ifname.encode(), value.buffer_info()[0])
    try:
        fcntl.ioctl(namespace.route.fileno(), SIOCETHTOOL, request)
    except OSError as error:
        raise os_error(f"read or set the offloads of {ifname}", namespace.name, error) from error
    return value[1]
