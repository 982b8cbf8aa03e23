"""Counters of a namespace, by nstat's names."""

from __future__ import annotations

import shutil
import subprocess
import threading

import pytest

from netlab.kernel import counters
from tests.kernel.pair import pair
from tests.kernel.ways import closed_port, closed_port_ipv6, data_to_orphan_whose_fin_was_held
from tests.sandbox import sandboxed


def test_names_are_group_and_field_run_together() -> None:
    text = "Tcp: RtoMin MaxConn OutRsts\nTcp: 200 -1 3\nTcpExt: SyncookiesSent\nTcpExt: 7\n"
    assert counters.parse_pairs(text) == {
        "TcpRtoMin": 200,
        "TcpMaxConn": -1,
        "TcpOutRsts": 3,
        "TcpExtSyncookiesSent": 7,
    }
    assert counters.parse_lines("Ip6InReceives    \t12\nIcmp6OutMsgs 4\n") == {"Ip6InReceives": 12, "Icmp6OutMsgs": 4}


def test_each_namespace_has_its_own_counters() -> None:
    def play() -> None:
        both = pair()
        closed_port(both)
        closed_port_ipv6(both)
        server, client = counters.read(both.server), counters.read(both.client)
        assert (server["TcpOutRsts"], client["TcpOutRsts"]) == (2, 0)
        assert (server["TcpAttemptFails"], client["TcpAttemptFails"]) == (0, 2)
        assert client["Ip6OutRequests"] > 0
        assert counters.resets_sent(both.server) == 2

    sandboxed(play)


def test_data_for_an_orphan_moves_abort_on_data() -> None:
    def play() -> tuple[int, int]:
        both = pair()
        before = counters.read(both.server)
        data_to_orphan_whose_fin_was_held(both)
        after = counters.read(both.server)
        return tuple(after[name] - before[name] for name in ("TcpOutRsts", "TcpExtTCPAbortOnData"))  # type: ignore

    assert sandboxed(play) == (1, 1)


def test_another_thread_than_the_first_reads_the_namespace_asked_for() -> None:
    def play() -> None:
        both = pair()
        closed_port(both)
        seen: list[int] = []
        thread = threading.Thread(target=lambda: seen.append(counters.read(both.server)["TcpOutRsts"]))
        thread.start()
        thread.join()
        assert seen == [1]

    sandboxed(play)


@pytest.mark.skipif(shutil.which("nstat") is None, reason="nstat is not installed")
def test_nstat_agrees_on_names_and_values() -> None:
    def play() -> None:
        both = pair()
        closed_port(both)
        with both.server.entered():
            shown = subprocess.run(["nstat", "-asz"], capture_output=True, text=True, check=True).stdout
        rows = [line.split() for line in shown.splitlines() if not line.startswith("#")]
        mine = counters.read(both.server)
        assert {name: int(value) for name, value, _ in rows if name.startswith("Tcp")}["TcpOutRsts"] == 1
        assert {name for name, _, _ in rows} <= set(mine)

    sandboxed(play)
