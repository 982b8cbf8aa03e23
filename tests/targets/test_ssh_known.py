"""known_hosts: read as OpenSSH reads it; ssh-keygen is the oracle."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from netlab.errors import TargetError
from netlab.targets._ssh_known import KnownKey, check, fingerprint, hashed, keep, known_keys, matches, preferred

KIND = "ssh-ed25519"
ONE, OTHER = b"\0\0\0\x0bssh-ed25519\0\0\0 " + b"1" * 32, b"\0\0\0\x0bssh-ed25519\0\0\0 " + b"2" * 32

needs_keygen = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="lacks openssh")


def checked(known: list[KnownKey], shown: bytes, trust: bool = False, file: Path = Path("/nowhere")) -> list[str]:
    """What is told when a server shows this key."""
    told: list[str] = []
    check(known, "host", (KIND, shown), trust_first_use=trust, keep_in=(file, False), tell=told.append)
    return told


@pytest.mark.parametrize(
    ("patterns", "name", "expected"),
    [
        ("host", "host", True),
        ("other,host", "host", True),
        ("[host]:2222", "[host]:2222", True),
        ("[host]:2222", "host", False),
        ("host", "[host]:2222", False),
        ("*.example.org", "a.example.org", True),
        ("*.example.org,!a.example.org", "a.example.org", False),
        ("h?st", "host", True),
        ("HOST", "host", True),
        ("[h*]:22", "[host]:22", True),
        (hashed("host"), "host", True),
        (hashed("host"), "hosts", False),
        ("|1|not base64|at all", "host", False),
    ],
)
def test_the_first_field_means_a_host(patterns: str, name: str, expected: bool) -> None:
    assert matches(patterns, name) is expected


@needs_keygen
def test_what_is_kept_is_found_by_ssh_keygen_and_the_other_way_round(tmp_path: Path) -> None:
    file = tmp_path / "ssh" / "known_hosts"
    keep(file, "host", KIND, ONE)
    file.write_text(file.read_text().rstrip("\n"))  # a file whose last line does not end
    keep(file, hashed("[hidden]:2222"), KIND, OTHER)
    for name, blob in (("host", ONE), ("[hidden]:2222", OTHER)):
        found = subprocess.run(["ssh-keygen", "-lF", name, "-f", file], capture_output=True, text=True, check=True)
        assert fingerprint(blob) in found.stdout
        assert [key.blob for key in known_keys([file], name)] == [blob]
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", file], check=True, capture_output=True)
    assert [key.blob for key in known_keys([file], "host")] == [ONE]
    assert file.stat().st_mode & 0o777 == 0o600


def test_lines_that_are_no_keys_are_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    keep(file, "host", KIND, ONE)
    good = file.read_text()
    file.write_text(f"# host\n\nhost ssh-rsa\nhost ssh-rsa !!!\n@cert-authority * {good.partition(' ')[2]}{good}")
    assert [(key.blob, key.place) for key in known_keys([file, tmp_path / "none"], "host")] == [(ONE, f"{file}:6")]


def test_a_known_key_is_taken_in_silence_and_any_other_is_refused() -> None:
    known = [KnownKey(KIND, ONE, "file:3")]
    assert checked(known, ONE) == []
    for trust in (False, True):
        with pytest.raises(TargetError, match="HAS CHANGED: file:3") as caught:
            checked(known, OTHER, trust)
        assert fingerprint(ONE) in str(caught.value)
        assert fingerprint(OTHER) in str(caught.value)


def test_a_host_known_by_another_kind_only_is_not_trusted_on_first_use() -> None:
    with pytest.raises(TargetError, match="HAS CHANGED"):
        checked([KnownKey("ssh-rsa", b"rsa", "file:1")], ONE, trust=True)


def test_a_revoked_key_is_refused_even_where_it_is_known() -> None:
    with pytest.raises(TargetError, match="revoked by file:2"):
        checked([KnownKey(KIND, ONE, "file:1"), KnownKey(KIND, ONE, "file:2", revoked=True)], ONE, trust=True)


def test_trust_that_cannot_be_kept_is_no_trust(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TargetError, match="netlab does not connect"):
        checked([], ONE, trust=True, file=tmp_path / "file" / "known_hosts")


def test_a_server_is_asked_for_the_kind_by_which_it_is_known() -> None:
    offered = ["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256"]
    assert preferred([KnownKey("ssh-rsa", b"", "")], offered)[:2] == ["rsa-sha2-512", "rsa-sha2-256"]
    assert preferred([], offered) == offered
