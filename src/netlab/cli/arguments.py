"""Arguments and options that several commands share, and what completes them at a Tab.

Rules: completing reads file names, and for variants the one lab file that is named; it never fails and never prints.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netlab.errors import NetlabError

__all__ = [
    "JobsOption",
    "JsonOption",
    "KernelOption",
    "LabArgument",
    "LabsArgument",
    "LabsOption",
    "LongOption",
    "OnOption",
    "OptionalLabArgument",
    "SetOption",
    "VariantOption",
    "folders",
]


def folders(context: typer.Context) -> list[Path]:
    """Every --labs DIR, before the command or after it."""
    found: list[Path] = []
    at: typer.Context | None = context
    while at is not None:
        found = [*map(Path, at.params.get("labs") or ()), *found]
        at = at.parent  # type: ignore[assignment]
    return found


def complete_lab(context: typer.Context, incomplete: str) -> list[str]:
    """Names of labs that begin so."""
    from netlab.lab import library

    try:
        return [name for name in library.names(folders(context)) if name.startswith(incomplete)]
    except (NetlabError, OSError):
        return []


def complete_variant(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Variants of the lab that the command line names, with their titles."""
    from netlab.lab import library

    # Where the line ends in `--variant`, the parser stops before it gives LAB its name, and leaves the word in `args`.
    words = [context.params.get("lab"), *context.args]
    lab = next((word for word in words if word), "")
    try:
        variants = library.variants(library.find(lab, folders(context)))
    except (NetlabError, OSError):
        return []
    return [(name, title) for name, title in variants.items() if name.startswith(incomplete)]


def complete_target(incomplete: str) -> list[str]:
    """Schemes of targets that begin so."""
    from netlab.targets import TARGETS

    return [f"{word}:" for word in TARGETS.words if word.startswith(incomplete)]


LabArgument = Annotated[
    str,
    typer.Argument(
        metavar="LAB", help="A lab's name (see `netlab list`), or the path of a lab file.", autocompletion=complete_lab
    ),
]
OptionalLabArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="LAB",
        help="A lab's name (see `netlab list`), or the path of a lab file. Or --all.",
        autocompletion=complete_lab,
    ),
]
LabsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[LAB]...", help="Names or paths of labs. Default: all.", autocompletion=complete_lab),
]
JobsOption = Annotated[
    int | None, typer.Option("--jobs", "-j", metavar="N", help="How many labs are played at once (with many).")
]
LongOption = Annotated[
    bool, typer.Option("--long", help="Also those that take more than 10 s, which are left out otherwise.")
]
LabsOption = Annotated[
    list[Path] | None,
    typer.Option("--labs", metavar="DIR", help="Look for labs in DIR too, after ./labs. May be repeated."),
]
OnOption = Annotated[
    str | None,
    typer.Option(
        "--on",
        metavar="TARGET",
        help="Run there: local:, microvm:[KERNEL], ssh://[user@]host[:port], vagrant:[DIR].",
        autocompletion=complete_target,
    ),
]
KernelOption = Annotated[
    list[str] | None,
    typer.Option(
        "--kernel", metavar="KERNEL", help="Run in a microVM with this kernel. Repeated: a table of findings by kernel."
    ),
]
VariantOption = Annotated[
    str | None,
    typer.Option("--variant", metavar="NAME", help="Take this variant of the lab.", autocompletion=complete_variant),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Give a parameter of the lab this value. May be repeated."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, and nothing else there.")]
