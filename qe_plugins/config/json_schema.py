"""JSON Schema of a configuration file, for editors that complete and check while one types.

It is msgspec's, told what a file may do beyond the structs: build on others and so leave things
out, write units and `${NAME}`, and name a strategy or a plugin with nothing after it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from qe_plugins.config.loader import EXTENDS
from qe_plugins.config.schema import MAX_FAILURES, NAMED, Config

DIALECT = "https://json-schema.org/draft/2020-12/schema"
REFERENCE = r"\$\{[A-Za-z_]"
NUMBER = r"^[-+]?[0-9._]+$"
NUMBERS = ("integer", "number", "boolean")


def editor_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a file that `qe` reads."""
    schema: dict[str, Any] = _lenient(msgspec.json.schema(Config))
    sections: dict[str, Any] = schema["$defs"]
    for section in sections.values():
        section.pop("required", None)  # the rest may stand in the file that is extended
        section["additionalProperties"] = False
    top = sections["Config"]["properties"]
    for name in NAMED:
        top[name]["additionalProperties"] = _or_null(top[name]["additionalProperties"])
    top["plugins"]["properties"] = {MAX_FAILURES: top.pop(MAX_FAILURES)}
    return {"$schema": DIALECT, "title": "qe configuration", **_with_extends(schema)}


def _with_extends(schema: dict[str, Any]) -> dict[str, Any]:
    file = {"type": "string"}
    schema["$defs"]["Config"]["properties"][EXTENDS] = {
        "description": "A file, or several, that this one builds on; relative to this file.",
        "anyOf": [file, {"type": "array", "items": file}],
    }
    return schema


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _lenient(schema: Any) -> Any:
    """Return `schema` with numbers that may also be written as text: with a unit, as `${NAME}`."""
    if isinstance(schema, list):
        return [_lenient(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    is_decimal = schema.get("format") == "decimal"
    kind = "number" if is_decimal else schema.get("type")
    if kind in NUMBERS:
        pattern = schema.get("pattern", NUMBER if is_decimal else REFERENCE)
        kept = {key: item for key, item in schema.items() if key != "format"}
        return kept | {"type": [kind, "string"], "pattern": f"{pattern}|{REFERENCE}"}
    return {key: _lenient(item) for key, item in schema.items()}
