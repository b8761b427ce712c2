"""What the server's model says: an answer that fits the schema it was shown, by the request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

from tests.fakes.model_server.profile import chance

BOUND = r"{name}: (-?[\d.]+)"


def answer(schema: dict[str, Any], digest: str, says: Mapping[str, Any] | None = None) -> str:
    """Return JSON that fits the schema and depends on nothing but the request.

    What it `says` are the values of those of its fields that the schema has.
    """
    found = _fill(schema, schema, digest, "$")
    if says and isinstance(found, dict):
        found |= {name: value for name, value in says.items() if name in found}
    return msgspec.json.encode(found).decode()


@lru_cache(maxsize=256)
def shown(text: str) -> dict[str, Any] | None:
    """Return the JSON Schema that a prompt shows, its last JSON object."""
    for found in reversed(list(re.finditer(r"^\{", text, re.MULTILINE))):
        try:
            schema = msgspec.json.decode(text[found.start() :].strip())
        except msgspec.DecodeError:
            continue
        if isinstance(schema, dict):
            return schema
    return None


def _fill(part: dict[str, Any], whole: dict[str, Any], digest: str, path: str) -> Any:
    if "$ref" in part:
        return _fill(whole["$defs"][part["$ref"].rsplit("/", 1)[-1]], whole, digest, path)
    if "const" in part:
        return part["const"]
    if "enum" in part:
        return part["enum"][int(chance(digest, path) * len(part["enum"]))]
    if choices := part.get("anyOf") or part.get("oneOf"):
        return _fill(choices[0], whole, digest, path)
    match part.get("type"):
        case "object":
            properties = part.get("properties", {})
            return {
                name: _fill(child, whole, digest, f"{path}.{name}")
                for name, child in properties.items()
            }
        case "array":
            count = int(_bound(part, "minItems", 1))
            items = part.get("items") or {"type": "string"}
            return [_fill(items, whole, digest, f"{path}[{n}]") for n in range(count)]
        case "number":
            return round(_between(part, digest, path, -1.0, 1.0), 4)
        case "integer":
            return int(_between(part, digest, path, 0, 10))
        case "boolean":
            return chance(digest, path) < 0.5
        case "string":
            most = int(_bound(part, "maxLength", 60))
            return f"weighed {digest[:8]}"[:most]
        case _:
            return None


def _between(part: dict[str, Any], digest: str, path: str, least: float, most: float) -> float:
    low, high = _bound(part, "minimum", least), _bound(part, "maximum", most)
    return low + (high - low) * chance(digest, path)


def _bound(part: dict[str, Any], name: str, default: float) -> float:
    """Return a bound, also one that a strict schema may only mention in its description."""
    if name in part:
        return float(part[name])
    found = re.search(BOUND.format(name=name), part.get("description", ""))
    return float(found[1]) if found else default
