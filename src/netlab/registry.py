"""Finds the plugins of a folder by their file names.

Rules: one plugin, one file; the word in a lab file is the file's name with "-" for "_"; a file holds exactly one
public subclass of the folder's base class; listing the words imports none of them. Names that begin with "_" are
not plugins.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cached_property
from typing import Any, Generic, TypeVar, cast

from netlab.errors import UsageError

T = TypeVar("T")


class Registry(Generic[T]):
    """The plugins of one package: `Registry("netlab.faults", Fault)["unplug"]` is the class Unplug."""

    def __init__(self, package: str, base: type[Any]) -> None:
        self.package = package
        self.base = base
        self._loaded: dict[str, type[T]] = {}

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Every word of the folder, sorted; nothing is imported for it but the package itself."""
        path = importlib.import_module(self.package).__path__
        names = [module.name for module in pkgutil.iter_modules(path)]
        return tuple(sorted(name.replace("_", "-") for name in names if not name.startswith("_")))

    def __contains__(self, word: object) -> bool:
        return word in self.words

    def __getitem__(self, word: str) -> type[T]:
        """The plugin class of this word.

        Raises: UsageError where there is no such file, or where it does not hold exactly one plugin.
        """
        if word not in self._loaded:
            self._loaded[word] = self._load(word)
        return self._loaded[word]

    def all(self) -> dict[str, type[T]]:
        """Every plugin by its word; imports them all."""
        return {word: self[word] for word in self.words}

    def _load(self, word: str) -> type[T]:
        if word not in self.words:
            raise UsageError(f"{word}: no such plugin in {self.package}; there are {', '.join(self.words)}")
        module = importlib.import_module(f"{self.package}.{word.replace('-', '_')}")
        found = [
            member
            for name, member in inspect.getmembers(module, inspect.isclass)
            if issubclass(member, self.base) and member.__module__ == module.__name__ and not name.startswith("_")
        ]
        if len(found) != 1:
            raise UsageError(f"{module.__file__}: holds {len(found)} plugins; a plugin file holds exactly one")
        found[0].word = word  # type: ignore[attr-defined]
        return cast("type[T]", found[0])
