"""Does the wire's witness hold 200,000 packets a second for 10 seconds without a drop? And what do its rings cost?

    python benchmarks/capture.py [--rate 200000] [--seconds 10] [--runs 1] [--ring BYTES] [--json]

A generator sends the smallest UDP datagrams (as raw frames, by sendmmsg, paced) across a veth pair, to a MAC address
that is nobody's, so that no time goes into receiving them; each is captured where it leaves and where it arrives. It
passes when the kernel dropped nothing and the capture file holds, at both ends, as many as the generator sent, at the
rate that was asked for. Rings: the time until 3, 20 and 100 namespaces are watched, and until their rings are closed.
Needs no root where unprivileged user namespaces are allowed. Exit status 1 where it did not pass.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import itertools
import json
import os
import resource
import socket
import struct
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from netlab.agent.capture import Capture, CapturePoints  # noqa: E402
from netlab.kernel import links, namespaces  # noqa: E402
from netlab.kernel.namespaces import Namespace  # noqa: E402
from netlab.wire import pcapng  # noqa: E402
from netlab.wire.segments import Observer  # noqa: E402
from netlab.wire.spool import Spool  # noqa: E402
from tests.sandbox import sandboxed  # noqa: E402

PORT, BATCH, SENDERS = 9, 64, 2
"""Discard; frames in one system call; threads that send: one CPU alone may not bring 200,000 a second across a veth."""
NAMESPACES = (3, 20, 100)


class IoVec(ctypes.Structure):
    """struct iovec. Source: readv(2)."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class MsgHdr(ctypes.Structure):
    """struct mmsghdr: struct msghdr and the length that was sent. Source: sendmmsg(2)."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint),
        ("vectors", ctypes.POINTER(IoVec)),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
        ("sent", ctypes.c_uint),
    )


def generate(sender: socket.socket, rate: float, seconds: float) -> int:
    """Send datagrams at an even pace; how many the kernel took."""
    libc = ctypes.CDLL(None, use_errno=True)
    frame = datagram()
    buffer = ctypes.create_string_buffer(frame, len(frame))
    vector = IoVec(ctypes.addressof(buffer), len(frame))
    messages = (MsgHdr * BATCH)(*(MsgHdr(vectors=ctypes.pointer(vector), vector_count=1) for _ in range(BATCH)))
    fd, sent, wanted = sender.fileno(), 0, int(rate * seconds)
    begin = time.perf_counter()
    while sent < wanted:
        due = begin + sent / rate
        while (ahead := due - time.perf_counter()) > 0:
            time.sleep(ahead)
        sent += max(libc.sendmmsg(fd, messages, min(BATCH, wanted - sent), 0), 0)
    return sent


def datagram() -> bytes:
    """A UDP datagram of 18 bytes in the smallest Ethernet frame, 60 bytes long."""
    ethernet = bytes.fromhex("0200000000ff 020000000001 0800")
    addresses = socket.inet_aton("10.0.0.1") + socket.inet_aton("10.0.0.2")
    ipv4 = struct.pack("!BBHHHBBH", 0x45, 0, 46, 1, 0, 64, socket.IPPROTO_UDP, 0) + addresses
    return ethernet + ipv4 + struct.pack("!HHHH", 40_000, PORT, 26, 0) + bytes(18)


def veth_pair() -> tuple[Namespace, Namespace, int, int]:
    """Two namespaces, a.veth and b.veth, and the links' indexes."""
    from pyroute2 import IPRoute

    a, b = namespaces.create_many(["a", "b"])
    with a.entered(), IPRoute() as ip:
        ip.link("add", ifname="veth", kind="veth", peer={"ifname": "veth", "net_ns_fd": b.fd})
    with b.entered(), IPRoute() as ip:
        b_index = ip.link_lookup(ifname="veth")[0]
        ip.link("set", index=b_index, state="up")
    with a.entered(), IPRoute() as ip:
        a_index = ip.link_lookup(ifname="veth")[0]
        ip.link("set", index=a_index, state="up")
    links.wait_up(a, {a_index: "a.veth"}, time.monotonic() + 5)
    links.wait_up(b, {b_index: "b.veth"}, time.monotonic() + 5)
    return a, b, a_index, b_index


def hold(rate: int, seconds: float, ring: int | None) -> dict[str, Any]:
    """Generate, capture, write the file, count."""
    a, b, a_index, b_index = veth_pair()
    places = [CapturePoints(a, {a_index: "a.veth"}), CapturePoints(b, {b_index: "b.veth"})]
    file = os.open(tempfile.gettempdir(), os.O_TMPFILE | os.O_RDWR, 0o600)
    with a.entered():
        sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        sender.bind(("veth", 0))

    async def capture() -> dict[str, Any]:
        capture = Capture.start(places, file, ring)
        await capture.live()
        begin = time.perf_counter()
        shares = (asyncio.to_thread(generate, sender, rate / SENDERS, seconds) for _ in range(SENDERS))
        sent = sum(await asyncio.gather(*shares))
        took = time.perf_counter() - begin
        end = await capture.stop()
        stop_ms = (time.perf_counter() - begin - took) * 1000
        await capture.gone()
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return {
            "sent": sent,
            "rate": round(sent / took),
            "drops": sum(one.drops for one in end.counted),
            "failed": end.failed,
            "stop_ms": round(stop_ms, 1),
            "capture_cpu": round((used.ru_utime + used.ru_stime) / took, 3),
        }

    found = asyncio.run(capture())
    return found | count(file) | {"spool_mb": round(os.fstat(file).st_size / 1e6)}


def count(file: int) -> dict[str, Any]:
    """Make the capture file of the spool, and count the generator's datagrams in it."""
    begin = time.perf_counter()
    with tempfile.TemporaryFile() as made:
        with Spool(file) as spool:
            observer, writer = Observer({}), pcapng.Writer(spool.points, [], made.write)
            for packet in spool.packets():
                observer.see(packet)
                writer.see(packet)
            writer.finish()
            observer.finish()
        took = time.perf_counter() - begin
        made.seek(0)
        points = {"a.veth": 0, "b.veth": 0}
        for packet in pcapng.read(made):
            points[packet.point] += packet.data[23:24] == b"\x11" and packet.data[36:38] == PORT.to_bytes(2, "big")
    return {"left": points["a.veth"], "arrived": points["b.veth"], "file_s": round(took, 1), "packets": writer.packets}


def rings(number: int) -> dict[str, float]:
    """Milliseconds until so many namespaces are watched, until the spool is complete, and until all is closed."""
    made = namespaces.create_many([f"n{place}" for place in range(number)])
    places = [CapturePoints(namespace, {1: f"{namespace.name}.lo"}) for namespace in made]
    file = os.open(tempfile.gettempdir(), os.O_TMPFILE | os.O_RDWR, 0o600)

    async def timed() -> list[float]:
        times = [time.perf_counter()]
        capture = Capture.start(places, file)
        times.append(time.perf_counter())
        await capture.live()
        times.append(time.perf_counter())
        await capture.stop()
        times.append(time.perf_counter())
        await capture.gone()
        times.append(time.perf_counter())
        return times

    times = asyncio.run(timed())
    steps = [round((after - before) * 1000, 1) for before, after in itertools.pairwise(times)]
    return dict(zip(("fork_ms", "live_ms", "stop_ms", "close_ms"), steps, strict=True))


def complete(run: dict[str, Any], rate: int) -> bool:
    """Whether nothing is missing, and it was as fast as asked for (within 2 %)."""
    whole = run["sent"] == run["left"] == run["arrived"]
    return whole and not run["drops"] and not run["failed"] and run["rate"] > 0.98 * rate


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=200_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--ring", type=int)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    limit = 60 + int(asked.seconds * 20)
    held = [sandboxed(lambda: hold(asked.rate, asked.seconds, asked.ring), limit) for _ in range(asked.runs)]
    costs = {str(number): sandboxed(lambda number=number: rings(number)) for number in NAMESPACES}  # type: ignore[misc]
    good = all(complete(run, asked.rate) for run in held)
    if asked.json:
        print(json.dumps({"benchmark": "capture", "pass": good, "runs": held, "rings": costs}))
        return 0 if good else 1
    for run in held:
        print(
            f"{run['rate']:,} packets/s for {asked.seconds:g} s: sent {run['sent']:,}, left {run['left']:,}, "
            f"arrived {run['arrived']:,}, dropped {run['drops']:,}; capture process {run['capture_cpu']:.0%} of a CPU; "
            f"{run['packets']:,} packets put into the file in {run['file_s']} s"
        )
    for number, cost in costs.items():
        print(
            f"{number:>4} namespaces: " + ", ".join(f"{name.removesuffix('_ms')} {ms} ms" for name, ms in cost.items())
        )
    print("pass" if good else "FAIL: packets are missing, or the generator was too slow")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
