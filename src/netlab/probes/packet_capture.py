"""Whether the wire can be watched: a memory-mapped AF_PACKET ring in a fresh namespace."""

from __future__ import annotations

import struct

from netlab.probes import Finding, Probe
from netlab.probes._trial import enter, in_child, why

SOL_PACKET, PACKET_RX_RING, PACKET_VERSION, TPACKET_V3 = 263, 5, 10, 2
"""Source: packet(7); include/uapi/linux/if_packet.h."""
BLOCK = 1 << 16


class PacketCapture(Probe):
    """Opens a TPACKET_V3 ring of one block and maps it."""

    question = "Can packets be captured?"
    group = "every lab"
    required = True

    def probe(self) -> Finding:
        """Open it in a child, in a namespace of its own."""
        return in_child(_capture)


def _capture() -> Finding:
    import mmap
    import socket

    from netlab.agent.process import CLONE_NEWNET
    from netlab.probes import _remedies

    try:
        enter(CLONE_NEWNET)
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sock:
            sock.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V3)
            # struct tpacket_req3: block size, blocks, frame size, frames, retire timeout (ms), private size, features
            sock.setsockopt(SOL_PACKET, PACKET_RX_RING, struct.pack("=7I", BLOCK, 1, 2048, BLOCK // 2048, 10, 0, 0))
            mmap.mmap(sock.fileno(), BLOCK).close()
    except OSError as error:
        remedy = "the kernel needs CONFIG_PACKET (modprobe af_packet); if namespaces are refused: {}"
        return Finding("no", why(error), remedy.format(_remedies.for_namespaces()))
    return Finding("yes", "AF_PACKET with a memory-mapped ring (TPACKET_V3)")
