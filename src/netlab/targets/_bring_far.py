"""Puts netlab into a private virtual environment, on the far host: its text is sent there and run by its Python.

    in   {"do": "find" | "unpack" | "pip", "key": …, …}\n, then the wheels' bytes
    out  {…}\n, one answer

Rules: the standard library and Python 3.11 are all it has. An environment is built under another name, locked by the
process that builds it, and renamed when it is complete; what nobody holds a lock on was left by one that died. Whoever
is second to complete one uses the first's. Standard input that ends, or stays silent for too long, ends it.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import glob
import hashlib
import json
import os
import platform
import pwd
import select
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

SILENCE_S = 60.0
"""How long nothing may come of what was announced."""
PIP_S = 300.0
FRESH_S = 60.0
"""A partial environment this young may not have been locked yet."""
UNUSED_S, SPARE_S, MANY = 14 * 86400.0, 86400.0, 6
"""An environment goes when it was unused for so long; where there are many, for as long as the second says."""
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000


class Refused(Exception):
    """Something that cannot be done here, and why."""


def main() -> None:
    """Answer one request."""
    try:
        request = json.loads(line())
        answer = {"find": find, "unpack": unpack, "pip": pip}[request["do"]](request)
    except Refused as error:
        answer = {"error": str(error)}
    except OSError as error:
        answer = {"error": f"{error.strerror or error}: {error.filename or folder()}", "errno": error.errno}
    print(json.dumps(answer), flush=True)


# --- what there is ---


def find(request: dict[str, Any]) -> dict[str, Any]:
    """Whether netlab is there already; what else would be needed, if not."""
    clean()
    home = folder() / named(request["key"])
    ready = usable(home)
    if ready:
        os.utime(home)  # it is in use
    elif home.exists():  # the Python that it was made of is gone
        shutil.rmtree(home)
    return {
        "python": str(home / "bin" / "python") if ready else "",
        "version": list(sys.version_info[:3]),
        "abi": f"cp{sys.version_info[0]}{sys.version_info[1]}{getattr(sys, 'abiflags', '')}",
        "machine": platform.machine(),
        "libc": libc(),
        "namespaces": namespaces(),
        "switches": {path: text(Path("/proc/sys", path)) for path in request["switches"]},
    }


def folder() -> Path:
    """Where environments are kept: ~/.cache/netlab/far. Source: XDG Base Directory Specification."""
    own = Path(pwd.getpwuid(os.geteuid()).pw_dir)
    home = Path(os.environ.get("HOME") or own)
    if not home.is_dir() or home.stat().st_uid != os.geteuid():  # sudo may leave another user's HOME
        home = own
    given = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(given) if given.startswith("/") else home / ".cache") / "netlab" / "far"


def named(key: str) -> str:
    """An environment's name: homes may be shared by machines that are not alike."""
    return f"{key}-{sys.implementation.cache_tag}-{platform.machine()}-{libc().split()[0]}"


def usable(home: Path) -> bool:
    """Whether the environment is there, and the Python that it was made of, too."""
    return (home / "bin" / "python").exists()


def libc() -> str:
    """ "glibc 2.36" or "musl 1.2": which wheels can be used. Source: PEP 600, PEP 656."""
    with contextlib.suppress(OSError, ValueError):
        return os.confstr("CS_GNU_LIBC_VERSION") or "unknown"
    for loader in glob.glob("/lib/ld-musl-*.so.1"):  # noqa: PTH207
        said = subprocess.run([loader], stderr=subprocess.PIPE, text=True, check=False).stderr
        for each in said.splitlines():
            if each.startswith("Version "):
                return "musl " + ".".join(each.split()[1].split(".")[:2])
    return "unknown"


def namespaces() -> str:
    """Why no user namespace can be made here, "" where it can, or need not: root needs none."""
    if os.geteuid() == 0:
        return ""
    report, reported = os.pipe()
    child = os.fork()
    if child == 0:
        library = ctypes.CDLL(None, use_errno=True)
        failed = library.unshare(CLONE_NEWUSER | CLONE_NEWNET)
        os.write(reported, os.strerror(ctypes.get_errno()).encode() if failed else b"")
        os._exit(0)
    os.close(reported)
    with os.fdopen(report) as pipe:
        why = pipe.read()
    os.waitpid(child, 0)
    return why


def text(path: Path) -> str:
    """What a file says; "" where it is not there."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""


# --- what is made ---


def unpack(request: dict[str, Any]) -> dict[str, Any]:
    """An environment of the wheels that follow. A wheel is unpacked, and that is all. Source: PEP 427."""
    home = folder() / named(request["key"])
    with Partial(home) as partial:
        site = partial.environment()
        for wheel in request["wheels"]:
            file = receive(wheel, partial.path)
            with zipfile.ZipFile(file) as archive:
                archive.extractall(site)
            file.unlink()
        for data in site.glob("*.data"):
            for kind in ("purelib", "platlib"):
                if (data / kind).is_dir():
                    shutil.copytree(data / kind, site, dirs_exist_ok=True)
            shutil.rmtree(data)
        return {"python": partial.complete()}


def pip(request: dict[str, Any]) -> dict[str, Any]:
    """An environment for which pip, which follows with netlab's wheel, fetches the rest from this host's index."""
    home = folder() / named(request["key"])
    with Partial(home) as partial:
        partial.environment()
        ours, carried = (receive(wheel, partial.path) for wheel in request["wheels"])
        python = str(partial.path / "bin" / "python")
        # A wheel of pip can be run as it is: a zip with a package pip in it.
        command = [python, f"{carried}/pip", "--timeout", "15", "--retries", "1", "install", "--no-input", "--quiet"]
        done = subprocess.run(
            [*command, "--disable-pip-version-check", "--no-compile", str(ours), *request["wanted"]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PIP_S,
            check=False,
        )
        if done.returncode:
            errors = [line for line in done.stdout.splitlines() if line.startswith("ERROR: ")]
            raise Refused("pip: " + (errors[-1][7:] if errors else f"status {done.returncode}: {done.stdout[-1000:]}"))
        for file in (ours, carried):
            file.unlink()
        return {"python": partial.complete()}


class Partial:
    """An environment that is being made, under a name and a lock of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __enter__(self) -> Partial:
        folder().mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = Path(tempfile.mkdtemp(prefix=f"{self.home.name}.part-", dir=folder()))
        self._lock = os.open(self.path / ".lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        return self

    def environment(self) -> Path:
        """Make it a virtual environment without pip: that takes no package besides Python. Its site-packages."""
        import venv

        venv.EnvBuilder(symlinks=True, with_pip=False).create(self.path)
        scheme = {"base": str(self.path), "platbase": str(self.path)}
        return Path(sysconfig.get_path("purelib", "posix_prefix", scheme))

    def complete(self) -> str:
        """Give it its name; its Python there. Where another one has come first, that is it."""
        (self.path / ".lock").unlink()
        try:
            self.path.rename(self.home)
        except OSError:
            if not usable(self.home):
                raise
        return str(self.home / "bin" / "python")

    def __exit__(self, *exception: object) -> None:
        shutil.rmtree(self.path, ignore_errors=True)  # gone, where it has its name
        os.close(self._lock)


def clean() -> None:
    """Remove what died before it was complete, and what was not used for long."""
    if not folder().is_dir():
        return
    now, whole = time.time(), list[tuple[float, Path]]()
    for path in folder().iterdir():
        with contextlib.suppress(OSError):  # another one cleans, too
            unused = now - path.stat().st_mtime
            if ".part-" not in path.name:
                whole.append((unused, path))
            elif unlocked(path) and unused > FRESH_S:
                shutil.rmtree(path, ignore_errors=True)
    for place, (unused, path) in enumerate(sorted(whole)):
        if unused > UNUSED_S or (place >= MANY and unused > SPARE_S):
            shutil.rmtree(path, ignore_errors=True)


def unlocked(path: Path) -> bool:
    """Whether nobody works on this partial environment."""
    try:
        fd = os.open(path / ".lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
    return True


# --- what comes in ---


def receive(wheel: dict[str, Any], into: Path) -> Path:
    """The next file of standard input, checked. Raises: Refused."""
    file, digest, rest = into / Path(wheel["name"]).name, hashlib.sha256(), wheel["size"]
    with file.open("wb") as stream:
        while rest:
            piece = some(min(rest, 1 << 16))
            stream.write(piece)
            digest.update(piece)
            rest -= len(piece)
    if digest.hexdigest() != wheel["sha256"]:
        raise Refused(f"{file.name} arrived damaged")
    return file


def line() -> bytes:
    """The next line."""
    found = b""
    while not found.endswith(b"\n"):
        found += some(1)
    return found


def some(most: int) -> bytes:
    """What has come. Raises: Refused where nothing does."""
    ready, _, _ = select.select([0], [], [], SILENCE_S)
    piece = os.read(0, most) if ready else b""
    if not piece:
        raise Refused("the connection ended" if ready else f"nothing came for {SILENCE_S:.0f} s")
    return piece


if __name__ == "__main__":
    main()
