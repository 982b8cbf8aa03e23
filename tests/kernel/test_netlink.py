"""The netlink socket: every error reply is looked at, many requests go out in one send."""

from __future__ import annotations

import errno
import subprocess
import sys
from ipaddress import ip_address, ip_interface, ip_network

import pytest

from netlab.errors import KernelError
from netlab.kernel import namespaces, requests
from netlab.kernel.messages import Shape, u32
from netlab.kernel.netlink import CHUNK_REQUESTS
from tests.sandbox import sandboxed


def test_an_error_names_operation_interface_namespace_and_errno() -> None:
    def check() -> None:
        host = namespaces.create("host")
        with pytest.raises(KernelError) as caught:
            host.route.batch([requests.set_up(77, "nic-x")])
        assert (caught.value.errno, caught.value.namespace, caught.value.interface) == (errno.ENODEV, "host", "nic-x")
        assert str(caught.value).startswith("set up on nic-x in host: ENODEV")

    sandboxed(check)


def test_an_error_in_the_middle_of_a_batch_is_raised_and_the_rest_is_done() -> None:
    def check() -> None:
        host = namespaces.create("host")
        good = [requests.address("lo", 1, ip_interface(f"10.0.0.{n}/24")) for n in (1, 2)]
        bad = requests.set_up(77, "nic-x")
        with pytest.raises(KernelError, match="nic-x"):
            host.route.batch([good[0], bad, good[1]])
        assert len(host.route.dump(requests.dump(requests.RTM_GETADDR, "addresses"))) == 2

    sandboxed(check)


def test_a_batch_larger_than_one_send_is_carried_out_whole() -> None:
    def check() -> None:
        host = namespaces.create("host")
        count = 3 * CHUNK_REQUESTS + 1
        wanted = [requests.address("lo", 1, ip_interface(f"10.{n >> 8}.{n & 255}.1/32")) for n in range(count)]
        host.route.batch(wanted)
        assert len(host.route.dump(requests.dump(requests.RTM_GETADDR, "addresses"))) == count

    sandboxed(check)


def test_every_failure_of_a_large_batch_is_counted() -> None:
    def check() -> None:
        host = namespaces.create("host")
        with pytest.raises(KernelError, match=f"{3 * CHUNK_REQUESTS - 1} more"):
            host.route.batch([requests.set_up(77, "nic-x")] * (3 * CHUNK_REQUESTS))

    sandboxed(check)


def test_the_kernels_own_words_are_in_the_error() -> None:
    def check() -> None:
        host = namespaces.create("host")
        host.route.batch([requests.set_up(1, "lo")])
        unreachable = requests.route(ip_network("10.9.0.0/16"), ip_address("10.1.0.1"), 1, "lo")
        with pytest.raises(KernelError, match=r"ENETUNREACH; .*[Nn]exthop"):
            host.route.batch([unreachable])

    sandboxed(check)


def test_asking_for_a_link_that_is_not_there_is_an_error() -> None:
    def check() -> None:
        host = namespaces.create("host")
        for ask in (lambda r: host.route.ask(r), lambda r: host.route.ask_many([r])):
            with pytest.raises(KernelError, match="ENODEV"):
                ask(requests.get_link(77, "nic-x"))

    sandboxed(check)


def test_a_shape_patches_only_its_marks() -> None:
    shape = Shape(b"head" + u32(0x5A5A5A00) + b"name-mark" + b"tail", number=u32(0x5A5A5A00), name=b"name-mark")
    assert shape.fill(number=u32(7), name=b"eth0") == b"head" + u32(7) + b"eth0\0\0\0\0\0" + b"tail"


def test_an_ambiguous_mark_is_refused() -> None:
    with pytest.raises(AssertionError, match="not unique"):
        Shape(b"abab", name=b"ab")


def test_importing_kernel_does_not_load_the_whole_of_pyroute2() -> None:
    check = "import sys, netlab.kernel.topology; assert 'pyroute2.ndb' not in sys.modules"
    code = f"{check}; import pyroute2; assert pyroute2.IPRoute and 'pyroute2.ndb' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
