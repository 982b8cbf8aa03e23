"""What netlab needs, packed again from what is installed here: no index is asked, and the versions are the same.

Rules: only what pip (or the like) installed from a wheel can be packed, because its WHEEL says which machines it runs
on, and its RECORD which files it is made of. All or nothing: where one of them does not fit there, all are fetched
(_bring_fetch), so that what travels was resolved together.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable
from typing import Any

from netlab.targets._bring_wheel import Parcel, zipped

__all__ = ["packed"]


def packed(parcel: Parcel, there: dict[str, Any], platforms: Iterable[str]) -> list[tuple[str, bytes]] | None:
    """Names and bytes of wheels for the Python that `there` describes; None where what is installed does not fit."""
    fits = {"any", *platforms}
    wheels = []
    for pin in parcel.pins:
        distribution = importlib.metadata.distribution(pin.partition("==")[0])
        files = distribution.files
        tag = next((tag for tag in tags(distribution) if runs(tag, there, fits)), None)
        if files is None or tag is None:
            return None
        inside = [file for file in files if file.parts[0] != ".." and "__pycache__" not in file.parts]
        contents = {file.as_posix(): file.locate() for file in inside}
        if not all(place.is_file() for place in contents.values()):  # type: ignore[attr-defined]
            return None
        data = {name: place.read_bytes() for name, place in contents.items()}  # type: ignore[attr-defined]
        name = distribution.metadata["Name"].replace("-", "_")
        wheels.append((f"{name}-{distribution.version}-{tag}.whl", zipped(data)))
    return wheels


def tags(distribution: importlib.metadata.Distribution) -> list[str]:
    """The tags of the wheel that it was installed from: "py3-none-any". None for what runs from where it is edited."""
    if '"editable": true' in (distribution.read_text("direct_url.json") or ""):
        return []
    lines = (distribution.read_text("WHEEL") or "").splitlines()
    return [line.removeprefix("Tag: ").strip() for line in lines if line.startswith("Tag: ")]


def runs(tag: str, there: dict[str, Any], platforms: set[str]) -> bool:
    """Whether what has this tag runs there. Source: PEP 425; abi3 is upward compatible, PEP 384."""
    python, abi, platform = tag.split("-")
    major, minor, _ = there["version"]
    if platform not in platforms:
        return False
    if abi == "none":
        return python in (f"py{major}", f"py{major}{minor}", "py2.py3", f"cp{major}{minor}")
    if abi == "abi3":
        return python.removeprefix(f"cp{major}").isdigit() and int(python.removeprefix(f"cp{major}")) <= minor
    return bool(python == f"cp{major}{minor}" and abi == there["abi"])
