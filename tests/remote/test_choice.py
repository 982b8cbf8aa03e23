"""Where a lab runs when nobody says where."""

from __future__ import annotations

import pytest

from netlab.errors import NeedError
from netlab.probes import Finding
from netlab.remote.choice import HERE, Ask, choose

YES = Finding("yes", "there")
NO = Finding("no", "not there", "install it")
UNSURE = Finding("unknown", "cannot tell", "try it")


def never() -> Finding:
    raise AssertionError("asked for nothing")


def always(finding: Finding) -> Ask:
    return lambda: finding


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
@pytest.mark.parametrize("needs", [(), ("netem",)])
def test_what_is_asked_for_is_taken_and_nothing_is_probed(platform: str, needs: tuple[str, ...]) -> None:
    assert choose("ssh://host", platform, needs, never, never).url == "ssh://host"


@pytest.mark.parametrize("needs", [(), ("nftables", "nat")])
def test_lab_that_impairs_nothing_runs_here_and_nothing_is_probed(needs: tuple[str, ...]) -> None:
    assert choose(None, "linux", needs, never, never) == HERE


@pytest.mark.parametrize("found", [YES, UNSURE])
def test_lab_that_impairs_links_runs_here_unless_this_kernel_cannot(found: Finding) -> None:
    assert choose(None, "linux", ("netem",), always(found), never) == HERE


def test_lab_that_this_kernel_cannot_play_runs_in_a_microvm_and_says_so() -> None:
    place = choose(None, "linux", ("netem",), always(NO), always(YES))
    assert place.url == "microvm:"
    assert "cannot impair links (not there): it runs in a microVM" in place.why


@pytest.mark.parametrize("vm", [NO, UNSURE])
def test_where_no_microvm_can_be_booted_both_remedies_are_told(vm: Finding) -> None:
    with pytest.raises(NeedError, match=r"lacks netem \(not there; install it\).*microVM.*\(") as caught:
        choose(None, "linux", ("netem",), always(NO), always(vm))
    assert vm.remedy in str(caught.value)


@pytest.mark.parametrize("platform", ["darwin", "win32", "freebsd14"])
@pytest.mark.parametrize("needs", [(), ("netem",)])
def test_what_is_no_linux_goes_to_the_vagrant_vm_and_says_so(platform: str, needs: tuple[str, ...]) -> None:
    place = choose(None, platform, needs, never, never)
    assert place.url == "vagrant:"
    assert f"this is {platform}" in place.why
