"""How the classes of the language describe their fields: what `spec`, `impairment` and the plugin folders share.

Rules: nothing of netlab is imported here, so that any of them may.
"""

from __future__ import annotations

import dataclasses
from dataclasses import field
from typing import Any

__all__ = ["STRICT", "doc", "several"]

STRICT = {"extra": "forbid"}
"""The pydantic configuration of every class of the language: a key that it does not know is a mistake."""


def doc(description: str, default: Any = dataclasses.MISSING, factory: Any = dataclasses.MISSING) -> Any:
    """A dataclass field with its description (and JSON Schema takes it from there)."""
    metadata = {"description": description}
    if factory is not dataclasses.MISSING:
        return field(default_factory=factory, metadata=metadata)
    if default is not dataclasses.MISSING:
        return field(default=default, metadata=metadata)
    return field(metadata=metadata)


def several(given: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """What a field holds that takes one or several; () for nothing."""
    return (given,) if isinstance(given, str) else given or ()
