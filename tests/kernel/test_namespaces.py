"""Namespaces: anonymous, entered and left, gone with their descriptors."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from netlab.errors import KernelError
from netlab.kernel import namespaces
from tests.kernel.lab import count
from tests.sandbox import sandboxed

OWN = "/proc/thread-self/ns/net"


def test_creating_leaves_the_caller_where_it_was() -> None:
    def check() -> None:
        before = Path(OWN).readlink()
        made = namespaces.create_many(["a", "b"])
        assert Path(OWN).readlink() == before
        assert len({str(before), *(f"net:[{namespace.inode}]" for namespace in made)}) == 3

    sandboxed(check)


def test_entered_is_inside_and_comes_back_even_after_an_error() -> None:
    def check() -> None:
        before = Path(OWN).readlink()
        made = namespaces.create("a")
        with pytest.raises(ZeroDivisionError), made.entered():
            assert str(Path(OWN).readlink()) == f"net:[{made.inode}]"
            raise ZeroDivisionError
        assert Path(OWN).readlink() == before

    sandboxed(check)


def test_entering_nests() -> None:
    def check() -> None:
        a, b = namespaces.create_many(["a", "b"])
        with a.entered():
            with b.entered():
                assert str(Path(OWN).readlink()) == f"net:[{b.inode}]"
            assert str(Path(OWN).readlink()) == f"net:[{a.inode}]"

    sandboxed(check)


def test_a_socket_belongs_to_its_namespace() -> None:
    def check() -> None:
        made = namespaces.create("a")
        with made.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, pytest.raises(OSError, match="unreachable"):
            sock.connect(("127.0.0.1", 9))  # lo is down in a fresh namespace

    sandboxed(check)


def test_nothing_appears_under_run_netns() -> None:
    def check() -> None:
        folder = Path("/run/netns")
        before = sorted(folder.iterdir()) if folder.exists() else []
        namespaces.create("a")
        assert (sorted(folder.iterdir()) if folder.exists() else []) == before

    sandboxed(check)


def test_close_all_closes_every_descriptor() -> None:
    def check() -> None:
        before = count("/proc/self/fd")
        made = namespaces.create_many([f"h{n}" for n in range(20)])
        for namespace in made:
            assert namespace.route.fileno() >= 0
        namespaces.close_all(made)
        assert count("/proc/self/fd") == before

    sandboxed(check)


def test_a_failed_preparation_closes_what_was_made() -> None:
    def check() -> None:
        before, home = count("/proc/self/fd"), Path(OWN).readlink()

        def fail_on_the_third(namespace: namespaces.Namespace) -> None:
            if namespace.name == "c":
                raise KernelError("prepare", "c")

        with pytest.raises(KernelError, match="prepare in c"):
            namespaces.create_many(["a", "b", "c", "d"], fail_on_the_third)
        assert count("/proc/self/fd") == before
        assert Path(OWN).readlink() == home

    sandboxed(check)


def test_a_closed_namespace_cannot_be_entered() -> None:
    def check() -> None:
        made = namespaces.create("gone")
        made.close()
        with pytest.raises(KernelError, match="enter the namespace in gone: EBADF"), made.entered():
            pass

    sandboxed(check)


def test_open_files_are_raised_for_many_namespaces() -> None:
    def check() -> None:
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (300, hard))
        made = namespaces.create_many([f"h{n}" for n in range(100)])
        assert all(namespace.route.fileno() >= 0 for namespace in made)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 300

    sandboxed(check)
