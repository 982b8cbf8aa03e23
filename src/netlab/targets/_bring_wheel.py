"""The running netlab as a wheel: what is importable here is what travels, however it came here.

Rules: no build tool is needed. A wheel (PEP 427) is a zip of the package and of what describes it; the same files give
the same wheel. It holds the labs that came with netlab, too. What it needs there is what its own description says, less
what only a command line and targets need; versions are those that are installed here.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import importlib.metadata
import io
import re
import tomllib
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from netlab import __version__
from netlab.errors import TargetError

__all__ = ["Parcel", "parcel_of_this", "zipped"]

DISTRIBUTION = "netlab-faults"
NOT_THERE = ("paramiko", "typer", "rich")
"""What a far end has no use for: reaching others, a command line, a terminal."""
DIST_INFO = f"netlab_faults-{__version__}.dist-info"
TIME = (1980, 1, 1, 0, 0, 0)
"""The oldest time that a zip can hold: what is the same has the same hash."""


class Parcel:
    """netlab and the names of what it needs, ready to travel."""

    name = f"netlab_faults-{__version__}-py3-none-any.whl"

    @functools.cached_property
    def files(self) -> dict[str, bytes]:
        """Every file of the package by its name in the wheel."""
        from netlab.lab import library

        package = Path(__file__).parents[1]
        found = dict(contents(package, "netlab", leaving=("shipped",)))
        return found | dict(contents(library.shipped(), "netlab/shipped"))

    @functools.cached_property
    def requirements(self) -> tuple[str, ...]:
        """What it needs there, as its description says. Raises: TargetError."""
        wanted = (text for text in described() if "extra ==" not in text)
        return tuple(sorted(text for text in wanted if distribution(text) not in NOT_THERE))

    @functools.cached_property
    def pins(self) -> tuple[str, ...]:
        """The versions of everything that it needs, directly or not, where they are known here: "pydantic==2.10"."""
        waiting, found = [distribution(text) for text in self.requirements], dict[str, str]()
        while waiting:
            name = waiting.pop()
            try:
                installed = importlib.metadata.distribution(name)
            except importlib.metadata.PackageNotFoundError:
                continue
            if name not in found:
                found[name] = installed.version
                waiting += [distribution(text) for text in installed.requires or () if "extra ==" not in text]
        return tuple(f"{name}=={version}" for name, version in sorted(found.items()))

    @functools.cached_property
    def key(self) -> str:
        """Its version, and a hash of all that it is: another one is brought where anything has changed."""
        digest = hashlib.sha256(repr((self.requirements, self.pins)).encode())
        for name, data in sorted(self.files.items()):
            digest.update(f"{name}\0{len(data)}\0".encode() + data)
        return f"{__version__}-{digest.hexdigest()[:12]}"

    @functools.cached_property
    def wheel(self) -> bytes:
        """The wheel's bytes."""
        described_by = {
            f"{DIST_INFO}/METADATA": self._metadata().encode(),
            f"{DIST_INFO}/WHEEL": b"Wheel-Version: 1.0\nGenerator: netlab\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        files = self.files | described_by
        record = "".join(f"{name},sha256={hash64(data)},{len(data)}\n" for name, data in sorted(files.items()))
        files[f"{DIST_INFO}/RECORD"] = f"{record}{DIST_INFO}/RECORD,,\n".encode()
        return zipped(files)

    def _metadata(self) -> str:
        needs = "".join(f"Requires-Dist: {text}\n" for text in self.requirements)
        return f"Metadata-Version: 2.1\nName: {DISTRIBUTION}\nVersion: {__version__}\n{needs}"


@functools.cache
def parcel_of_this() -> Parcel:
    """The running netlab: read once, as it was imported once."""
    return Parcel()


def contents(folder: Path, prefix: str, leaving: Iterable[str] = ()) -> Iterator[tuple[str, bytes]]:
    """The files below a folder, but for what Python makes by itself and the named ones."""
    if not folder.is_dir():
        raise TargetError(
            f"pack netlab: {folder} is no folder; netlab travels from where it is installed as files, not from a zip"
        )
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        left_out = parts[0] in leaving or "__pycache__" in parts or path.suffix in (".pyc", ".pyo")
        if not left_out and path.is_file():
            yield "/".join((prefix, *parts)), path.read_bytes()


def described() -> list[str]:
    """What netlab says it needs: by pyproject.toml in a clone, else as it was installed. Raises: TargetError."""
    project = Path(__file__).parents[3] / "pyproject.toml"
    if project.is_file():
        told = tomllib.loads(project.read_text(encoding="utf-8")).get("project", {})
        if told.get("name") == DISTRIBUTION:
            return list(told["dependencies"])
    try:
        return importlib.metadata.requires(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        raise TargetError(
            f"pack netlab: it is imported from {Path(__file__).parents[1]}, where nothing says what it needs; "
            "install it (pip install .), or use a whole clone"
        ) from None


def distribution(requirement: str) -> str:
    """ "ruamel-yaml" of "ruamel.yaml>=0.18.6,<0.20". Source: PEP 503, normalized names."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else ""


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip of these files, the same for the same files."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(files.items()):
            entry = zipfile.ZipInfo(name, TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    return made.getvalue()


def hash64(data: bytes) -> str:
    """A digest as RECORD has it. Source: PEP 376, PEP 427."""
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
