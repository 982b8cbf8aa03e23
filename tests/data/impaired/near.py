"""Sends what it is told to, line by line: numbered frames of a protocol of its own, or pings that a kernel answers.

    send NAME COUNT SIZE GAP_MS     frames to the far end, each with its number and when it was sent
    ping NAME COUNT GAP_MS          ICMP echoes; prints their round trips

The frames are no IP: nothing answers them, no checksum loses the corrupted ones, and each ends with its own CRC.
"""

import json
import pathlib
import socket
import struct
import sys
import time
import zlib

FAR, NEAR, PROTOCOL = bytes.fromhex("02000000000b"), bytes.fromhex("02000000000a"), 0x88B5
"""The protocol number is one that IEEE 802 gives for experiments."""
ADDRESS = "10.77.0.2"
SO_TIMESTAMPNS = 35


def frame(name: str, number: int, count: int, size: int) -> bytes:
    head = FAR + NEAR + struct.pack(">H8sIIQ", PROTOCOL, name.encode(), number, count, time.time_ns())
    body = head.ljust(size - 4, b"\x55")
    return body + struct.pack(">I", zlib.crc32(body))


def send(name: str, count: int, size: int, gap_s: float) -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind(("eth0", 0))
        for number in range(count):
            wire.send(frame(name, number, count, size))
            if gap_s:
                time.sleep(gap_s)
    while any(int(line.split()[11], 16) for line in pathlib.Path("/proc/net/softnet_stat").read_text().splitlines()):
        time.sleep(0.001)  # frames wait for a processor before they come to the impaired cable (net/core/net-procfs.c)
    print("sent", name, flush=True)


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ping(name: str, count: int, gap_s: float) -> None:
    trips = []
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as wire:
        wire.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        wire.settimeout(5)
        for number in range(count):
            head = struct.pack(">BBHHH", 8, 0, 0, 77, number)
            echo = head[:2] + struct.pack(">H", checksum(head)) + head[4:]
            begin = time.time_ns()
            wire.sendto(echo, (ADDRESS, 0))
            while True:
                data, extra, _, _ = wire.recvmsg(2048, 64)
                if data[20:21] == b"\0" and data[24:28] == head[4:]:
                    break
            seconds, nanoseconds = struct.unpack("ll", extra[0][2])
            trips.append(seconds * 10**9 + nanoseconds - begin)
            time.sleep(gap_s)
    print(json.dumps({"name": name, "round_trips_ns": trips}), flush=True)
    print("sent", name, flush=True)


print("ready", flush=True)
for line in sys.stdin:
    word, name, *numbers = line.split()
    if word == "send":
        send(name, int(numbers[0]), int(numbers[1]), float(numbers[2]) / 1000)
    else:
        ping(name, int(numbers[0]), float(numbers[1]) / 1000)
