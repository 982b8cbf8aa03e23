"""The lab file: what a lab says of itself, and everything that can be wrong with it.

    from netlab.lab import load, find
    lab = load(find("half-open"), variant="cable")

    file.py document.py nodes.py         bytes to text to a tree of nodes that know their lines and columns
    parameters.py                        ${name}
    typed.py explain.py                  nodes to dataclasses (model.py, netlab.spec, the plugins); what does not fit
    hosts.py links.py names.py plan.py   the checks across the file, and the steps; mistakes.py collects and words
    resolve.py loading.py lab.py         a tree, variant by variant, to a Lab
    library.py                           names to files; the catalogue
    schema.py template.py                the JSON Schema; what `netlab new` writes (docs/make_lab_file.py: the manual)

Rules: importing this package imports neither YAML nor pydantic; a lab without mistakes is loaded without pydantic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netlab.lab.lab import Lab
    from netlab.lab.library import Entry, catalogue, find, names, variants
    from netlab.lab.loading import from_definition, load, load_all, validate
    from netlab.lab.schema import json_schema

__all__ = [
    "Entry",
    "Lab",
    "catalogue",
    "find",
    "from_definition",
    "json_schema",
    "load",
    "load_all",
    "names",
    "validate",
    "variants",
]

_HOMES = {
    "Entry": "library",
    "catalogue": "library",
    "find": "library",
    "names": "library",
    "variants": "library",
    "Lab": "lab",
    "from_definition": "loading",
    "load": "loading",
    "load_all": "loading",
    "validate": "loading",
    "json_schema": "schema",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for, when it is asked for."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
