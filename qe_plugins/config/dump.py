"""Convert structs to plain data for YAML and JSON, with every default."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec


def plain(value: Any) -> Any:
    """Return `value` as dicts, lists and scalars, which decode as the same value."""
    match value:
        case msgspec.Struct():
            fields = msgspec.structs.fields(value)
            return {field.encode_name: plain(getattr(value, field.name)) for field in fields}
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case Decimal():
            return number(value)
    return msgspec.to_builtins(value)


def number(value: Decimal) -> int | float | str:
    """Return `value` as a number, or as text where a float would change it."""
    if value == value.to_integral_value():
        return int(value)
    return float(value) if Decimal(repr(float(value))) == value else str(value)
