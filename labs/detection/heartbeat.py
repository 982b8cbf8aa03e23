"""A client with a heartbeat, on the connection that is its standard input: heartbeat.py EVERY_MS WITHIN_MS.

Sends "ping" every EVERY_MS and wants the echo of it within WITHIN_MS. Writes to standard error: "beating" after the
first answer, and "noticed: WHY" when it gives its peer up, which is the errno, or TIMEOUT for no answer in time. Then
it aborts the connection (SO_LINGER 0), so that its kernel does not go on sending to a peer that is dead.
"""

import errno
import itertools
import socket
import struct
import sys
import time


def main(every_s: float, within_s: float) -> None:
    with socket.socket(fileno=0) as peer:
        peer.settimeout(within_s)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        for beat in itertools.count():
            began = time.monotonic()
            if why := trouble(peer):
                print(f"noticed: {why}", file=sys.stderr)
                return
            if beat == 0:
                print("beating", file=sys.stderr)
            time.sleep(max(0.0, began + every_s - time.monotonic()))


def trouble(peer: socket.socket) -> str:
    """Ask the peer once; what is wrong with it, "" where it answered."""
    try:
        peer.sendall(b"ping")
        return "" if peer.recv(4) == b"ping" else "end of file"
    except OSError as error:
        return errno.errorcode[error.errno] if error.errno else "TIMEOUT"


if __name__ == "__main__":
    main(int(sys.argv[1]) / 1000, int(sys.argv[2]) / 1000)
