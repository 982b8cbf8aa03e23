"""What of the target vagrant: needs no VM: what Vagrant says is understood, and what is missing is told.

tests/vagrant brings a VM up for real.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from netlab.errors import NeedError, TargetError, UsageError
from netlab.probes import PROBES
from netlab.targets import TARGETS, _vagrant, _vagrant_providers, at
from netlab.targets._vagrant import Vagrant, config_words, default_folder, hint, machine_readable, plain

ROOT = Path(__file__).parents[2]

STATUS = """\
1795278222,default,metadata,provider,libvirt
1795278223,default,provider-name,libvirt
1795278223,default,state,not_created
1795278223,default,state-human-long,The domain is not created.\\nRun `vagrant up`%!(VAGRANT_COMMA) then it is.
1795278223,,ui,info,Current machine states:
"""
"""What Vagrant 2.3.4 printed for `status --machine-readable`, shortened."""

SSH_CONFIG = """\
Host default
  HostName 192.168.121.41
  User vagrant
  Port 22
  UserKnownHostsFile /dev/null
  StrictHostKeyChecking no
  PasswordAuthentication no
  IdentityFile "/home/me/my vm/private_key"
  IdentityFile /home/me/other_key
  IdentitiesOnly yes
  LogLevel FATAL

Host second
  HostName 192.168.121.42
"""


@pytest.fixture
def no_vagrant(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A PATH without the command."""
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Makes this machine one of another system, by what Python says of it."""

    def become(system: str, machine: str) -> None:
        monkeypatch.setattr(sys, "platform", system)
        monkeypatch.setattr("platform.machine", lambda: machine)

    return become


def test_status_is_read_as_vagrant_escapes_it() -> None:
    told = {kind: data for machine, kind, data in machine_readable(STATUS) if machine == "default"}
    assert told["state"] == "not_created"
    assert told["state-human-long"] == "The domain is not created.\nRun `vagrant up`, then it is."


def test_way_into_the_vm_is_that_of_the_first_host() -> None:
    words = config_words(SSH_CONFIG)
    assert words["hostname"] == ["192.168.121.41"]
    assert words["identityfile"] == ["/home/me/my vm/private_key", "/home/me/other_key"]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("==> default: Booting VM...\n", "Booting VM..."),
        ("    default: SSH address: 127.0.0.1:2222\n", "SSH address: 127.0.0.1:2222"),
        ("    default: \n", ""),
        ("\x1b[KProgress: 26% (Rate: 438M/s)\n", "Progress: 26% (Rate: 438M/s)"),
        ("Bringing machine 'default' up with 'libvirt' provider...\n",) * 2,
    ],
)
def test_vagrants_words_are_shown_without_its_decoration(line: str, text: str) -> None:
    assert plain(line) == text.strip()


@pytest.mark.usefixtures("no_vagrant")
@pytest.mark.parametrize(
    ("system", "machine", "remedy"),
    [
        ("darwin", "arm64", "vagrant plugin install vagrant-qemu"),
        ("darwin", "x86_64", "brew install --cask"),
        ("win32", "AMD64", "winget install"),
        ("linux", "x86_64", "vagrant-libvirt"),
    ],
)
def test_without_vagrant_it_says_how_to_get_it_here(
    on: Callable[[str, str], None], system: str, machine: str, remedy: str
) -> None:
    on(system, machine)
    with pytest.raises(NeedError, match="not on the PATH") as caught, at("vagrant:", print):
        pass
    assert remedy in str(caught.value)
    found = PROBES["vagrant"]().probe()
    assert (found.status, found.remedy) == ("no", _vagrant_providers.remedy())


def test_folder_without_a_vagrantfile_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no Vagrantfile in"), at(f"vagrant:{tmp_path}", print):
        pass
    with pytest.raises(UsageError, match="no user of this name"), at("vagrant:~nobody-here/vm", print):
        pass
    with pytest.raises(UsageError, match=r"vagrant:\[DIR\]"):
        TARGETS["vagrant"]("vagrant://somewhere", print)


@pytest.mark.parametrize(
    ("system", "machine", "there", "plugins", "best"),
    [
        ("linux", "x86_64", {"libvirtd", "VBoxManage"}, {"vagrant-libvirt"}, "libvirt"),
        ("linux", "x86_64", {"libvirtd", "VBoxManage"}, set(), "virtualbox"),
        ("darwin", "arm64", {"qemu-system-aarch64", "VBoxManage"}, {"vagrant-qemu"}, "qemu"),
        ("darwin", "arm64", {"qemu-system-aarch64", "prlctl"}, {"vagrant-qemu", "vagrant-parallels"}, "parallels"),
        ("darwin", "x86_64", {"VBoxManage", "prlctl"}, {"vagrant-parallels"}, "virtualbox"),
        ("win32", "AMD64", {"VBoxManage"}, set(), "virtualbox"),
    ],
)
def test_provider_is_the_best_one_that_is_installed(
    on: Callable[[str, str], None], system: str, machine: str, there: set[str], plugins: set[str], best: str
) -> None:
    on(system, machine)
    assert _vagrant_providers.installed(plugins, lambda name: name if name in there else None)[0] == best


def test_provider_asked_for_must_be_one_that_the_vagrantfile_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VAGRANT_DEFAULT_PROVIDER", raising=False)
    assert _vagrant_providers.choose("parallels", set()) == "parallels"
    with pytest.raises(UsageError, match="virtualbox, vmware_desktop"):
        _vagrant_providers.choose("virtualbocks", set())
    text = (ROOT / "vagrant" / "Vagrantfile").read_text(encoding="utf-8")
    for name in _vagrant_providers.PROVIDERS:
        assert f'"{name}" => "' in text


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        (
            "The box 'bento/debian-13' could not be found or\ncould not be accessed in the remote catalog.",
            "NETLAB_BOX_URL=",
        ),
        ("The box you're attempting to add doesn't support the provider\nyou requested.", "NETLAB_BOX_URL="),
        ("The provider 'qemu' could not be found, but was requested", "vagrant plugin install vagrant-qemu"),
        ("No usable default provider could be found for your system.", "not what it is to run a VM on"),
        ("Box 'bento/debian-13' could not be found. Attempting to find and install...", ""),
    ],
)
def test_what_vagrant_says_is_explained_to_those_who_do_not_know_it(said: str, advice: str) -> None:
    assert advice in hint(said)
    assert bool(hint(said)) is bool(advice)


def test_vm_of_a_clone_lies_in_the_clone() -> None:
    assert default_folder() == ROOT / "vagrant"


def test_vm_of_an_installed_netlab_lies_with_the_users_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "site-packages" / "netlab"
    shutil.copytree(ROOT / "vagrant", package / "vagrant", ignore=shutil.ignore_patterns(".vagrant"))
    monkeypatch.setattr(_vagrant, "__file__", str(package / "targets" / "_vagrant.py"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    folder = default_folder()
    assert folder == tmp_path / "data" / "netlab" / "vagrant"
    shipped = (package / "vagrant" / "Vagrantfile").read_bytes()
    assert (folder / "Vagrantfile").read_bytes() == shipped
    (folder / "Vagrantfile").write_text("of an older netlab")
    default_folder()
    assert (folder / "Vagrantfile").read_bytes() == shipped


@pytest.mark.skipif(shutil.which("vagrant") is None, reason="vagrant is not installed")
def test_folder_with_two_machines_is_refused(tmp_path: Path) -> None:
    (tmp_path / "Vagrantfile").write_text(
        'Vagrant.configure("2") { |config| %w[a b].each { |name| config.vm.define(name) { |vm| vm.vm.box = "none" } } }'
    )
    with pytest.raises(TargetError, match="its machines are a, b; netlab needs exactly one"):
        Vagrant(tmp_path).state()


@pytest.mark.skipif(shutil.which("vagrant") is None, reason="vagrant is not installed")
@pytest.mark.parametrize("provider", ["virtualbox", "hyperv"])
def test_vagrantfile_is_valid_for_the_providers_that_vagrant_brings(
    provider: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VAGRANT_DEFAULT_PROVIDER", provider)
    monkeypatch.setenv("VAGRANT_DOTFILE_PATH", str(tmp_path / "dot"))
    done = subprocess.run(
        ("vagrant", "validate", "--ignore-provider"), cwd=ROOT / "vagrant", capture_output=True, text=True
    )
    assert "validated successfully" in done.stdout, done.stdout + done.stderr
