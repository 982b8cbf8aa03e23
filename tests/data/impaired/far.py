"""Notes every frame of near.py as it arrives, and prints on the line "report" what came, by the names of its sendings;
before that, "last NAME" as a sending's last frame comes.

For each: the numbers in the order of their arrival, when each came (µs since the first was sent) and how long it was
under way; and how many frames came corrupted, which belong to no name any more.
"""

import json
import select
import socket
import struct
import sys
import zlib

PROTOCOL, ETH_P_ALL, OUTGOING = 0x88B5, 3, 4
SO_RCVBUFFORCE, SO_TIMESTAMPNS = 33, 35

came: dict[str, list[tuple[int, int, int]]] = {}
corrupted = 0


def note(data: bytes, at_ns: int) -> None:
    global corrupted
    if data[:14] != bytes.fromhex("02000000000b02000000000a88b5") and b"\x55" * 12 not in data:
        return  # nothing of ours
    if zlib.crc32(data[:-4]) != struct.unpack(">I", data[-4:])[0]:
        corrupted += 1
        return
    _, word, number, count, sent_ns = struct.unpack_from(">H8sIIQ", data, 12)
    name = word.rstrip(b"\0").decode()
    came.setdefault(name, []).append((number, sent_ns, at_ns))
    if number == count - 1:
        print("last", name, flush=True)


def report() -> None:
    for name, frames in came.items():
        first = min(sent for _, sent, _ in frames)
        columns = {
            "numbers": [number for number, _, _ in frames],
            "at_us": [(at - first) // 1000 for _, _, at in frames],
            "under_way_us": [(at - sent) // 1000 for _, sent, at in frames],
        }
        for column, values in columns.items():
            for start in range(0, len(values), 5000):  # a line has its limits
                print(json.dumps({"name": name, column: values[start : start + 5000]}), flush=True)
    print(json.dumps({"corrupted": corrupted}), flush=True)
    print("done", flush=True)


wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
wire.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
wire.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
wire.bind(("eth0", ETH_P_ALL))
print("ready", flush=True)
while True:
    readable, _, _ = select.select([wire, sys.stdin], [], [])
    if wire in readable:
        data, extra, _, where = wire.recvmsg(65536, 64)
        seconds, nanoseconds = struct.unpack("ll", extra[0][2])
        if where[2] != OUTGOING:
            note(data, seconds * 10**9 + nanoseconds)
    elif not sys.stdin.readline():
        break
    else:
        report()
