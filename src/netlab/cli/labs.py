"""`netlab list`, `show`, `validate`, `schema`, `new`: labs as files, on any machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from netlab.cli import streams
from netlab.cli.guard import MISTAKE, PASS
from netlab.outputs._text import Line, cut
from netlab.units import human_duration

if TYPE_CHECKING:
    from netlab.errors import Mistake
    from netlab.lab import Entry


def catalogue(folders: list[Path], json: bool) -> int:
    """List every lab there is."""
    from netlab import codec, lab

    entries = lab.catalogue(folders)
    if json:
        streams.document({"labs": codec.encode(entries)})
    elif not entries:
        streams.err("netlab: no labs in ./labs, in --labs DIR, or shipped with netlab; `netlab new NAME` starts one\n")
    else:
        streams.lines(table(entries))
    return PASS


def table(entries: Sequence[Entry]) -> Iterator[Line]:
    """One line a lab, and one a variant."""
    names = [name for entry in entries for name in (entry.name, *(f"  {variant}" for variant in entry.variants))]
    width = max(map(len, names))
    room = 96 - width
    for entry in entries:
        if entry.error:
            said = entry.error.splitlines()
            more = f" (and {len(said) - 1} more; netlab validate)" if len(said) > 1 else ""
            yield (f"{entry.name:{width}}  ", "bold"), (f"✗ {cut(said[0], room - len(more) - 2)}{more}", "red")
            continue
        yield (f"{entry.name:{width}}  ", "bold"), *titled(entry.title, entry.takes_ns, room)
        for variant, title in entry.variants.items():
            yield (f"  {variant:{width - 2}}  ", "cyan"), *titled(title, entry.variants_take_ns.get(variant), room)


def titled(title: str, takes_ns: int | None, room: int) -> Line:
    """A title, and how long a run takes where the kernel takes its time."""
    takes = f"  takes {human_duration(takes_ns)}" if takes_ns else ""
    return (cut(title, room - len(takes)), ""), (takes, "yellow")


def show(name: str, folders: list[Path], variant: str | None, json: bool) -> int:
    """Show one lab."""
    from netlab import lab

    shown = lab.load(lab.find(name, folders), variant)
    if json:
        from netlab import codec

        streams.document(
            {
                "name": shown.name,
                "title": shown.title,
                "claim": shown.claim,
                "source": shown.source,
                "finding": codec.encode(shown.finding),
                "takes_ns": shown.takes,
                "path": str(shown.path),
                "variant": shown.variant,
                "variants": shown.variants,
                "parameters": codec.encode(shown.parameters),
                "needs": list(shown.needs),
                "steps": [planned.text for planned in shown.steps],
                "definition": codec.encode(shown.definition),
            }
        )
    else:
        from netlab.cli import drawing

        streams.lines(drawing.lab(shown))
    return PASS


def validate(files: list[Path], json: bool) -> int:
    """Check lab files; every mistake of every file."""
    from netlab import lab

    found = {str(file): lab.validate(file) for file in files}
    if json:
        streams.document({"valid": not any(found.values()), "files": [judged(*item) for item in found.items()]})
    else:
        for file, mistakes in found.items():
            streams.out("".join(f"{mistake.text(file)}\n" for mistake in mistakes) or f"{file}: a valid lab\n")
    return MISTAKE if any(found.values()) else PASS


def judged(file: str, mistakes: list[Mistake]) -> dict[str, object]:
    """One file for the JSON document."""
    from netlab import codec

    return {"file": file, "valid": not mistakes, "mistakes": codec.encode(mistakes)}


def schema() -> int:
    """Print the JSON Schema of lab files."""
    from netlab import lab

    streams.document(lab.json_schema())
    return PASS


def new(name: str) -> int:
    """Write a lab to start from."""
    from netlab.lab import template

    folder = template.write(name)
    streams.out(f"{folder / 'lab.yaml'} and README.md are written; next: netlab run {name}\n")
    return PASS
