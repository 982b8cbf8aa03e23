"""Links and middleboxes by name, each with the source of its figures; and what a link asks for in each direction.

    link: satellite                     link: {preset: 4g, loss: 2%}
    nat: {preset: carrier-grade, inside: home, outside: isp}

Rules: a figure is what its source says of a usual one, not of the best or the worst. What a source does not tell, a
preset leaves alone. Jitter is left out: netem's lets packets overtake each other, which radio links see to that they do
not (3GPP TS 38.323 section 5.2.2, in-order delivery; IEEE 802.11 block acknowledgement). What the lab file gives itself
stands instead of the preset's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from netlab.impairment import Bandwidth, Delay, Impairment, Link
from netlab.spec import Conntrack, Host, TimeoutName
from netlab.units import Duration, Rate

__all__ = [
    "FIREWALLS",
    "LINKS",
    "NATS",
    "LinkPreset",
    "RouterPreset",
    "Way",
    "filled_in",
    "link_needs",
    "needs",
    "ways",
]

Way = Literal["outbound", "inbound"]
"""A direction of a link: from the host to the switch, or from there to the host."""


@dataclass(frozen=True, kw_only=True)
class LinkPreset:
    """A usual link of its kind."""

    title: str
    outbound: Impairment
    inbound: Impairment
    source: str
    """Where the figures come from, and how they follow from it."""


def _line(delay: str | None = None, rate: str | None = None) -> Impairment:
    """One direction: so long under way, so many bits a second."""
    return Impairment(
        delay=Delay(time=Duration.parse(delay)) if delay else None,
        bandwidth=Bandwidth(rate=Rate.parse(rate)) if rate else None,
    )


LINKS: dict[str, LinkPreset] = {
    "lan": LinkPreset(
        title="a cable of Gigabit Ethernet",
        outbound=_line(rate="1gbit"),
        inbound=_line(rate="1gbit"),
        source="IEEE 802.3 clause 40 (1000BASE-T): 1 Gbit/s each way. Its 100 m delay a frame by half a microsecond, "
        "which is less than the kernel's own: no delay is added.",
    ),
    "wifi": LinkPreset(
        title="a busy wireless LAN",
        outbound=_line("10ms"),
        inbound=_line("10ms"),
        source='Pei and others, "WiFi Can Be the Weakest Link of Round Trip Network Latency in the Wild", IEEE INFOCOM '
        "2016: half of all TCP packets at 47 access points saw a round trip of more than 20 ms on that hop, a tenth "
        "more than 100 ms. Losses on the air are repeated by the link and show as delay; how many bits a second there "
        "are depends on the room: give bandwidth.",
    ),
    "4g": LinkPreset(
        title="a mobile phone on LTE",
        outbound=_line("26.5ms", "13.6mbit"),
        inbound=_line("26.5ms", "14.7mbit"),
        source='Ofcom, "Measuring mobile broadband performance in the UK", April 2015: on average 14.7 Mbit/s down, '
        "13.6 Mbit/s up, a round trip of 53.1 ms (120,000 tests in five cities, four operators).",
    ),
    "adsl": LinkPreset(
        title="a telephone line with ADSL",
        outbound=_line("18.5ms", "820kbit"),
        inbound=_line("18.5ms", "5.66mbit"),
        source="Verizon, network performance, High Speed Internet of 3.1 to 7 Mbit/s, measured for the FCC's 2016 "
        '"Measuring Broadband America": 5.66 Mbit/s down, 0.82 Mbit/s up, a round trip of 37.05 ms.',
    ),
    "satellite": LinkPreset(
        title="a geostationary satellite",
        outbound=_line("279ms", "3mbit"),
        inbound=_line("279ms", "25mbit"),
        source="RFC 2488 section 2: 279.0 ms from one ground station at the edge of the view by the satellite to "
        "another, so 558 ms for a round trip. Rates: what the FCC called broadband in 2015 (FCC 15-10), as which "
        "operators offer it: 25 Mbit/s down, 3 Mbit/s up.",
    ),
    "transatlantic": LinkPreset(
        title="London to New York, and nothing else in the way",
        outbound=_line("45ms"),
        inbound=_line("45ms"),
        source="Verizon's service level agreement for its transatlantic routes, London to New York: a round trip of "
        "90 ms or less on a month's average. A backbone's rate is no limit here: none is set.",
    ),
}


def ways(link: Link) -> dict[Way, Impairment]:
    """What a link asks for in each direction: its preset's, then what it says of both, then what it says of one."""
    preset = [] if link.preset is None else [LINKS[link.preset]]
    return {
        "outbound": _over(*(each.outbound for each in preset), link, link.outbound),
        "inbound": _over(*(each.inbound for each in preset), link, link.inbound),
    }


def link_needs(link: Link) -> frozenset[str]:
    """Words of probes/ that must be answered with yes before such a link can be built."""
    return frozenset[str]().union(*(needs(asked) for asked in ways(link).values()))


def needs(asked: Impairment) -> frozenset[str]:
    """The same for one direction: a token bucket is another qdisc than netem, and a seed came late to it."""
    asks = {"netem": asked.needs_netem, "netem-seed": asked.seed is not None, "tbf": asked.bandwidth is not None}
    return frozenset(word for word, asked_for in asks.items() if asked_for)


def _over(*layers: Impairment | None) -> Impairment:
    """Each setting as the last layer that has it says."""
    values: dict[str, Any] = {}
    for layer in layers:
        if layer is not None:
            named = {each.name: getattr(layer, each.name) for each in fields(Impairment)}
            values |= {name: value for name, value in named.items() if value is not None}
    return Impairment(**values)


# --- routers ---


@dataclass(frozen=True, kw_only=True)
class RouterPreset:
    """A usual NAT or firewall."""

    title: str
    kind: Literal["endpoint-independent", "symmetric"] | None = None
    """Of a NAT."""
    stateful: Literal["drop", "reject"] | None = None
    """Of a firewall."""
    timeouts: Mapping[TimeoutName, Duration] = field(default_factory=dict)
    source: str


def _seconds(given: Mapping[TimeoutName, int]) -> dict[TimeoutName, Duration]:
    return {name: Duration(seconds * 10**9) for name, seconds in given.items()}


TRANSITORY: tuple[TimeoutName, ...] = (
    "syn-sent",
    "syn-recv",
    "fin-wait",
    "close-wait",
    "last-ack",
    "time-wait",
    "close",
    "unacknowledged",
    "max-retrans",
)
"""Where a connection begins or ends: partially open or closing, in the words of RFC 5382 section 5."""

BEHAVE = _seconds(
    {"established": 7440, **dict.fromkeys(TRANSITORY, 240), "udp": 300, "udp-stream": 300, "icmp": 60, "icmp6": 60}
)
"""RFC 5382 REQ-5: 2 hours 4 minutes, and 4 minutes where it begins or ends (RFC 7857 section 2 on RSTs: 4 minutes,
too); RFC 4787 REQ-5: 5 minutes recommended; RFC 5508 REQ-2: 60 seconds."""

NATS: dict[str, RouterPreset] = {
    "home": RouterPreset(
        title="a router at home",
        kind="endpoint-independent",
        timeouts=_seconds({"established": 7440, "udp": 60, "udp-stream": 180}),
        source="OpenWrt, package/kernel/linux/files/sysctl-nf-conntrack.conf: 7440 s for established, 60 and 180 s for "
        "UDP, the kernel's for all else; the mapping that RFC 4787 REQ-1 and RFC 5382 REQ-1 require.",
    ),
    "symmetric": RouterPreset(
        title="a NAT with a port for each connection",
        kind="symmetric",
        source="RFC 4787 section 4.1, address and port-dependent mapping, which RFC 3489 section 5 called symmetric; "
        "timeouts are the kernel's.",
    ),
    "carrier-grade": RouterPreset(
        title="a NAT at the provider",
        kind="endpoint-independent",
        timeouts=BEHAVE,
        source="RFC 6888 REQ-1, by which RFC 4787, 5382 and 5508 hold: 2 h 4 min for established and 4 min where a "
        "connection begins or ends (RFC 5382 REQ-5, RFC 7857 section 2), 5 min for UDP (RFC 4787 REQ-5), 60 s for ICMP "
        "(RFC 5508 REQ-2).",
    ),
}

FIREWALLS: dict[str, RouterPreset] = {
    "stateful": RouterPreset(
        title="a stateful firewall, as an IPv6 router at home has",
        stateful="drop",
        timeouts=_seconds({"established": 7440, **dict.fromkeys(TRANSITORY, 240), "udp": 300, "udp-stream": 300}),
        source="RFC 6092: 2 h 4 min for established and 4 min where a connection begins or ends (section 3.3.1), 5 min "
        "for UDP (section 3.2.3). What belongs to no connection is dropped, at once and without an answer.",
    ),
}


def filled_in(host: Host) -> Host:
    """The host with what its presets say in the place of what it leaves open."""
    nat, firewall = host.nat, host.firewall
    timeouts: dict[TimeoutName, Duration] = {}
    if nat is not None and nat.preset is not None:
        timeouts |= NATS[nat.preset].timeouts
        nat = replace(nat, kind=nat.kind or NATS[nat.preset].kind)
    if firewall is not None and firewall.preset is not None:
        timeouts |= FIREWALLS[firewall.preset].timeouts
        firewall = replace(firewall, stateful=firewall.stateful or FIREWALLS[firewall.preset].stateful)
    conntrack = host.conntrack
    if timeouts:
        conntrack = conntrack or Conntrack()
        conntrack = replace(conntrack, timeouts={**timeouts, **conntrack.timeouts})
    return replace(host, nat=nat, firewall=firewall, conntrack=conntrack)
