"""Finds labs: a name or path to a lab file, and everything that `netlab list` shows.

Rules: a lab is a folder with a lab.yaml in it; its name there is the folder's. Folders are searched in this order:
./labs, those the caller names, the labs that came with netlab; the first that has the name wins. Finding reads no
file and imports no YAML; the catalogue reads them all.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from netlab.errors import LabError, UsageError

__all__ = ["Entry", "catalogue", "find", "names", "shipped", "variants"]

FILE = "lab.yaml"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A lab in the catalogue."""

    name: str
    path: str
    title: str = ""
    claim: str = ""
    takes_ns: int | None = None
    """How long a run takes, where that is the kernel's own time."""
    variants: dict[str, str] = field(default_factory=dict)
    """Names and titles."""
    variants_take_ns: dict[str, int] = field(default_factory=dict)
    """How long a run of a variant takes, for those where that is the kernel's own time."""
    error: str | None = None
    """What is wrong with its file, if something is."""


def shipped() -> Path:
    """The folder of the labs that came with netlab: inside the wheel, or in the source tree beside src/."""
    package = Path(__file__).parents[1]
    inside = package / "shipped"
    return inside if inside.is_dir() else package.parents[1] / "labs"


def names(folders: Iterable[str | Path] = ()) -> dict[str, Path]:
    """Every lab by its name, sorted."""
    found: dict[str, Path] = {}
    for folder in (Path("labs"), *map(Path, folders), shipped()):
        for name, path in labs_in(folder):
            found.setdefault(name, path)
    return dict(sorted(found.items()))


def labs_in(folder: Path) -> Iterator[tuple[str, Path]]:
    """Names and lab files of one folder; none where it cannot be read."""
    try:
        inside = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
    except OSError:
        return
    for name in inside:
        path = folder / name / FILE
        if path.is_file():
            yield name, path


def find(name_or_path: str | Path, folders: Iterable[str | Path] = ()) -> Path:
    """The lab file that a name or a path means; a path may also be the lab's folder.

    Raises: UsageError, with the nearest name, where there is no such lab.
    """
    text = str(name_or_path)
    known = names(folders)
    if isinstance(name_or_path, str) and text in known:
        return known[text]
    path = Path(text)
    try:
        if path.is_dir() and (path / FILE).is_file():
            return path / FILE
        if path.exists() and not path.is_dir():
            return path
    except (OSError, ValueError):  # a name no file can have
        pass
    raise UsageError(unknown(text, path, known))


def unknown(text: str, path: Path, known: dict[str, Path]) -> str:
    """Why there is no such lab, and what there is. (os.path has an answer for names that no file can have, too.)"""
    from netlab.lab.mistakes import did_you_mean, quoted

    if len(path.parts) > 1 or path.suffix in (".yaml", ".yml"):
        what = f"no {FILE} in it" if os.path.isdir(path) else "no such file"  # noqa: PTH112
        return f"find the lab {quoted(text)}: {what}; give a lab's name, its file, or its folder"
    for file in (f"{text}.yaml", f"{text}.yml"):
        if os.path.isfile(file):  # noqa: PTH113
            return f"find the lab {quoted(text)}: no lab has this name, but {file} is here; give the file: {file}"
    return f"find the lab {quoted(text)}: no lab has this name; {did_you_mean(text, known, 'lab')}"


def variants(path: str | Path) -> dict[str, str]:
    """Names and titles of the variants of the lab file at `path`; nothing else in it is looked at.

    Raises: LabError where it cannot be read.
    """
    from netlab.lab import document
    from netlab.lab.nodes import Mapping, Scalar, child

    root, _ = document.read(Path(path))
    section = child(root, "variants")
    found = section.items if isinstance(section, Mapping) else {}
    titles = {name: child(node, "title") for name, node in found.items()}
    return {name: title.text if isinstance(title, Scalar) else "" for name, title in titles.items()}


def catalogue(folders: Iterable[str | Path] = ()) -> list[Entry]:
    """Every lab, by name; one whose file has mistakes is listed with them."""
    return [entry(name, path) for name, path in names(folders).items()]


def entry(name: str, path: Path) -> Entry:
    """What the catalogue shows of one lab."""
    from netlab.lab.loading import load_all

    try:
        labs = load_all(path)
    except LabError as error:
        return Entry(name=name, path=str(path), error=str(error))
    lab = labs.pop(None)
    return Entry(
        name=name,
        path=str(path),
        title=lab.title,
        claim=lab.claim,
        takes_ns=lab.takes,
        variants=lab.variants,
        variants_take_ns={variant: other.takes for variant, other in labs.items() if variant and other.takes},
    )
