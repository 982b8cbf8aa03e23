"""Packets held on the wire and put on it again, with real datagrams."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from netlab.errors import KernelError
from netlab.kernel import links
from netlab.kernel.holding import Held
from netlab.kernel.topology import Built
from netlab.spec import Host, Nic, Topology
from tests.kernel.lab import arrives, built, count, output, two
from tests.sandbox import sandboxed

V4, V6 = ("10.77.0.2", "10.77.0.1"), ("fd77::2", "fd77::1")
PORT = 4000


@contextmanager
def talking(made: Built, flow: tuple[str, str]) -> Iterator[tuple[socket.socket, socket.socket]]:
    """A datagram socket of the client, connected, and one of the server."""
    source, target = flow
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    with (
        made.hosts["client"].socket(family, socket.SOCK_DGRAM) as sender,
        made.hosts["server"].socket(family, socket.SOCK_DGRAM) as receiver,
    ):
        receiver.bind((target, PORT))
        receiver.settimeout(1.0)
        sender.connect((target, PORT))
        yield sender, receiver


def nothing_came(receiver: socket.socket) -> bool:
    return not select.select([receiver], [], [], 0)[0]


@pytest.mark.parametrize("flow", [V4, V6])
def test_what_is_held_arrives_once_in_order_and_unchanged(flow: tuple[str, str]) -> None:
    texts = [str(number).encode() * 100 for number in range(50)]

    def check() -> None:
        with built(two()) as made, talking(made, flow) as (sender, receiver):
            before = output(made.fabric, "nft", "list", "ruleset"), count("/proc/self/fd")
            held = Held(made.fabric, [flow], None)
            for text in texts:
                sender.send(text)
            held.take()
            assert len(held.waiting) == len(texts) and nothing_came(receiver)
            held.release()
            assert [receiver.recv(1000) for _ in texts] == texts
            assert nothing_came(receiver), "each came once"
            assert arrives(made, "server", flow[0], "client"), "the other way was never held"
            assert (output(made.fabric, "nft", "list", "ruleset"), count("/proc/self/fd")) == before

    sandboxed(check)


def test_neighbours_can_be_found_while_everything_is_held() -> None:
    def check() -> None:
        for flow in (V4, V6):
            with built(two()) as made, talking(made, flow) as (sender, receiver):
                held = Held(made.fabric, [flow, flow[::-1]], None)
                sender.send(b"who are you?")
                neighbours = output(made.hosts["client"], "ip", "neigh", "show", flow[1])
                assert "02:00:00:00:00:0a" in neighbours
                held.release()
                assert receiver.recv(100) == b"who are you?"

    sandboxed(check)


def test_what_crosses_two_switches_is_released_through_both() -> None:
    def check() -> None:
        wanted = Topology(
            hosts={
                "server": Host(nics={"eth0": Nic(ip=("10.77.0.1/24",))}),
                "client": Host(nics={"eth0": Nic(ip=("10.77.0.2/24",))}),
            },
            switches={"near": ("client.eth0", "far"), "far": ("server.eth0",)},
        )
        with built(wanted) as made, talking(made, V4) as (sender, receiver):
            held = Held(made.fabric, [V4], None)
            sender.send(b"a long way")
            assert nothing_came(receiver)
            held.release()
            assert receiver.recv(100) == b"a long way"

    sandboxed(check)


def test_what_finds_its_port_down_is_lost_as_on_a_pulled_cable() -> None:
    def check() -> None:
        with built(two()) as made, talking(made, V4) as (sender, receiver):
            held = Held(made.fabric, [V4], None)
            sender.send(b"lost")
            port = next(nic.port_index for nic in made.nics.values() if nic.host == "server")
            links.set_down(made.fabric, port)
            held.release()
            assert nothing_came(receiver)

    sandboxed(check)


def test_packets_that_could_not_be_taken_in_are_told() -> None:
    """Nobody calls `take` meanwhile, so the kernel runs out of room for their copies."""

    def check() -> str:
        with built(two()) as made, talking(made, V4) as (sender, _):
            held = Held(made.fabric, [V4], None)
            for _ in range(2000):
                sender.send(b"x" * 1000)
            with pytest.raises(KernelError) as caught:
                held.release()
            return str(caught.value)

    assert "faster than they could be taken in" in sandboxed(check)
