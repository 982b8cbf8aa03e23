"""Folders of the user of this machine: what may be lost, what is to stay, what "~" stands for."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from netlab.errors import UsageError

__all__ = ["cache", "expanded", "user_data"]


def cache() -> Path:
    """netlab's folder for what can be had again."""
    return (xdg("XDG_CACHE_HOME") or Path.home() / ".cache") / "netlab"


def user_data() -> Path:
    """Where this system keeps the data of a user's programs."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    return xdg("XDG_DATA_HOME") or Path.home() / ".local" / "share"


def xdg(variable: str) -> Path | None:
    """The folder that the user chose, if it is absolute. Source: XDG Base Directory Specification."""
    given = os.environ.get(variable, "")
    return Path(given) if given.startswith("/") else None


def expanded(path: str) -> Path:
    """A path as a user writes it, perhaps with "~" or "~user" at its front. Raises: UsageError for nobody's home."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise UsageError(f"look for {path}: no user of this name is known here; give the full path") from None
