"""The baseline: the same on every host, whatever the machine says."""

from __future__ import annotations

from netlab.kernel import baseline, namespaces, sysctl
from netlab.spec import Host, Nic, Topology
from tests.kernel.lab import built, two
from tests.sandbox import sandboxed


def test_every_host_has_every_value_that_is_reported_as_set() -> None:
    def check() -> None:
        with built(two()) as made:
            set_ = {name: value for name, value in made.baseline.items() if ": not set" not in value}
            assert len(set_) > 50
            for nic in made.nics.values():
                for name, value in set_.items():
                    own = name.replace(baseline.EACH_NIC, nic.ifname)
                    assert sysctl.read(made.hosts[nic.host], own) == value, (nic.host, own)

    sandboxed(check)


def test_congestion_control_can_be_set_without_root_too() -> None:
    def check() -> str:
        with built(two()) as made:
            return made.baseline["net.ipv4.tcp_congestion_control"]

    assert sandboxed(check) == "reno"


def test_what_cannot_be_set_is_reported_and_not_raised() -> None:
    def check() -> None:
        host = namespaces.create("host")
        with host.entered():
            made = baseline.plan(host, {"net.ipv4.no_such_thing": "1", "net.ipv4.tcp_sack": "0"})
        assert made.writes == {"net.ipv4.tcp_sack": "0"}
        assert made.report["net.ipv4.no_such_thing"] == (
            "1: not set, this kernel has no such sysctl in a namespace of its own"
        )

    sandboxed(check)


def test_a_router_forwards_and_a_host_does_not() -> None:
    def check() -> None:
        hosts = {"r": Host(nics={"x": Nic()}, forward=True), "h": Host(nics={"x": Nic()})}
        with built(Topology(hosts=hosts)) as made:
            for name in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding", "net.ipv4.conf.x.forwarding"):
                assert [sysctl.read(made.hosts[host], name) for host in ("r", "h")] == ["1", "0"]

    sandboxed(check)


def test_the_labs_own_value_wins_over_the_baseline() -> None:
    def check() -> None:
        with built(two(sysctls={"net.ipv4.tcp_syncookies": "0", "net.ipv4.conf.all.rp_filter": "1"})) as made:
            assert sysctl.read(made.hosts["server"], "net.ipv4.tcp_syncookies") == "0"
            assert sysctl.read(made.hosts["server"], "net.ipv4.conf.all.rp_filter") == "1"
            assert sysctl.read(made.hosts["client"], "net.ipv4.tcp_syncookies") == "1"

    sandboxed(check)


def test_each_host_has_a_hash_of_tcp_sockets_of_its_own() -> None:
    def check() -> None:
        with built(two()) as made:
            sizes = {host: sysctl.read(made.hosts[host], "net.ipv4.tcp_ehash_entries") for host in made.hosts}
            assert set(sizes.values()) == {baseline.OWN_TABLE["net.ipv4.tcp_child_ehash_entries"]}, sizes

    sandboxed(check)
