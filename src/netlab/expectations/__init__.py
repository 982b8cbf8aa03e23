"""Expectations: what a record must show, one word of `expect:` a file.

Rules: pure. A record goes in, checks come out; no kernel, no clock, no file, on any operating system. An expectation
is a frozen dataclass like a step. In the lab file the value of its word is one mapping, or a list of them where
several are meant. A witness that could not see makes the check UNKNOWN and says why; it never passes by absence.
A failed check says expected, seen and evidence, and the nearest cause. Expectations never import each other.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from netlab.fields import STRICT, doc
from netlab.records import Check, RunRecord
from netlab.registry import Registry

__all__ = ["EXPECTATIONS", "STRICT", "Expectation", "Mention", "doc"]


@dataclass(frozen=True)
class Mention:
    """A name inside an expectation's text: a `kind` of `netlab.spec.Ref`, and where (both from 1)."""

    kind: str
    name: str
    line: int
    column: int


@dataclass(frozen=True, kw_only=True)
class Expectation(ABC):
    """Something a record must show."""

    word: ClassVar[str]
    shorthand: ClassVar[str | None] = None
    """The field a bare scalar goes to (`wire: |` …)."""
    example: ClassVar[str] = ""
    """An `expect:` entry that uses it, as YAML; the reference shows it and the tests run it."""
    __pydantic_config__: ClassVar[dict[str, str]] = STRICT

    def mentions(self) -> list[Mention]:
        """Names inside the text of its `shorthand` field that must exist in the lab. Fields with `Ref` need none."""
        return []

    @abstractmethod
    def judge(self, record: RunRecord) -> list[Check]:
        """The checks of this expectation, at least one."""


EXPECTATIONS: Registry[Expectation] = Registry("netlab.expectations", Expectation)
