"""wait, check and forget on what a host tracks: on a real host with a firewall, and what they say when it is not so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netlab.errors import StepError
from netlab.judge.tracking import AskedEntry
from netlab.records import TrackingTable, Verdict
from netlab.spec import Conntrack, Firewall, Topology
from netlab.units import Duration
from tests.steps.lab import Lab, play, two_hosts

SOON, SECOND = Duration(30_000_000), Duration(10**9)


def walled(**tracking: object) -> Topology:
    """server with a firewall that lets its NIC's connections in."""
    lab = two_hosts()
    wall = Firewall(stateful="drop", inside=("nic-a",))
    server = replace(lab.hosts["server"], firewall=wall, conntrack=Conntrack(**tracking))  # type: ignore[arg-type]
    return replace(lab, hosts={**lab.hosts, "server": server})


def asked(state: str, **more: object) -> AskedEntry:
    return AskedEntry(host="server", state=state, **more)  # type: ignore[arg-type]


def test_an_entry_is_awaited_until_it_is_there_and_until_it_is_gone() -> None:
    async def story(lab: Lab) -> None:
        await lab.connected()
        await lab.play("wait", conntrack=asked("ESTABLISHED", port=9000, most=SECOND))
        await lab.play("wait", conntrack=asked("none"))
        assert [table.entries for table in lab.events if isinstance(table, TrackingTable)][-1] == ()

    play(story, walled(timeouts={"established": SECOND}))


def test_a_wait_in_vain_says_what_was_tracked() -> None:
    async def story(lab: Lab) -> None:
        await lab.connected()
        with pytest.raises(
            StepError, match=r"server to forget the connection.*last seen: ESTABLISHED 10\.77\.0\.2:\d+ > "
        ):
            await lab.play("wait", conntrack=asked("none"), within=SOON)
        with pytest.raises(StepError, match=r"track a connection in CLOSE.*last seen: no entry"):
            await lab.play("wait", conntrack=asked("CLOSE", port=1), within=SOON)

    play(story, walled())


def test_what_is_forgotten_is_gone_and_nothing_to_forget_is_an_error() -> None:
    async def story(lab: Lab) -> None:
        await lab.connected()
        with pytest.raises(StepError, match=r"forget server: it tracks no such connection; there was ESTABLISHED"):
            await lab.play("forget", host="server", port=1)
        await lab.play("forget", host="server", port=9000)
        with pytest.raises(StepError, match=r"it tracks no such connection; there was no entry at all"):
            await lab.play("forget", host="server")

    play(story, walled())


@pytest.mark.parametrize(
    ("state", "more", "verdict"),
    [
        ("ESTABLISHED", {"port": 9000, "least": SECOND}, Verdict.PASS),
        ("ESTABLISHED", {"port": 9001}, Verdict.FAIL),
        ("ESTABLISHED", {"most": SECOND}, Verdict.FAIL),
        ("none", {"port": 9001}, Verdict.PASS),
        ("none", {}, Verdict.FAIL),
    ],
)
def test_a_check_is_judged_by_what_was_read(state: str, more: dict[str, object], verdict: Verdict) -> None:
    async def story(lab: Lab) -> None:
        await lab.connected()
        planned = await lab.play("check", conntrack=asked(state, **more))
        [check] = lab.checks(planned)
        assert check.verdict is verdict
        assert (verdict is Verdict.PASS) == (not check.explanation)
        if verdict is Verdict.FAIL:
            assert "server tracked" in check.explanation and str(asked(state, **more)) in check.explanation

    play(story, walled())
