"""Sysctls inside a namespace, with errors that say why."""

from __future__ import annotations

from pathlib import Path

import pytest

from netlab.errors import KernelError
from netlab.kernel import namespaces, sysctl
from tests.sandbox import sandboxed


def test_a_written_sysctl_is_read_back_and_stays_inside() -> None:
    def check() -> None:
        outside = Path("/proc/sys/net/ipv4/tcp_orphan_retries").read_text()
        host = namespaces.create("host")
        sysctl.write(host, "net.ipv4.tcp_orphan_retries", "3")
        assert sysctl.read(host, "net.ipv4.tcp_orphan_retries") == "3"
        assert Path("/proc/sys/net/ipv4/tcp_orphan_retries").read_text() == outside

    sandboxed(check)


def test_values_are_compared_with_single_spaces() -> None:
    def check() -> str:
        host = namespaces.create("host")
        sysctl.write(host, "net.ipv4.tcp_rmem", "4096 100000 200000")
        return sysctl.read(host, "net.ipv4.tcp_rmem")

    assert sandboxed(check) == "4096 100000 200000"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("net.ipv4.tcp_no_such_thing", "1", "ENOENT; this kernel has no such sysctl"),
        ("net.ipv4.tcp_congestion_control", "no-such", "ENOENT"),
        ("net.ipv4.tcp_timestamps", "many", "EINVAL; the kernel does not accept this value"),
        ("kernel.hostname", "x", "a host's sysctls begin with net."),
        ("net..tcp", "x", "a host's sysctls begin with net."),
    ],
)
def test_a_refused_sysctl_says_why(name: str, value: str, said: str) -> None:
    def check() -> None:
        with pytest.raises(KernelError, match=said):
            sysctl.write(namespaces.create("host"), name, value)

    sandboxed(check)


def test_a_kernel_that_lacks_a_sysctl_does_what_it_did_before_there_was_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def check() -> None:
        host = namespaces.create("host")
        sysctl.write(host, "net.ipv4.tcp_no_such_thing", "0")
        with pytest.raises(KernelError, match="this kernel has no such sysctl"):
            sysctl.write(host, "net.ipv4.tcp_no_such_thing", "4")

    monkeypatch.setitem(sysctl.BEFORE, "net.ipv4.tcp_no_such_thing", "0")
    sandboxed(check)


def test_what_the_kernel_keeps_once_for_all_namespaces_cannot_be_written() -> None:
    def check() -> None:
        name = "net.core.rmem_max"
        value = Path("/proc/sys/net/core/rmem_max").read_text()  # the same again: harmless on a kernel that lets us
        with pytest.raises(KernelError, match=r"EACCES; the kernel keeps it once|ENOENT; this kernel has no such"):
            sysctl.write(namespaces.create("host"), name, value)

    sandboxed(check)


def test_a_dot_in_an_interface_name_is_written_as_a_slash() -> None:
    assert sysctl.path("net.ipv4.conf.eth0/100.rp_filter") == "/proc/sys/net/ipv4/conf/eth0.100/rp_filter"
