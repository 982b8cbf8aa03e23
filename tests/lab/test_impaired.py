"""What links and `impair` steps ask together of a NIC's cable: what makes no sense is told where it begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from netlab.lab.loading import validate

LAB = """\
name: path
title: A path that gets worse
hosts:
  server: {nics: {eth0: {ip: 10.0.0.1/24}}}
  client: {nics: {eth0: {ip: 10.0.0.2/24, link: LINK}}}
switches: {sw: [server.eth0, client.eth0]}
steps:
"""
OVERTAKES = "  - {id: mess, impair: {nic: client.eth0, reorder: 25%}}\n"
LATE = "  - {id: late, impair: {nic: client.eth0, delay: 10ms}}\n"
AWAY = LATE.replace("delay", "direction: out, delay")
WRONG = "reorder without a delay; packets overtake only what is under way: give a delay, or a rate"


def mistakes(folder: Path, steps: str, link: str = "lan") -> list[str]:
    file = folder / "lab.yaml"
    file.write_text(LAB.replace("LINK", link) + steps)
    return [mistake.text("lab") for mistake in validate(file)]


@pytest.mark.parametrize(
    ("steps", "line"),
    [
        (OVERTAKES, 8),
        (LATE + OVERTAKES + "  - heal: late\n", 10),
        (OVERTAKES.replace("mess", "other").replace("client", "server") + LATE + OVERTAKES, 8),
        (LATE + "  - repair: client.eth0\n" + OVERTAKES, 10),
        (LATE + "  - repair:\n" + OVERTAKES, 10),
        (LATE.replace("client.eth0", "server.eth0") + OVERTAKES, 9),
    ],
    ids=["alone", "left alone", "another NIC", "too late", "too late, by no name", "a delay elsewhere"],
)
def test_packets_that_overtake_need_a_delay_of_the_same_cable_at_that_moment(
    steps: str, line: int, tmp_path: Path
) -> None:
    place = f"lab:{line}:5"
    assert mistakes(tmp_path, steps) == [f"{place}: inbound: {WRONG}", f"{place}: outbound: {WRONG}"]


def test_each_direction_is_looked_at_by_itself(tmp_path: Path) -> None:
    assert mistakes(tmp_path, AWAY + OVERTAKES) == [f"lab:9:5: inbound: {WRONG}"]
    assert mistakes(tmp_path, OVERTAKES, "{outbound: {delay: 5ms}}") == [f"lab:8:5: inbound: {WRONG}"]
    assert mistakes(tmp_path, AWAY + OVERTAKES.replace("reorder", "direction: out, reorder")) == []


@pytest.mark.parametrize(
    ("steps", "link"),
    [
        (OVERTAKES, "4g"),
        (OVERTAKES, "{rate: 1mbit}"),
        (LATE + OVERTAKES, "lan"),
        (LATE + OVERTAKES + "  - repair: client.eth0\n", "lan"),  # the newest goes first
        (LATE + OVERTAKES + "  - heal: mess\n  - heal: late\n", "lan"),
        (LATE + LATE.replace("id: late", "id: later") + OVERTAKES + "  - heal: late\n", "lan"),
    ],
)
def test_what_has_a_delay_while_it_lasts_is_right(steps: str, link: str, tmp_path: Path) -> None:
    assert mistakes(tmp_path, steps, link) == []


@pytest.mark.parametrize(
    "steps",
    [
        LATE.replace("id: late", "id: late, background: soon") + OVERTAKES,
        LATE + "  - {background: soon, repair: client.eth0}\n" + OVERTAKES,
        OVERTAKES.replace("id: mess", "id: mess, background: soon"),
    ],
)
def test_nothing_is_said_of_what_a_step_in_the_background_may_have_changed(steps: str, tmp_path: Path) -> None:
    assert mistakes(tmp_path, steps) == []


def test_only_the_first_is_told_for_the_run_would_end_there(tmp_path: Path) -> None:
    found = mistakes(tmp_path, OVERTAKES + OVERTAKES.replace("mess", "more"))
    assert [mistake.partition(" ")[0] for mistake in found] == ["lab:8:5:", "lab:8:5:"]


def test_netem_beside_segments_that_are_left_uncut_is_told_before_the_run(tmp_path: Path) -> None:
    file = tmp_path / "lab.yaml"
    steps = "  - impair: {nic: client.eth0, bandwidth: 1mbit}\n" + LATE
    file.write_text(LAB.replace("LINK", "lan").replace("server: {", "server: {offloads: true, ") + steps)
    (mistake,) = validate(file)
    assert mistake.text("lab").startswith("lab:9:5: netem takes up to 64 KiB for one packet here; server leaves it")
