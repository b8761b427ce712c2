"""JSON Schema of a configuration file, for editors that complete and check it.

It is msgspec's, extended by what a file may do beyond the structs: extend other files and so omit
required keys, write units and `${NAME}`, use old names of keys (marked as deprecated), and name a
strategy or a plugin without settings.
"""

from __future__ import annotations

from typing import Any

import msgspec

from qe_plugins.config.aliases import RUN_ALIASES, Alias
from qe_plugins.config.loader import EXTENDS
from qe_plugins.config.schema import MAX_FAILURES, NAMED, Config

DIALECT = "https://json-schema.org/draft/2020-12/schema"
REFERENCE = r"\$\{[A-Za-z_]"
NUMBER = r"^[-+]?[0-9._]+$"
NUMBERS = ("integer", "number", "boolean")


def schema_of(kind: type, title: str) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a file that is decoded as `kind`, which may extend."""
    schema: dict[str, Any] = lenient(msgspec.json.schema(kind))
    for section in schema["$defs"].values():
        section.pop("required", None)  # an extended file may have the rest
        if section.get("type") == "object":
            section["additionalProperties"] = False
    return {"$schema": DIALECT, "title": title, **_with_extends(schema, kind.__name__)}


def editor_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a run's file."""
    schema = schema_of(Config, "qe configuration")
    sections: dict[str, Any] = schema["$defs"]
    top = sections["Config"]["properties"]
    for name in NAMED:
        top[name]["additionalProperties"] = _or_null(top[name]["additionalProperties"])
    for alias in RUN_ALIASES:
        _add_alias(sections, alias)
    top["plugins"]["properties"] = {MAX_FAILURES: top.pop(MAX_FAILURES)}
    return schema


def _with_extends(schema: dict[str, Any], kind: str) -> dict[str, Any]:
    file = {"type": "string"}
    schema["$defs"][kind]["properties"][EXTENDS] = {
        "description": "A file, or several, that this one builds on; relative to this file.",
        "anyOf": [file, {"type": "array", "items": file}],
    }
    return schema


def _add_alias(sections: dict[str, Any], alias: Alias) -> None:
    """Add the old name of a key to the sections, as a deprecated copy of the new one."""
    old_section, old_key = alias.old.split(".")
    new_section, new_key = alias.new.split(".")
    known = _section_of(sections, new_section)[new_key]
    copy = known | {"deprecated": True, "description": f"Old name of `{alias.new}`."}
    if alias.values:
        copy |= {"enum": list(alias.values), "default": next(iter(alias.values))}
    if old_section not in sections["Config"]["properties"]:
        empty = {"type": "object", "deprecated": True, "additionalProperties": False}
        sections["Config"]["properties"][old_section] = empty | {"properties": {}}
    _section_of(sections, old_section)[old_key] = copy


def _section_of(sections: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the properties of a section, through its reference."""
    found = sections["Config"]["properties"][name]
    while "properties" not in found:
        reference = found.get("$ref") or next(
            one["$ref"] for one in found["anyOf"] if "$ref" in one
        )
        found = sections[reference.rsplit("/", 1)[1]]
    properties: dict[str, Any] = found["properties"]
    return properties


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def lenient(schema: Any) -> Any:
    """Return a JSON Schema whose numbers may also be text: with a unit, as `${NAME}`."""
    if isinstance(schema, list):
        return [lenient(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    is_decimal = schema.get("format") == "decimal"
    kind = "number" if is_decimal else schema.get("type")
    if kind in NUMBERS:
        pattern = schema.get("pattern", NUMBER if is_decimal else REFERENCE)
        kept = {key: item for key, item in schema.items() if key != "format"}
        return kept | {"type": [kind, "string"], "pattern": f"{pattern}|{REFERENCE}"}
    return {key: lenient(item) for key, item in schema.items()}
