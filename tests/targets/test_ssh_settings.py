"""What a URL and ~/.ssh/config make of a host; `ssh -G` is the oracle."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from netlab.errors import UsageError
from netlab.targets._ssh_settings import Address, Settings, configured, parse

CONFIG = """
Include conf.d/*
User everywhere
Host alias other
  HostName %h.example.org
  Port 2022
  IdentityFile ~/.ssh/special
  IdentitiesOnly yes
  ConnectTimeout 1m30s
  ServerAliveInterval 7
  ServerAliveCountMax=2
  HostKeyAlias its-name
Match user special
  Port 4000
Host behind
  ProxyJump one,second@two:2222
Host *.proxied
  ProxyCommand nc -X 5 %h %p
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose configuration is this one."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    (tmp_path / ".ssh/conf.d").mkdir(parents=True)
    (tmp_path / ".ssh/config").write_text(CONFIG)
    (tmp_path / ".ssh/conf.d/a").write_text("Host included\n  HostName 10.1.2.3\n  User root\n")
    return tmp_path


def settings(url: str, home: Path) -> Settings:
    assert Path.home() == home
    return configured(parse(url))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ssh://host", Address(host="host")),
        ("ssh://me@Host:22/", Address(host="Host", user="me", port=22)),
        ("ssh://[fd00::1]:2222", Address(host="fd00::1", port=2222)),
        ("ssh://a%40b@host?trust=first-use", Address(host="host", user="a@b", trust_first_use=True)),
    ],
)
def test_a_url_is_taken_apart(url: str, expected: Address) -> None:
    assert parse(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "ssh:host",
        "ssh://",
        "ssh://host:port",
        "ssh://host:70000",
        "ssh://me:secret@host",
        "ssh://host/lab",
        "ssh://host?trust=always",
        "ssh://host?trust=first-use&x",
        "ssh://-oProxyCommand=x",
        "ssh://a;b@host",
    ],
)
def test_a_url_that_means_nothing_says_how_one_is_written(url: str) -> None:
    with pytest.raises(UsageError, match=r"ssh://\[user@\]host\[:port\]"):
        parse(url)


def test_an_alias_has_all_that_its_section_says(home: Path) -> None:
    found = settings("ssh://alias", home)
    assert (found.host, found.user, found.port) == ("alias.example.org", "everywhere", 2022)
    assert found.keys == (home / ".ssh/special",)
    assert (found.connect_s, found.alive_s, found.alive_count) == (90, 7, 2)
    assert found.known_name == "its-name"
    assert found.keys_only
    assert found.known_hosts[0] == home / ".ssh/known_hosts"


@pytest.mark.parametrize("everyone", ["", "GlobalKnownHostsFile none"])
def test_what_is_trusted_is_kept_in_no_file_but_the_users_own(home: Path, everyone: str) -> None:
    (home / ".ssh/config").write_text(f"UserKnownHostsFile none\n{everyone}\n")
    assert settings("ssh://host", home).known_hosts[0] == Path("/dev/null")


def test_the_url_goes_before_the_file(home: Path) -> None:
    found = settings("ssh://special@alias:99", home)
    assert (found.user, found.port) == ("special", 99)
    assert settings("ssh://special@elsewhere", home).port == 4000
    assert settings("ssh://me@x.proxied:7", home).proxy_command == "nc -X 5 x.proxied 7"


def test_hops_are_reached_as_their_own_sections_say(home: Path) -> None:
    (home / ".ssh/config").write_text(CONFIG + "Host one\n  ProxyJump zero\n  HostName 10.0.0.1\n")
    found = settings("ssh://behind", home)
    assert [hop.place for hop in found.jumps] == ["everywhere@zero", "everywhere@10.0.0.1", "second@two:2222"]
    assert [hop.known_name for hop in found.jumps] == ["zero", "10.0.0.1", "[two]:2222"]


def test_hops_that_lead_in_a_circle_are_refused(home: Path) -> None:
    (home / ".ssh/config").write_text("Host *\n  ProxyJump other\n")
    with pytest.raises(UsageError, match="too many hosts"):
        settings("ssh://host", home)


def test_files_that_include_each_other_are_refused(home: Path) -> None:
    (home / ".ssh/conf.d/a").write_text("Include conf.d/a\n")
    with pytest.raises(UsageError, match="include each other"):
        settings("ssh://host", home)


@pytest.mark.parametrize("text", ["Port many", "Match\n", "Host x\n  Include y"])
def test_a_configuration_that_cannot_be_read_is_named(home: Path, text: str) -> None:
    (home / ".ssh/config").write_text(text + "\n")
    with pytest.raises(UsageError, match=str(home / ".ssh/config")):
        settings("ssh://host", home)


@pytest.mark.skipif(shutil.which("ssh") is None, reason="lacks openssh")
@pytest.mark.parametrize("host", ["alias", "included", "elsewhere", "behind", "x.proxied"])
def test_openssh_understands_the_same(home: Path, host: str) -> None:
    # ssh looks for relative Includes below the home of its passwd entry, ssh_config(5): the oracle gets a full path.
    whole = home / "whole"
    whole.write_text(CONFIG.replace("conf.d/*", str(home / ".ssh/conf.d/*")))
    said = subprocess.run(["ssh", "-G", "-F", whole, host], capture_output=True, text=True, check=True).stdout
    theirs = dict(line.partition(" ")[::2] for line in said.splitlines())
    ours = settings(f"ssh://{host}", home)
    assert (ours.host, ours.user, str(ours.port)) == (theirs["hostname"], theirs["user"], theirs["port"])
    assert ours.proxy_command == theirs.get("proxycommand", "").replace("%h", host).replace("%p", "22")
    assert ",".join(hop.place for hop in ours.jumps).replace("everywhere@", "") == theirs.get("proxyjump", "")
    assert ours.known_as == theirs.get("hostkeyalias", "")
