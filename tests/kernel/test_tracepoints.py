"""Tracepoints: the formats of old and new kernels, the rings, and what happens where they are refused."""

from __future__ import annotations

import os
import socket
import struct
import time
from pathlib import Path

import pytest

from netlab.errors import KernelError, NeedError
from netlab.kernel import perf, tracepoints
from netlab.kernel.traceformat import decoder, parse_format
from netlab.kernel.tracepoints import Tracepoints
from netlab.records import Address
from tests.kernel.pair import Host, cookie
from tests.sandbox import sandboxed

as_root = pytest.mark.skipif(os.getuid() != 0, reason="needs root: tracepoints")

COMMON = """\
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:unsigned char common_flags;	offset:2;	size:1;	signed:0;
	field:unsigned char common_preempt_count;	offset:3;	size:1;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

"""
OLD_SEND_RESET = f"""name: tcp_send_reset
ID: 1400
format:
{COMMON}	field:const void * skbaddr;	offset:8;	size:8;	signed:0;
	field:const void * skaddr;	offset:16;	size:8;	signed:0;
	field:int state;	offset:24;	size:4;	signed:1;
	field:__u16 sport;	offset:28;	size:2;	signed:0;
	field:__u16 dport;	offset:30;	size:2;	signed:0;
	field:__u16 family;	offset:32;	size:2;	signed:0;
	field:__u8 saddr[4];	offset:34;	size:4;	signed:0;
	field:__u8 daddr[4];	offset:38;	size:4;	signed:0;
	field:__u8 saddr_v6[16];	offset:42;	size:16;	signed:0;
	field:__u8 daddr_v6[16];	offset:58;	size:16;	signed:0;

print fmt: "state=%s", __print_symbolic(REC->state, {{ 1, "TCP_ESTABLISHED" }}, {{ 2, "TCP_SYN_SENT" }})
"""
NEW_SEND_RESET = f"""name: tcp_send_reset
ID: 2280
format:
{COMMON}	field:const void * skbaddr;	offset:8;	size:8;	signed:0;
	field:const void * skaddr;	offset:16;	size:8;	signed:0;
	field:int state;	offset:24;	size:4;	signed:1;
	field:enum sk_rst_reason reason;	offset:28;	size:4;	signed:0;
	field:__u8 saddr[28];	offset:32;	size:28;	signed:0;
	field:__u8 daddr[28];	offset:60;	size:28;	signed:0;

print fmt: "state=%s reason=%s", REC->state ? __print_symbolic(REC->state, {{ TCP_ESTABLISHED, "TCP_ESTABLISHED" }}) \
: "UNKNOWN", __print_symbolic(REC->reason, {{ 0, "NOT_SPECIFIED" }}, {{ 1, "NO_SOCKET" }}, {{ 8, "TCP_ABORT_ON_DATA" }})
"""


def sockaddr(ip: str, port: int) -> bytes:
    if ":" in ip:
        packed = struct.pack("=H", socket.AF_INET6) + struct.pack("!HI", port, 0)
        return packed + socket.inet_pton(socket.AF_INET6, ip) + bytes(4)
    packed = struct.pack("=H", socket.AF_INET) + struct.pack("!H", port) + socket.inet_aton(ip)
    return packed.ljust(28, b"\0")


def test_a_format_gives_offsets_sizes_and_the_names_of_reasons() -> None:
    layout = parse_format(NEW_SEND_RESET)
    assert (layout.name, layout.id) == ("tcp_send_reset", 2280)
    assert layout.fields["reason"] == (28, 4)
    assert layout.fields["saddr"] == (32, 28)
    assert layout.symbols["reason"] == {0: "NOT_SPECIFIED", 1: "NO_SOCKET", 8: "TCP_ABORT_ON_DATA"}


def test_text_that_is_no_format_is_refused() -> None:
    with pytest.raises(ValueError, match="not a tracepoint's format"):
        parse_format("name: x\nID: 4\n")


@pytest.mark.parametrize("ends", [("10.77.0.1", "10.77.0.2"), ("fd00::1", "fd00::2")])
def test_a_reset_of_a_new_kernel_is_read_with_its_reason(ends: tuple[str, str]) -> None:
    raw = struct.pack("=HBBiQQiI", 2280, 0, 0, 0, 0xABC, 0, 0, 1) + sockaddr(ends[0], 9000) + sockaddr(ends[1], 40001)
    event = decoder(parse_format(NEW_SEND_RESET))(5, 1, raw)
    assert (event.local, event.remote) == (Address(ends[0], 9000), Address(ends[1], 40001))
    assert (event.time_ns, event.cpu, event.sk, event.cookie) == (5, 1, 0, 0)
    assert (event.reason, event.answers) == ("NO_SOCKET", True)


def test_a_reset_of_an_old_kernel_is_read_without_one() -> None:
    ends = struct.pack("=HHH", 9000, 40001, socket.AF_INET) + socket.inet_aton("10.77.0.1") * 2
    mapped = socket.inet_pton(socket.AF_INET6, "::ffff:10.77.0.1") + socket.inet_pton(
        socket.AF_INET6, "::ffff:10.77.0.2"
    )
    raw = struct.pack("=HBBiQQi", 1400, 0, 0, 0, 0, 0xFFFF_8880_0000_1000, 4) + ends + mapped
    event = decoder(parse_format(OLD_SEND_RESET))(5, 0, raw)
    assert (event.local, event.remote) == (Address("10.77.0.1", 9000), Address("10.77.0.2", 40001))
    assert (event.sk, event.old, event.reason) == (0xFFFF_8880_0000_1000, 4, None)


def test_a_reason_without_a_resolved_number_is_not_guessed() -> None:
    unresolved = NEW_SEND_RESET.replace('{ 1, "NO_SOCKET" }', '{ SK_RST_REASON_NO_SOCKET, "NO_SOCKET" }')
    raw = struct.pack("=HBBiQQiI", 2280, 0, 0, 0, 0, 0, 0, 1) + sockaddr("10.0.0.1", 1) + sockaddr("10.0.0.2", 2)
    assert decoder(parse_format(unresolved))(0, 0, raw).reason is None


def test_cpu_lists_have_gaps_where_cpus_are_offline() -> None:
    assert list(perf._cpu_list("0-2,5,7-8\n")) == [0, 1, 2, 5, 7, 8]
    assert perf.online_cpus()


def test_all_rings_together_stay_bounded_on_a_large_machine() -> None:
    assert perf.ring_pages(2) == 128
    assert perf.ring_pages(256) == 8


@pytest.mark.skipif(os.getuid() == 0, reason="needs an ordinary user")
def test_without_root_the_reason_says_what_would_help() -> None:
    with pytest.raises(NeedError, match=r"tracepoints: .*run as root"):
        Tracepoints()
    with pytest.raises(NeedError, match=r"tracepoints: .*run as root"):
        sandboxed_error(Tracepoints)


def sandboxed_error(function: object) -> None:
    """What it raises inside a user namespace of its own, where it is uid 0."""

    def play() -> str:
        try:
            function()  # type: ignore[operator]
        except NeedError as error:
            return str(error)
        return ""

    raise NeedError(sandboxed(play))


@as_root
def test_events_of_a_connection_come_in_order_with_times_of_the_monotonic_clock() -> None:
    def play() -> None:
        host = Host.make("alone")
        trace = Tracepoints()
        before = time.monotonic_ns()
        listener = host.socket(socket.AF_INET, socket.SOCK_STREAM)
        mine = cookie(listener)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.close()
        after = time.monotonic_ns()
        events = trace.stop()
        assert [event.time_ns for event in events] == sorted(event.time_ns for event in events)
        (end,) = [event for event in events if event.cookie == mine]
        own = [event for event in events if event.sk == end.sk]
        assert [(event.name, event.old, event.new) for event in own] == [
            ("inet_sock_set_state", 7, 10),
            ("inet_sock_set_state", 10, 7),
            ("tcp_destroy_sock", 0, 0),
        ]
        assert all(before <= event.time_ns <= after for event in own)
        assert trace.lost() == 0
        assert trace.missed_cpus() == set()
        trace.close()

    sandboxed(play)


@as_root
def test_a_ring_that_overflows_says_how_many_it_lost() -> None:
    def play() -> None:
        layouts = {layout.name: layout.id for layout in tracepoints.formats()}
        host = Host.make("alone")
        cpu = perf.online_cpus()[0]
        os.sched_setaffinity(0, {cpu})
        ring = perf.Ring(cpu, list(layouts.values()), {}, pages=1)
        ring.enable()
        for _ in range(100):
            with host.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
                sock.bind(("127.0.0.1", 0))
                sock.listen()
        ring.disable()
        kept = len(ring.read())
        assert kept < 300
        assert ring.lost() >= 300 - kept
        ring.close()

    sandboxed(play)


@as_root
def test_opening_and_closing_leaves_no_mount_no_instance_and_no_descriptor() -> None:
    def play() -> None:
        def held() -> tuple[list[str], str]:
            return sorted(str(path) for path in Path("/proc/self/fd").iterdir()), Path(
                "/proc/self/mountinfo"
            ).read_text()

        before = held()
        trace = Tracepoints()
        assert Path("/proc/self/mountinfo").read_text() == before[1]
        trace.close()
        assert held() == before
        with tracepoints._tracefs() as place:
            assert list(Path(f"/proc/self/fd/{place}/instances").iterdir()) == []

    sandboxed(play)


@as_root
def test_the_kernel_filters_out_what_is_not_tcp() -> None:
    def play() -> None:
        trace = Tracepoints()
        host = Host.make("alone")
        try:
            other = host.socket(socket.AF_INET, socket.SOCK_STREAM, 262)  # IPPROTO_MPTCP: its states go the same way
        except KernelError:
            return  # a kernel without MPTCP has none to filter
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        other.close()
        kinds = [event.name for event in trace.stop() if event.local.port == port]
        assert kinds.count("inet_sock_set_state") == 2  # of the TCP socket inside it; without the filter there are 4
        trace.close()

    sandboxed(play)
