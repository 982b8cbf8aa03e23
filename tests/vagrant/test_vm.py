"""The whole way, in this order: the VM is made, plays labs by itself and from here, is stopped, started and removed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from netlab.records import Call, RunRecord, Segment, Verdict, record_from_json
from tests.cli.test_anywhere import ELSEWHERE
from tests.vagrant.conftest import ROOT, Vm
from tests.vagrant.house import host

DELAY_NS = 50_000_000
FAR_AWAY = """\
name: far-away
title: A handshake over a path of 50 ms in each direction
hosts:
  server: {nics: {eth0: {ip: 10.0.0.1/24}}}
  client: {nics: {eth0: {ip: 10.0.0.2/24, link: {delay: 50ms}}}}
switches: {sw: [server.eth0, client.eth0]}
steps:
  - server: {listen: 9000}
  - client: {connect: "server:9000"}
expect:
  wire: |
    client > server  S
    server > client  S.
    client > server  .
"""


def saved(folder: Path) -> RunRecord:
    """The record that came home."""
    document: dict[str, Any] = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    return record_from_json(document)


def test_netlab_is_installed_in_the_vm(vm: Vm) -> None:
    done = vm.vagrant("ssh", "-c", "netlab run half-open")
    assert "PASS  half-open" in done.stdout


def test_half_open_runs_there_and_comes_home(vm: Vm, tmp_path: Path) -> None:
    before = host()
    done = vm.netlab("run", "half-open", "--on", "vagrant:", "--out", tmp_path / "run")
    assert "PASS  half-open" in done.stdout
    record = saved(tmp_path / "run")
    assert record.verdict is Verdict.PASS
    assert "6.12" in record.environment.kernel
    # The kernel's own word for it: Linux 6.10 and newer have it, and netlab is root in there.
    assert [(reset.from_, reset.reason, reset.reason_by) for reset in record.resets] == [
        ("server", "NO_SOCKET", "tracepoint")
    ]
    assert (tmp_path / "run" / "capture.pcapng").stat().st_size > 1000
    assert vm.netlab("judge", tmp_path / "run", "--json").returncode == 0
    assert host() == before


def test_a_path_is_as_long_there_as_the_lab_says(vm: Vm, tmp_path: Path) -> None:
    lab = tmp_path / "far-away" / "lab.yaml"
    lab.parent.mkdir()
    lab.write_text(FAR_AWAY, encoding="utf-8")
    vm.netlab("run", lab, "--on", f"vagrant:{ROOT / 'vagrant'}", "--out", tmp_path / "run")
    record = saved(tmp_path / "run")
    assert record.verdict is Verdict.PASS
    for segment in record.of(Segment)[:2]:  # SYN and SYN-ACK
        assert segment.sent_ns is not None
        assert segment.arrived_ns is not None
        assert segment.arrived_ns - segment.sent_ns >= DELAY_NS
    (connect,) = [call for call in record.of(Call) if call.call == "connect"]
    assert connect.end_ns - connect.time_ns >= 2 * DELAY_NS


def test_a_machine_without_linux_goes_there_by_itself(vm: Vm, tmp_path: Path) -> None:
    done = vm.house.run(sys.executable, "-c", ELSEWHERE, "run", "half-open", "--out", tmp_path / "run")
    assert "this is darwin, and a lab needs a Linux kernel: it runs in the Vagrant VM" in done.stdout
    assert saved(tmp_path / "run").verdict is Verdict.PASS


def test_the_key_it_showed_first_is_the_only_one_that_is_accepted(vm: Vm) -> None:
    (known,) = vm.folder.glob("dot/machines/default/libvirt/netlab_known_hosts")
    name, kind, key = known.read_text().split()
    assert name == "vagrant-default"
    other = "A" * 10 + key[10:]
    known.write_text(f"{name} {kind} {other}\n")
    try:
        done = vm.netlab("run", "half-open", "--on", "vagrant:", check=False)
    finally:
        known.write_text(f"{name} {kind} {key}\n")
    assert done.returncode == 3
    assert "HAS CHANGED" in done.stdout


def test_status_halt_and_destroy_do_what_they_say(vm: Vm) -> None:
    assert json.loads(vm.netlab("vm", "status", "--json").stdout)["state"] == "running"
    assert vm.netlab("vm", "ssh", "--", "uname", "-n").stdout.splitlines()[0].strip() == "netlab"
    assert "the VM is stopped" in vm.netlab("vm", "halt").stdout
    assert json.loads(vm.netlab("vm", "status", "--json").stdout)["state"] == "shutoff"
    refused = vm.netlab("vm", "destroy", check=False)
    assert refused.returncode == 2
    assert "--yes" in refused.stdout
    assert "the VM is removed" in vm.netlab("vm", "destroy", "--yes").stdout
    assert "not created" in vm.netlab("vm", "status").stdout
    assert "there is no VM" in vm.netlab("vm", "destroy").stdout
    assert not list(vm.folder.glob("dot/machines/default/libvirt/netlab_known_hosts"))
    assert "vagrant_default" not in vm.house.run("virsh", "-c", "qemu:///system", "list", "--all").stdout
