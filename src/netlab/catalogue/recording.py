"""Writes what was found on this kernel into the lab files: `finding.recorded`.

Rules: only a finding is written, never "otherwise" or unknown. Only the lines of that one `finding` change; its
comments stay, and so does everything else, byte for byte. What is written is read again before the file is replaced.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from netlab.catalogue.claim import Row, row
from netlab.catalogue.outcome import Outcome
from netlab.errors import NetlabError
from netlab.lab import validate

__all__ = ["record"]


def record(outcomes: Sequence[Outcome]) -> list[Row]:
    """Write each finding that is not recorded for this kernel yet, or otherwise; the rows that were written.

    Raises: NetlabError where a file cannot be written, or would not be a lab any more; nothing of it is changed then.
    """
    written = []
    for outcome in outcomes:
        found = row(outcome)
        if outcome.lab is None or outcome.lab.path is None or found.finding in (None, "otherwise"):
            continue
        if found.recorded.get(found.kernel) != found.finding:
            write(outcome.lab.path, found)
            written.append(found)
    return written


def write(path: Path, found: Row) -> None:
    """Write one finding into its lab file. Raises: NetlabError."""
    text = path.read_text(encoding="utf-8")
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_text(changed(text, found), encoding="utf-8")
        if mistakes := validate(part):
            raise NetlabError(f"record the finding of {found.title}: {mistakes[0].text(str(path))}; write it by hand")
        os.replace(part, path)  # noqa: PTH105
    except OSError as error:
        raise NetlabError(f"record the finding of {found.title}: {path}: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)


def changed(text: str, found: Row) -> str:
    """The lab file with this finding recorded: of the variant where that has a finding of its own, else of the lab."""
    root = yaml().load(text)
    own = root["variants"][found.variant] if found.variant else None
    holder = own if own is not None and "finding" in own else root
    first, last = lines_of(holder, "finding", text)
    finding = holder["finding"]
    if not isinstance(finding, dict):
        finding = yaml().load(f"{{expected: {finding}}}")
    recorded = finding.setdefault("recorded", flow())
    recorded[quoted(found.kernel)] = found.finding
    kept = text.splitlines(keepends=True)
    return "".join([*kept[:first], *written(finding, holder.lc.key("finding")[1]), *kept[last:]])


def lines_of(holder: Any, key: str, text: str) -> tuple[int, int]:
    """The lines [first, last) of a key and its value, without what stands behind it: blank lines, comments."""
    first, column = holder.lc.key(key)
    lines = text.splitlines()
    last = first + 1
    while last < len(lines) and (not lines[last].strip() or indent(lines[last]) > column):
        last += 1
    while not lines[last - 1].strip() or lines[last - 1].lstrip().startswith("#"):
        last -= 1
    return first, last


def indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def written(finding: Any, column: int) -> list[str]:
    """The lines of this finding, from this column on."""
    stream = io.StringIO()
    yaml().dump({"finding": finding}, stream)
    lines = stream.getvalue().splitlines()
    while not lines[-1].strip() or lines[-1].lstrip().startswith("#"):
        lines.pop()
    return [f"{' ' * column}{line}\n" for line in lines]


def yaml() -> Any:
    """ruamel.yaml's round trip, in the style of the labs."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def flow() -> Any:
    """An empty mapping that is written in one line."""
    from ruamel.yaml.comments import CommentedMap

    mapping = CommentedMap()
    mapping.fa.set_flow_style()
    return mapping


def quoted(text: str) -> Any:
    """A text in quotes: 6.10 is no number here."""
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    return DoubleQuotedScalarString(text)
