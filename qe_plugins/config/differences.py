"""The settings in which two resolved configurations differ."""

from __future__ import annotations

from typing import Any


def differing(first: dict[str, Any], second: dict[str, Any]) -> dict[str, list[Any]]:
    """Return each differing dotted key with `[first, second]`; None where one does not have it."""
    one, other = _flat(first), _flat(second)
    keys = dict.fromkeys([*one, *other])
    return {key: [one.get(key), other.get(key)] for key in keys if one.get(key) != other.get(key)}


def _flat(value: Any, key: str = "") -> dict[str, Any]:
    """Return every leaf under its dotted key; a list counts as one leaf."""
    if not isinstance(value, dict) or not value:
        return {key: value}
    leaves: dict[str, Any] = {}
    for name, item in value.items():
        leaves |= _flat(item, f"{key}.{name}" if key else str(name))
    return leaves
