"""known_hosts: which host keys are to be expected of a server, and what is said where another one comes.

Rules: whoever is not known is refused; a key that has changed is refused even where a first use would be trusted, as
is a server that is known by keys of other kinds only (it need only have shown that kind to be known by it). What was
trusted is appended, never rewritten. The file is read here and not by paramiko.HostKeys, which fails at lines with a
marker and knows no patterns. Source: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT.
"""

from __future__ import annotations

import base64
import binascii
import fnmatch
import hashlib
import hmac
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from netlab.errors import TargetError
from netlab.targets import Tell

__all__ = ["KnownKey", "check", "fingerprint", "known_keys", "preferred"]

REVOKED, AUTHORITY = "@revoked", "@cert-authority"


@dataclass(frozen=True)
class KnownKey:
    """A line that speaks of a host."""

    kind: str
    """The key's kind: ssh-ed25519."""
    blob: bytes
    place: str
    """file:line"""
    revoked: bool = False


def known_keys(files: Iterable[Path], name: str) -> list[KnownKey]:
    """What the files know of a host by this name. Raises: TargetError where one cannot be read."""
    return [key for file in files for key in keys_in(file, name)]


def keys_in(file: Path, name: str) -> Iterator[KnownKey]:
    """The lines of one file about this host; those that cannot be understood are passed over, as OpenSSH does."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return
    except OSError as error:
        raise TargetError(f"look for the host key of {name} in {file}: {error.strerror}; make it readable") from None
    for number, line in enumerate(lines, 1):
        marker, words = "", line.split()
        if words and words[0].startswith("@"):
            marker, *words = words
        if len(words) < 3 or words[0].startswith("#") or marker == AUTHORITY or not matches(words[0], name):
            continue
        try:
            blob = base64.b64decode(words[2], validate=True)
        except binascii.Error:
            continue
        yield KnownKey(words[1], blob, f"{file}:{number}", marker == REVOKED)


def matches(patterns: str, name: str) -> bool:
    """Whether the first field of a line means this host: hashed, or patterns of which none that is negated fits."""
    if patterns.startswith("|1|"):
        return hashed_matches(patterns, name)
    found = False
    for pattern in patterns.lower().split(","):
        literal = pattern.removeprefix("!").replace("[", "[[]")  # * and ? only: brackets stand for themselves
        if fnmatch.fnmatchcase(name, literal):
            if pattern.startswith("!"):
                return False
            found = True
    return found


def hashed_matches(hashed: str, name: str) -> bool:
    """Whether |1|salt|hash is this name's: HMAC-SHA1 of the name under the salt. Source: OpenSSH hostfile.c."""
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in hashed.split("|")[2:4])
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(hmac.digest(salt, name.encode(), "sha1"), digest)


def fingerprint(blob: bytes) -> str:
    """SHA256:…, as ssh-keygen -l prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def preferred(known: list[KnownKey], offered: Iterable[str]) -> list[str]:
    """Algorithms for host keys, those first by which the host is known: it is to show the key that can be compared."""
    kinds = {key.kind for key in known if not key.revoked}
    if "ssh-rsa" in kinds:
        kinds |= {"rsa-sha2-512", "rsa-sha2-256"}  # the same keys with newer signatures. Source: RFC 8332 section 3
    return sorted(offered, key=lambda algorithm: algorithm not in kinds)


def check(
    known: list[KnownKey],
    name: str,
    shown: tuple[str, bytes],
    *,
    trust_first_use: bool,
    keep_in: tuple[Path, bool],
    tell: Tell,
) -> None:
    """Accept the key that a server has shown (its kind and itself), or not. `keep_in`: the file, whether hashed.

    Raises: TargetError where the key is unknown, revoked or another one.
    """
    kind, blob = shown
    print_ = f"{kind} {fingerprint(blob)}"
    if bad := next((key for key in known if key.revoked and key.blob == blob), None):
        raise TargetError(f"check the host key of {name}: {print_} is revoked by {bad.place}; do not connect")
    good = [key for key in known if not key.revoked]
    if any(key.blob == blob for key in good):
        return
    if good:
        raise TargetError(changed(name, print_, next((key for key in good if key.kind == kind), good[0])))
    if not trust_first_use:
        raise TargetError(
            f"check the host key of {name}: it is not known, and shows {print_}; compare that with the host's own "
            f"(`ssh-keygen -lf /etc/ssh/ssh_host_…_key.pub` there) and connect once with ssh, or trust it now by "
            f"?trust=first-use at the end of the URL"
        )
    file, hash_names = keep_in
    keep(file, hashed(name) if hash_names else name, kind, blob)
    tell(f"trusting {name} on first use: {print_}, kept in {file}")


def changed(name: str, shown: str, key: KnownKey) -> str:
    """What is said where another key was expected."""
    return (
        f"THE HOST KEY OF {name} HAS CHANGED: {key.place} knows {key.kind} {fingerprint(key.blob)}, and the server "
        f"shows {shown}; somebody may be between you and the host. netlab does not connect, nor does ?trust=first-use "
        f"change that. If the host was installed anew, ask its owner for the fingerprint, and then remove the old key: "
        f"ssh-keygen -f {key.place.rpartition(':')[0]} -R '{name}'"
    )


def hashed(name: str) -> str:
    """|1|salt|hash of a name."""
    salt = os.urandom(20)
    digest = hmac.digest(salt, name.encode(), "sha1")
    return "|1|" + "|".join(base64.b64encode(part).decode() for part in (salt, digest))


def keep(file: Path, name: str, kind: str, blob: bytes) -> None:
    """Append a key to the file, which is made where it is missing. Raises: TargetError."""
    line = f"{name} {kind} {base64.b64encode(blob).decode()}\n"
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "rb+", buffering=0) as stream:
            size = os.fstat(fd).st_size
            whole = size == 0 or os.pread(fd, 1, size - 1) == b"\n"
            stream.write(("" if whole else "\n").encode() + line.encode())
    except OSError as error:
        raise TargetError(
            f"keep the host key of {name} in {file}: {error.strerror}; trusting it would be forgotten, so netlab does "
            f"not connect: make the file writable, or set UserKnownHostsFile"
        ) from None
