"""Brings netlab to a far host: into a private virtual environment there, kept by its version and content.

    find ─▶ it is there ───────────────────────────────────────────────────────▶ its Python
      └───▶ netlab as a wheel, and of what it needs
              what is installed here, where that fits ──────────┬─unpack─▶ made there ─▶
              else wheels for that Python, fetched here by pip ─┘                  ▲
              else netlab alone, and pip ──────────── pip fetches the rest there ──┘

Rules: it takes a way to start a command there, and nothing else: no file transfer, no pip, no root, no package besides
Python 3.11. All there is done by _bring_far, whose text is sent along. Wheels come from here first, because they are
then the same versions as here, and a far host needs no way to an index.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib.resources
import io
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from netlab import __version__
from netlab.errors import NeedError, TargetError
from netlab.probes import _remedies
from netlab.targets import Far, Stdin, Tell
from netlab.targets._bring_fetch import carried_pip, description, fetch, platforms
from netlab.targets._bring_installed import packed
from netlab.targets._bring_wheel import Parcel, parcel_of_this

__all__ = ["Start", "bring"]

Start = Callable[[Sequence[str]], Far]
"""Starts a command on the far host."""

NO_PYTHON = 66
"""The status of FIND_PYTHON where none will do."""
FIND_PYTHON = (
    "for p in python3 python3.14 python3.13 python3.12 python3.11; do "
    '"$p" -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null && '
    'exec "$p" -c "import sys; exec(sys.stdin.buffer.raw.readline())"; done; '
    f"for p in python3 python; do command -v $p && $p --version; done 2>&1; exit {NO_PYTHON}"
)
"""Has the first Python that is new enough run the line that comes first. Without a single quote, a backslash or an
exclamation mark, which not every login shell takes for itself within single quotes."""
PIECE = 64 << 10
MOST = 1 << 20
"""Bytes of an answer; it has some hundred."""
WITHIN_S = {"find": 60.0, "unpack": 300.0, "pip": 600.0}
"""How long an answer may take once all was sent: where a login does something else, none ever comes."""
PLAIN = "a login there must print nothing by itself, and be allowed to run commands"
SPACE = "it needs 30 MB there: make room, or let XDG_CACHE_HOME name another place"

Answer = dict[str, Any]


def bring(start: Start, place: str, tell: Tell) -> str:
    """Have netlab there; the path of its Python. Raises: TargetError, NeedError (no Python, no namespaces)."""
    parcel = parcel_of_this()
    there = ask(start, place, {"do": "find", "key": parcel.key, "switches": _remedies.SWITCHES})
    if there["namespaces"]:
        raise NeedError(
            f"run labs on {place}: it lets this user make no namespaces ({there['namespaces']}); "
            f"{_remedies.for_namespaces(there['switches'].__getitem__)}"
        )
    if there["python"]:
        return str(there["python"])
    begun = time.monotonic()
    tell(f"bringing netlab {__version__} to {place}: {description(there)}")
    done = by_wheels(start, place, parcel, there)
    tell(f"netlab is on {place}, after {time.monotonic() - begun:.1f} s")
    return str(done["python"])


def by_wheels(start: Start, place: str, parcel: Parcel, there: Answer) -> Answer:
    """Have it made there of wheels from here; or, where there are none here, of what pip fetches there."""
    files = [Upload.of(parcel.name, parcel.wheel)]
    installed = packed(parcel, there, platforms(there["libc"], there["machine"]))
    if installed is not None:
        files += [Upload.of(name, data) for name, data in installed]
    else:
        try:
            files += map(Upload.of_file, fetch(parcel, there))
        except TargetError as problem:
            return by_index(start, place, parcel, problem)
    return ask(start, place, {"do": "unpack", "key": parcel.key}, files)


def by_index(start: Start, place: str, parcel: Parcel, problem: TargetError) -> Answer:
    """Have pip fetch there what could not be had here. Raises: TargetError telling of both."""
    pip = carried_pip()
    if pip is None:
        raise problem
    request = {"do": "pip", "key": parcel.key, "wanted": list(parcel.requirements)}
    try:
        return ask(start, place, request, [Upload.of(parcel.name, parcel.wheel), Upload.of("pip.whl", pip)])
    except TargetError as error:
        why = str(error).removeprefix(f"bring netlab to {place}: ")
        raise TargetError(
            f"bring netlab to {place}: what it needs could not be had here ({problem}), nor there ({why}); give one "
            "of the two a way to a package index (pip's settings: index-url, proxy)"
        ) from None


@dataclass(frozen=True)
class Upload:
    """A file on its way."""

    name: str
    size: int
    sha256: str
    open: Callable[[], BinaryIO]

    @classmethod
    def of(cls, name: str, data: bytes) -> Upload:
        """One that is in memory."""
        return cls(name, len(data), hashlib.sha256(data).hexdigest(), lambda: io.BytesIO(data))

    @classmethod
    def of_file(cls, path: Path) -> Upload:
        """One that is on disk."""
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return cls(path.name, path.stat().st_size, digest, lambda: path.open("rb"))


def ask(start: Start, place: str, request: Answer, files: Sequence[Upload] = ()) -> Answer:
    """The answer of _bring_far on the far host. Raises: TargetError, NeedError."""
    told = [{"name": file.name, "size": file.size, "sha256": file.sha256} for file in files]
    code = importlib.resources.files(__package__).joinpath("_bring_far.py").read_text(encoding="utf-8")
    far = start(["sh", "-c", FIND_PYTHON])
    try:
        with contextlib.suppress(BrokenPipeError):  # what it says of its end tells more
            send(far.stdin, f"exec({code!r})\n".encode() + json.dumps(request | {"wheels": told}).encode() + b"\n")
            for file in files:
                with file.open() as stream:
                    while part := stream.read(PIECE):
                        send(far.stdin, part)
        return understood(place, answered(place, far, WITHIN_S[request["do"]]), far)
    finally:
        far.close()


def answered(place: str, far: Far, seconds: float) -> bytes:
    """All that it writes, until it has ended. Raises: TargetError where that is not within so long, or is too much."""
    late = threading.Timer(seconds, far.close)  # which unblocks what waits here
    late.daemon = True
    late.start()
    heard, begun = b"", time.monotonic()
    try:
        while len(heard) < MOST and (piece := far.stdout.read(PIECE) or b""):
            heard += piece
        if len(heard) < MOST:
            far.wait()
    finally:
        late.cancel()
    if len(heard) >= MOST or time.monotonic() > begun + seconds:
        raise TargetError(
            f"bring netlab to {place}: what answers there is not its Python: it said {len(heard)} bytes within "
            f"{time.monotonic() - begun:.0f} s, and {heard[:200].decode(errors='replace')!r} first; {PLAIN}"
        )
    return heard


def send(stdin: Stdin, data: bytes) -> None:
    """Write all of it, also where a write takes a part only."""
    while data:
        taken = stdin.write(data)
        data = b"" if taken is None else data[taken:]


def understood(place: str, heard: bytes, far: Far) -> Answer:
    """What it answered. Raises: TargetError, NeedError."""
    status = far.wait()
    if status == NO_PYTHON:
        found = " ".join(heard.decode(errors="replace").split())
        raise NeedError(
            f"find Python 3.11 or newer on {place}: there is {found or 'none'}; install one there (Debian: apt install "
            "python3), or put it on the PATH that commands over SSH get"
        )
    try:
        answer: Answer = json.loads(heard)
    except ValueError:
        said = (far.said() or heard.decode(errors="replace")).strip()[-2000:]
        raise TargetError(
            f"bring netlab to {place}: its Python ended with status {status} and said {said!r}; {PLAIN}"
        ) from None
    if "error" not in answer:
        return answer
    if answer.get("errno") in (errno.ENOSPC, errno.EDQUOT):
        raise TargetError(f"bring netlab to {place}: {answer['error']}; {SPACE}")
    raise TargetError(f"bring netlab to {place}: {answer['error']}")
