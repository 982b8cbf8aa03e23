"""The JSON Schema of lab files: what an editor completes and checks while one is written.

Rules: made of the same classes that the loader validates with, by pydantic; every step, fault and expectation is
listed with its description. It accepts whatever the loader accepts (short forms, `${name}` in the place of any value)
and cannot know what goes across the file (names, addresses used twice): `netlab validate` does. Draft 2020-12.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from netlab.lab.model import LabFile
from netlab.lab.typed import shorthand_of
from netlab.lab.words import WORDS, Words
from netlab.steps import Action
from netlab.units import Duration, human_duration

__all__ = ["json_schema"]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TEMPLATE = "#/$defs/{model}"
FILLED_IN = r"\$\{"
"""A text with `${name}` in it: after it is filled in it may be anything."""
SCALAR = ["string", "number", "boolean"]
"""An editor takes 10 for a number where the loader takes it for a text."""


class Loose(GenerateJsonSchema):
    """pydantic's schema in the forms that a lab file may have."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def int_schema(self, schema: Any) -> dict[str, Any]:
        return either(super().int_schema(schema), text(r"^-?[0-9]+$"))

    def float_schema(self, schema: Any) -> dict[str, Any]:
        return either(super().float_schema(schema), text(r"^-?[0-9]"))

    def bool_schema(self, schema: Any) -> dict[str, Any]:
        return either(super().bool_schema(schema), text("^(true|false)$"))

    def literal_schema(self, schema: Any) -> dict[str, Any]:
        return either(super().literal_schema(schema), text(FILLED_IN))

    def str_schema(self, schema: Any) -> dict[str, Any]:
        return {**super().str_schema(schema), "type": SCALAR}

    def dict_schema(self, schema: Any) -> dict[str, Any]:
        return either(super().dict_schema(schema), {"type": "null"})

    def tuple_schema(self, schema: Any) -> dict[str, Any]:
        """A list; where it may have any length, one value stands for a list of one, and nothing for none."""
        made = super().tuple_schema(schema)
        item = made.get("items")
        if not isinstance(item, dict) or "object" in (item.get("type"), item.get("anyOf", [{}])[0].get("type")):
            return made
        return either(made, item, {"type": "null"})

    def encode_default(self, dft: Any) -> Any:
        return human_duration(dft).replace(" ", "") if isinstance(dft, Duration) else super().encode_default(dft)

    def dataclass_schema(self, schema: Any) -> dict[str, Any]:
        """A mapping; or the value of its shorthand alone; or nothing, where no key is required."""
        made = super().dataclass_schema(schema)
        kind = schema["cls"]
        made.pop("title", None)
        made["properties"] = {key.rstrip("_"): value for key, value in made.get("properties", {}).items()}
        if "required" in made:
            made["required"] = [key.rstrip("_") for key in made["required"]]
        forms = [{key: value for key, value in made.items() if key != "description"}]
        short = shorthand_of(kind)
        if short is not None:
            forms.append(made["properties"][short])
        if "required" not in made:
            forms.append({"type": "null"})
        return {"description": summary(kind), **(either(*forms) if len(forms) > 1 else forms[0])}


def text(pattern: str) -> dict[str, Any]:
    """A text of this form, quoted in the file."""
    return {"type": "string", "pattern": pattern}


def either(*forms: dict[str, Any]) -> dict[str, Any]:
    """One of several forms."""
    return {"anyOf": list(forms)}


def summary(kind: type[Any]) -> str:
    """The first paragraph of a class's docstring, on one line."""
    return " ".join(inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0].split())


def json_schema(words: Words = WORDS) -> dict[str, Any]:
    """The schema, as the JSON object that `netlab schema` prints."""
    kinds: dict[str, type[Any]] = {
        "lab": LabFile,
        **{f"step {word}": kind for word, kind in words.steps.all().items()},
        **{f"fault {word}": kind for word, kind in words.faults.all().items()},
        **{f"expectation {word}": kind for word, kind in words.expectations.all().items()},
        **{f"output {word}": kind for word, kind in words.reports().items()},
    }
    adapters: list[tuple[str, Any, TypeAdapter[Any]]] = [
        (name, "validation", TypeAdapter(kind)) for name, kind in kinds.items()
    ]
    found, extra = TypeAdapter.json_schemas(adapters, schema_generator=Loose, ref_template=TEMPLATE)
    refs = {name: found[name, "validation"] for name in kinds}
    definitions = open_patterns(extra["$defs"])
    lab = definitions[definition_of(refs["lab"])]
    for holder in (lab, definitions["Variant"]):
        form = holder["anyOf"][0] if "anyOf" in holder else holder
        put(form["properties"], "steps", {"type": "array", "items": {"$ref": "#/$defs/entry"}})
        put(form["properties"], "expect", {"$ref": "#/$defs/expect"})
        put(form["properties"], "outputs", {"$ref": "#/$defs/outputs"})
    for name in (name for name in kinds if name.startswith(("expectation ", "output "))):
        made = definitions[definition_of(refs[name])]
        form = made["anyOf"][0] if "anyOf" in made else made
        form["properties"]["when"] = when("Ask for this only where these parameters have these values.")
    definitions["entry"] = entry(words, refs)
    definitions["expect"] = listed("expectation", words.expectations.all(), refs)
    definitions["outputs"] = listed("output", words.reports(), refs)
    return {"$schema": DIALECT, "title": "netlab lab file", "$ref": refs["lab"]["$ref"], "$defs": definitions}


def definition_of(ref: dict[str, Any]) -> str:
    return str(ref["$ref"]).rpartition("/")[2]


def put(properties: dict[str, Any], key: str, form: dict[str, Any]) -> None:
    """Give a key its form, or nothing."""
    properties[key] = {"description": properties[key]["description"], **either(form, {"type": "null"})}


def entry(words: Words, refs: dict[str, Any]) -> dict[str, Any]:
    """One entry of `steps`."""
    steps = words.steps.all()
    faults = words.faults.all()
    actions = {word: described(refs[f"step {word}"], kind) for word, kind in steps.items() if issubclass(kind, Action)}
    word_ = {"type": SCALAR, "pattern": "^[A-Za-z0-9_][A-Za-z0-9_-]*$"}
    properties = {
        "id": {**word_, "description": "A name for this step, for `heal`, barriers and expectations."},
        "background": {**word_, "description": "Do not wait for this step; `finish` collects it by this name."},
        "when": when("Play this step only where these parameters have these values."),
        "heal": {**word_, "description": "End the fault that the step with this id began."},
        **{word: described(refs[f"step {word}"], kind) for word, kind in steps.items() if word not in actions},
        **{word: described(refs[f"fault {word}"], kind) for word, kind in faults.items()},
        **{fault.healing: healing(word) for word, fault in faults.items()},
    }
    reserved = "|".join(sorted(words.reserved()))
    return {
        "description": "A step: one verb, and perhaps `id`, `background` and `when`.",
        "type": "object",
        "minProperties": 1,
        "maxProperties": 4,
        "properties": properties,
        "patternProperties": {
            f"^(?!({reserved})$)[A-Za-z0-9][A-Za-z0-9-]*(\\.[A-Za-z0-9_-]+)?$": {
                "description": "An action of this host, or of one of its endpoints (host.endpoint).",
                "type": "object",
                "minProperties": 1,
                "maxProperties": 1,
                "properties": actions,
                "additionalProperties": False,
            }
        },
        "additionalProperties": False,
    }


def when(description: str) -> dict[str, Any]:
    """Parameters to the value, or the values, that they must have."""
    values = either({"type": SCALAR}, {"type": "array", "minItems": 1, "items": {"type": SCALAR}})
    return {"description": description, "type": "object", "minProperties": 1, "additionalProperties": values}


def healing(word: str) -> dict[str, Any]:
    return {
        "description": f"End the newest {word} on this target (or the newest of all, where none is named).",
        **either({"type": "string"}, {"type": "null"}, {"type": "object", "maxProperties": 1}),
    }


def listed(what: str, kinds: Mapping[str, type[Any]], refs: dict[str, Any]) -> dict[str, Any]:
    """The value of `expect` or `outputs`: words, each with one mapping or a list of them."""
    return {
        "type": "object",
        "properties": {
            word: {
                "description": summary(kind),
                **either(refs[f"{what} {word}"], {"type": "array", "items": refs[f"{what} {word}"]}),
            }
            for word, kind in kinds.items()
        },
        "additionalProperties": False,
    }


def described(ref: dict[str, Any], kind: type[Any]) -> dict[str, Any]:
    return {**ref, "description": summary(kind)}


def open_patterns(schema: Any) -> Any:
    """The schema with `${name}` allowed wherever a text must have a certain form."""
    if isinstance(schema, list):
        return [open_patterns(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    opened = {key: open_patterns(value) for key, value in schema.items()}
    if isinstance(opened.get("pattern"), str) and opened["pattern"] != FILLED_IN:
        opened["pattern"] = f"({opened['pattern']})|{FILLED_IN}"
    return opened
