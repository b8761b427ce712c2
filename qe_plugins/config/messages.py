"""Wording of errors for a single value of the wrong type."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

from qe_plugins.config.nodes import YamlNode
from qe_plugins.errors import did_you_mean

WORDS: dict[Any, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    Decimal: "a number",
    bool: "true or false",
    datetime: "a UTC time such as 2024-01-02 or 2024-01-02T14:30",
    list: "a list",
    dict: "a mapping",
}
BOUND = re.compile(r"Expected `\w+` (>=|<=|>|<) (\S+)")
LONGEST = 60


def utc(text: str) -> datetime | None:
    """Return the ISO date or time in `text` as UTC, the default zone; None for other text."""
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def shown_value(tree: YamlNode) -> str:
    """Return the value as an error shows it: on one line, short, without secrets."""
    match tree.to_plain(shown=True):
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case None:
            return "null"
        case bool() as value:
            return str(value).lower()
        case value:
            text = repr(value)
            return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def type_error(error: msgspec.ValidationError, kind: Any, tree: YamlNode) -> tuple[str, str | None]:
    """Return the message and the hint for `tree`, which is not a `kind`."""
    if allowed := choices(kind):
        message = f"must be one of {', '.join(allowed)}, was {shown_value(tree)}."
        return message, did_you_mean(str(tree.to_plain(shown=True)), allowed)
    names = _says(kind) or [WORDS[part] for part in _parts(kind) if part in WORDS]
    if not names:
        text = " ".join(str(error).replace("`", "").split())
        return f"does not fit: {text}.", None
    bound = BOUND.search(str(error))
    suffix = f" {bound[1]} {bound[2]}" if bound else ""
    hint = "Put it in quotes." if _wants_quotes(kind, tree) else None
    return f"must be {' or '.join(dict.fromkeys(names))}{suffix}, was {shown_value(tree)}.", hint


def _says(kind: Any) -> list[str]:
    """Return the words of an annotation for its values: `Meta(extra={"says": "a rate"})`."""
    notes = get_args(kind)[1:] if get_origin(kind) is Annotated else ()
    extras = [note.extra for note in notes if isinstance(note, msgspec.Meta) and note.extra]
    return [extra["says"] for extra in extras if "says" in extra]


def choices(kind: Any) -> list[str]:
    """Return the values that a Literal or an Enum allows, none for any other type."""
    allowed: list[str] = []
    for part in _parts(kind):
        if get_origin(part) is Literal:
            allowed += [str(value) for value in get_args(part)]
        elif isinstance(part, type) and issubclass(part, Enum):
            allowed += [str(member.value) for member in part]
    return allowed


def _parts(kind: Any) -> list[Any]:
    """Return the members of a union, or the one type, without annotations and arguments."""
    if get_origin(kind) is Annotated:
        return _parts(get_args(kind)[0])
    if get_origin(kind) is Literal or not get_args(kind):
        return [kind]
    origin = get_origin(kind)
    if origin in WORDS:
        return [origin]
    return [part for member in get_args(kind) for part in _parts(member)]


def _wants_quotes(kind: Any, tree: YamlNode) -> bool:
    return str in _parts(kind) and isinstance(tree.value, bool | int | float)
