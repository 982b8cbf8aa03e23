"""Both sides of a translated flow are one segment, where that can be told."""

from __future__ import annotations

from netlab.records import Address, Segment, Side
from netlab.wire.segments import observe
from tests.wire.frames import ACK, PSH, RST, SYN, ethernet, ipv6, packets, segment, tcp

CLIENT, INNER, OUTER, SERVER = "10.78.0.2", "10.78.0.1", "10.77.0.254", "10.77.0.1"
OWNERS = {CLIENT: "client", INNER: "router", OUTER: "router", SERVER: "server"}
OUT, LENT, BACK, RETURNED = (40000, 9000), (50000, 9000), (9000, 50000), (9000, 40000)


def segments(*sightings: tuple[int, str, object, bytes]) -> list[Segment]:
    ordered = sorted(sightings, key=lambda sighting: sighting[0])
    return observe(packets(*ordered), OWNERS).segments  # type: ignore[arg-type]


def inside(
    time: int, ports: tuple[int, int] = OUT, flags: int = SYN, **fields: object
) -> list[tuple[int, str, object, bytes]]:
    """From the client to the router's inner NIC."""
    data = segment(flags, source=CLIENT, target=SERVER, ports=ports, **fields)  # type: ignore[arg-type]
    return [(time, "client.nic", "out", data), (time + 10, "router.lan", "in", data)]


def outside(
    time: int, ports: tuple[int, int] = LENT, flags: int = SYN, **fields: object
) -> list[tuple[int, str, object, bytes]]:
    """From the router's outer NIC to the server."""
    data = segment(flags, source=OUTER, target=SERVER, ports=ports, ttl=63, **fields)  # type: ignore[arg-type]
    return [(time, "router.wan", "out", data), (time + 10, "server.nic", "in", data)]


def test_what_a_router_translated_is_one_segment_with_two_sides() -> None:
    [seen] = segments(*inside(0), *outside(20))
    assert (seen.from_, seen.to) == ("client", "server")
    assert (seen.source, seen.target) == (Address(CLIENT, 40000), Address(SERVER, 9000))
    assert seen.sides == (
        Side(Address(CLIENT, 40000), Address(SERVER, 9000)),
        Side(Address(OUTER, 50000), Address(SERVER, 9000)),
    )
    assert (seen.sent_ns, seen.arrived_ns, seen.lost_after, seen.by) == (0, 30, None, None)
    assert list(seen.packets) == ["client.nic", "router.lan", "router.wan", "server.nic"]


def test_the_answer_ends_at_the_address_behind_the_router() -> None:
    before = segment(SYN | ACK, source=SERVER, target=OUTER, ports=BACK)
    after = segment(SYN | ACK, source=SERVER, target=CLIENT, ports=RETURNED, ttl=63)
    [seen] = segments(
        (0, "server.nic", "out", before),
        (1, "router.wan", "in", before),
        (2, "router.lan", "out", after),
        (3, "client.nic", "in", after),
    )
    assert (seen.from_, seen.to, seen.arrived_ns) == ("server", "client", 3)
    assert seen.as_sent.target == Address(OUTER, 50000) and seen.as_arrived.target == Address(CLIENT, 40000)
    assert (seen.source, seen.target) == (Address(SERVER, 9000), Address(CLIENT, 40000))


def test_over_ipv6_too() -> None:
    addresses = {"fd78::2": "client", "fd78::1": "router", "fd77::fe": "router", "fd77::1": "server"}
    near = ethernet(ipv6(tcp(SYN, ports=OUT), "fd78::2", "fd77::1"), 0x86DD)
    far = ethernet(ipv6(tcp(SYN, ports=LENT), "fd77::fe", "fd77::1", hops=63), 0x86DD)
    seen = observe(
        packets(
            (0, "client.nic", "out", near),
            (1, "router.lan", "in", near),
            (2, "router.wan", "out", far),
            (3, "server.nic", "in", far),
        ),
        addresses,
    ).segments
    assert [(one.from_, one.to, len(one.sides)) for one in seen] == [("client", "server", 2)]


def test_two_routers_make_three_sides() -> None:
    far = segment(SYN, source="10.79.0.254", target=SERVER, ports=(60000, 9000), ttl=62)
    middle = outside(20)[0][3]
    [seen] = segments(
        *inside(0),
        (20, "router.wan", "out", middle),
        (30, "second.lan", "in", middle),
        (40, "second.wan", "out", far),
        (50, "server.nic", "in", far),
    )
    assert [side.source.port for side in seen.sides] == [40000, 50000, 60000]
    assert (seen.from_, seen.to, seen.arrived_ns) == ("client", "server", 50)


def test_one_that_the_router_dropped_and_its_repetition_that_passed() -> None:
    lost, passed = inside(0, flags=RST, ident=0), inside(100, flags=RST, ident=0)
    seen = segments(*lost, *passed, *outside(120, flags=RST, ident=0))
    assert [(one.sent_ns, one.arrived_ns, one.lost_after) for one in seen] == [
        (0, None, "router.lan"),
        (100, 130, None),
    ]


def test_two_connections_that_fit_each_other_stay_apart() -> None:
    flows = [*inside(0), *inside(1, ports=(40001, 9000)), *outside(20), *outside(21, ports=(50001, 9000))]
    seen = segments(*flows)
    assert len(seen) == 4 and not any(one.sides for one in seen)
    assert [(one.from_, one.to) for one in seen] == [("client", "server")] * 2 + [("router", "server")] * 2


def test_other_data_is_another_segment() -> None:
    seen = segments(*inside(0, flags=PSH, payload=b"one"), *outside(20, flags=PSH, payload=b"two"))
    assert [one.payload for one in seen] == [b"one", b"two"]


def test_what_a_router_sends_before_anything_came_is_its_own() -> None:
    seen = segments(*outside(0), *inside(20))
    assert [(one.from_, one.sides) for one in seen] == [("router", ()), ("client", ())]


def test_a_firewalls_rst_says_who_made_it() -> None:
    rst = segment(RST, source=SERVER, target=CLIENT, ports=RETURNED)
    [seen] = segments((0, "router.lan", "out", rst), (1, "client.nic", "in", rst))
    assert (seen.from_, seen.to, seen.by, seen.sent_ns) == ("server", "client", "router", 0)
