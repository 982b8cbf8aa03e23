"""Wheels of what netlab needs, for another machine's Python: fetched here by pip, and kept.

    ~/.cache/netlab/wheels/KEY/*.whl

Rules: the same versions as here where there are wheels of them, else what the requirements allow. What is kept is
whole: fetched under another name, and renamed. pip judges environment markers by the Python it runs on (its manual,
pip download), so they are those of this machine; nothing that a far end needs depends on one.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from netlab.errors import TargetError
from netlab.targets._bring_wheel import Parcel, zipped
from netlab.targets._folders import cache

__all__ = ["carried_pip", "description", "fetch", "platforms"]

PIP_S = 300.0
OLD_S = 30 * 86400.0
NOTHING = "(from versions: none)"
"""What pip says where an index has nothing, or cannot be reached."""


def fetch(parcel: Parcel, there: dict[str, Any]) -> list[Path]:
    """The wheels, for the Python that `there` describes. Raises: TargetError where pip cannot get them."""
    kept = kept_in(parcel, there)
    if kept.is_dir():
        os.utime(kept)
        return sorted(kept.glob("*.whl"))
    pip = pip_here()
    if pip is None:
        raise TargetError("fetch netlab's wheels: there is no pip here; install it (python3 -m ensurepip)")
    kept.parent.mkdir(parents=True, exist_ok=True)
    clean(kept.parent)
    with tempfile.TemporaryDirectory(prefix=f"{kept.name}.part-", dir=kept.parent, ignore_cleanup_errors=True) as part:
        wanted = [*pip, "download", "--quiet", "--no-input", "--disable-pip-version-check", "--timeout", "15"]
        wanted += ["--retries", "1", "--dest", part, "--only-binary", ":all:", *target(there), *parcel.requirements]
        said = run([*wanted, *parcel.pins])
        if said and NOTHING not in said:  # there are wheels, of other versions
            said = run(wanted)
        if said:
            raise TargetError(f"fetch netlab's wheels for {description(there)}: pip says: {last_line(said)}")
        with contextlib.suppress(OSError):  # another one came first, with the same
            Path(part).rename(kept)
    return sorted(kept.glob("*.whl"))


def kept_in(parcel: Parcel, there: dict[str, Any]) -> Path:
    """The folder of these wheels: another one for what other machines or requirements ask."""
    asked = repr((parcel.requirements, parcel.pins, there["abi"], there["machine"], there["libc"]))
    return cache() / "wheels" / f"{there['abi']}-{hashlib.sha256(asked.encode()).hexdigest()[:12]}"


def clean(folder: Path) -> None:
    """Remove what was not used for long, and what somebody left who died."""
    for path in folder.iterdir():
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > OLD_S / (30 if ".part-" in path.name else 1):
                shutil.rmtree(path, ignore_errors=True)


def target(there: dict[str, Any]) -> Iterator[str]:
    """pip's options for another machine: its Python, and every platform whose wheels it can use."""
    major, minor, _ = there["version"]
    yield from ("--implementation", "cp", "--python-version", f"{major}.{minor}")
    for abi in (there["abi"], "abi3", "none"):
        yield from ("--abi", abi)
    for platform in platforms(there["libc"], there["machine"]):
        yield from ("--platform", platform)


def platforms(libc: str, machine: str) -> Iterator[str]:
    """Every tag of wheels that this C library can load, the newest first. Source: PEP 600, PEP 656."""
    family, _, version = libc.partition(" ")
    major, _, minor = version.partition(".")
    if family == "musl" and minor.isdigit():
        yield from (f"musllinux_{major}_{each}_{machine}" for each in range(int(minor), -1, -1))
    elif family == "glibc" and minor.isdigit():
        for each in range(int(minor), 4, -1):
            yield f"manylinux_{major}_{each}_{machine}"
            if name := {17: "2014", 12: "2010", 5: "1"}.get(each):
                yield f"manylinux{name}_{machine}"
    yield f"linux_{machine}"


def run(command: list[str]) -> str:
    """Run pip; "" where it did what it should, else what it said."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PIP_S,
        )
    except subprocess.TimeoutExpired:
        return f"it was not ready after {PIP_S:.0f} s"
    return (done.stdout.strip() or f"it ended with status {done.returncode}") if done.returncode else ""


def last_line(said: str) -> str:
    """The line of pip's that says what was wrong: the last error."""
    lines = said.splitlines()
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines)[-1]


def description(there: dict[str, Any]) -> str:
    """The Python of another machine, for messages."""
    return f"Python {'.'.join(map(str, there['version']))} on {there['machine']} ({there['libc']})"


def pip_here() -> list[str] | None:
    """The command that runs pip here: installed, or from the wheel that came with Python."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    bundled = bundled_pip()
    return [sys.executable, f"{bundled}/pip"] if bundled else None


def bundled_pip() -> Path | None:
    """The wheel of pip that came with Python. Source: Lib/ensurepip/__init__.py."""
    spec = importlib.util.find_spec("ensurepip")
    folders = [Path(spec.origin).parent / "_bundled"] if spec and spec.origin else []
    folders += [Path(given)] if (given := sysconfig.get_config_var("WHEEL_PKG_DIR")) else []
    return next((wheel for folder in folders for wheel in sorted(folder.glob("pip-*.whl"))), None)


def carried_pip() -> bytes | None:
    """pip as one file that Python can run, to be carried elsewhere; None where there is none here."""
    if (bundled := bundled_pip()) is not None:
        return bundled.read_bytes()
    spec = importlib.util.find_spec("pip")
    if spec is None or spec.origin is None:
        return None
    package = Path(spec.origin).parent
    files = (path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return zipped({str(path.relative_to(package.parent)): path.read_bytes() for path in files})
