"""Presets: each has its source, and the manual tells it; what the lab file gives stands over a preset."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.cli import drawing
from netlab.cli.drawing import settings
from netlab.errors import LabError
from netlab.impairment import Bandwidth, Delay, Impairment, Link, Loss, check
from netlab.lab import from_definition
from netlab.lab.document import parse
from netlab.lab.nodes import plain
from netlab.presets import FIREWALLS, LINKS, NATS, TRANSITORY, filled_in, link_needs, ways
from netlab.spec import Conntrack, Firewall, Host, Nat
from netlab.units import Duration, Rate, Ratio

PAGE = (Path(__file__).parents[1] / "docs" / "links.md").read_text(encoding="utf-8")
SECOND = 10**9
ROUTERS = {**{f"nat {name}": p for name, p in NATS.items()}, **{f"firewall {n}": p for n, p in FIREWALLS.items()}}


@pytest.mark.parametrize("name", LINKS)
def test_the_manual_has_every_link_preset_with_its_figures_and_source(name: str) -> None:
    preset = LINKS[name]
    figures = " | ".join((settings(preset.outbound), settings(preset.inbound)))
    assert f"| `{name}`: {preset.title} | {figures} | {preset.source} |" in PAGE


@pytest.mark.parametrize("name", ROUTERS)
def test_the_manual_has_every_router_preset_with_its_source(name: str) -> None:
    section, _, short = name.partition(" ")
    assert f"| `{section}: {{preset: {short}}}` | {ROUTERS[name].title} | {ROUTERS[name].source} |" in PAGE


@pytest.mark.parametrize("preset", [*LINKS.values(), *ROUTERS.values()], ids=[*LINKS, *ROUTERS])
def test_a_source_names_a_document_and_not_only_a_figure(preset: Any) -> None:
    assert re.search(r"RFC \d{4}|IEEE|Ofcom|FCC|OpenWrt|Verizon", preset.source)


@pytest.mark.parametrize("name", LINKS)
def test_every_link_preset_can_be_built(name: str) -> None:
    for asked in ways(Link(preset=name)).values():
        check(asked)
        assert asked != Impairment()


def test_lan_needs_no_netem() -> None:
    assert link_needs(Link(preset="lan")) == {"tbf"}
    assert link_needs(Link(preset="satellite")) == {"netem", "tbf"}
    assert link_needs(Link()) == frozenset()


def one_setting(value: int) -> Impairment:
    return Impairment(delay=Delay(time=Duration(value)))


@given(own=st.integers(1, 10**9), outbound=st.none() | st.integers(1, 10**9), preset=st.sampled_from([None, *LINKS]))
def test_one_direction_stands_over_both_and_both_over_the_preset(own: int, outbound: int | None, preset: str) -> None:
    direction = None if outbound is None else one_setting(outbound)
    asked = ways(Link(preset=preset, delay=Delay(time=Duration(own)), outbound=direction))
    assert asked["inbound"].delay == Delay(time=Duration(own))
    assert asked["outbound"].delay == Delay(time=Duration(own if outbound is None else outbound))
    rates = LINKS[preset] if preset else None
    assert asked["inbound"].bandwidth == (rates and rates.inbound.bandwidth)


def test_a_preset_keeps_what_is_not_given() -> None:
    asked = ways(Link(preset="4g", loss=Loss(random=Ratio(0.02))))
    assert asked["outbound"] == dataclasses.replace(LINKS["4g"].outbound, loss=Loss(random=Ratio(0.02)))
    assert asked["inbound"].bandwidth == Bandwidth(rate=Rate(14_700_000))


def test_a_routers_preset_fills_in_what_is_open_and_nothing_else() -> None:
    timeouts = {"established": Duration(60 * SECOND)}
    nat = Nat(inside=("in",), outside="out", preset="carrier-grade")
    host = filled_in(Host(forward=True, nat=nat, conntrack=Conntrack(timeouts=timeouts, loose=False)))  # type: ignore[arg-type]
    assert host.nat is not None and host.conntrack is not None
    assert (host.nat.kind, host.conntrack.loose) == ("endpoint-independent", False)
    assert host.conntrack.timeouts["established"] == 60 * SECOND
    assert host.conntrack.timeouts["syn-sent"] == 240 * SECOND
    symmetric = filled_in(Host(nat=dataclasses.replace(nat, preset="home", kind="symmetric")))
    assert symmetric.nat is not None and symmetric.nat.kind == "symmetric"
    rejecting = filled_in(Host(firewall=Firewall(preset="stateful", stateful="reject")))
    assert rejecting.firewall is not None and rejecting.firewall.stateful == "reject"


def test_a_host_without_presets_stays_as_it_is() -> None:
    host = Host(nat=Nat(inside=("in",), outside="out"), firewall=Firewall(stateful="drop"))
    assert filled_in(host) == host


def test_a_provider_forgets_no_sooner_than_the_rfcs_allow() -> None:
    """RFC 5382 REQ-5: 2 hours 4 minutes; 4 minutes at its ends. RFC 4787 REQ-5: 2 minutes. RFC 5508 REQ-2."""
    seconds = {name: timeout // SECOND for name, timeout in NATS["carrier-grade"].timeouts.items()}
    assert seconds.pop("established") >= 7440
    assert min(seconds.pop("udp"), seconds.pop("udp-stream")) >= 120
    assert min(seconds.pop("icmp"), seconds.pop("icmp6")) >= 60
    assert set(seconds) == set(TRANSITORY) and min(seconds.values()) >= 240


LAB = """
name: linked
title: Links with mistakes
hosts:
  a: {nics: {eth0: {ip: 10.0.0.1/24, link: LINK}, spare: {}}}
  b: {nics: {eth0: {ip: 10.0.0.2/24}}, OFFLOADS}
switches: {sw: [a.eth0, b.eth0]}
"""


def mistakes(link: str, offloads: str = "offloads: false", lab: str = LAB) -> str:
    text = lab.replace("LINK", link).replace("OFFLOADS", offloads)
    try:
        from_definition(plain(parse(text)[0]))  # type: ignore[arg-type]
    except LabError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("link", "wrong"),
    [
        ("satelite", "no preset 'satelite' of links; did you mean satellite?"),
        ("{preset: wify, loss: 1%}", "did you mean wifi?"),
        ("{dely: 5ms}", "unknown key 'dely'; did you mean delay?"),
        ("{outbound: {loss: 2}}", "is more than the whole"),
        ("{outbound: {preset: 4g}}", "unknown key 'preset'"),
        ("{rate: 10}", "is not a rate; write it like 1mbit"),
        ("{inbound: {reorder: 5%}}", "inbound: reorder without a delay"),
    ],
)
def test_mistakes_in_a_link_are_told(link: str, wrong: str) -> None:
    assert wrong in mistakes(link)


@pytest.mark.parametrize(
    "link", ["satellite", "{}", "{delay: 50ms, loss: 1%, outbound: {rate: 1mbit}}", "{preset: 4g, loss: 2%}"]
)
def test_a_link_in_its_short_and_long_forms_loads(link: str) -> None:
    assert mistakes(link) == ""


def test_a_link_of_a_nic_that_is_plugged_nowhere_is_a_mistake() -> None:
    assert "a.spare is plugged into nothing" in mistakes("lan", lab=LAB.replace("spare: {}", "spare: {link: lan}"))


def test_netem_beside_offloads_is_a_mistake_and_a_token_bucket_is_none() -> None:
    assert "up to 64 KiB for one packet" in mistakes("{loss: 1%}", "offloads: true")
    assert mistakes("{bandwidth: 1mbit}", "offloads: true") == ""


def test_every_setting_of_the_manual_loads() -> None:
    rows = re.findall(r"^\|[^|]*\| `([^`]+)` \|", PAGE.partition("### bandwidth")[0], re.MULTILINE)
    examples = [row if row.startswith("{") else f"{{{row}}}" for row in rows]
    assert len(examples) > 15
    assert [(example, wrong) for example in examples if (wrong := mistakes(example))] == []


def test_show_tells_each_direction_of_a_link_and_where_a_presets_figures_are_from() -> None:
    text = LAB.replace("LINK", "{preset: adsl, loss: 2%}").replace("OFFLOADS", "offloads: false")
    lab = from_definition(plain(parse(text)[0]))  # type: ignore[arg-type]
    shown = "\n".join("".join(piece for piece, _ in line) for line in drawing.lab(lab))
    assert "a.eth0  outbound  delay 18.5 ms, loss 2%, bandwidth 820 kbit/s" in shown
    assert "inbound   delay 18.5 ms, loss 2%, bandwidth 5.66 Mbit/s" in shown
    assert "link adsl, a telephone line with ADSL. Source: Verizon" in shown
    assert "netem (netlab doctor)" in shown
