"""A configuration as somebody wrote it: every value knows its place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any


class Empty(Enum):
    """A key with nothing after its colon: it says nothing, and an inherited value stays."""

    EMPTY = "empty"


EMPTY = Empty.EMPTY


@dataclass(frozen=True, slots=True)
class YamlNode:
    """A value and its place: `configs/x.yaml:12` or `--set data.dbn`.

    `value` is a scalar, EMPTY, a list of Written, or a dict of Written by key. `plain` marks text
    without quotes. `shown` is what may be printed instead of a value that holds a secret.
    """

    value: Any
    place: str
    plain: bool = False
    shown: str | None = None

    @property
    def is_empty(self) -> bool:
        """Say whether there is nothing after the colon."""
        return self.value is EMPTY

    def bare(self, *, shown: bool = False) -> Any:
        """Return plain lists, dicts and scalars; with `shown`, secrets as `${NAME}`.

        A key with nothing after it is left out.
        """
        match self.value:
            case dict():
                said = {key: item for key, item in self.value.items() if not item.is_empty}
                return {key: item.bare(shown=shown) for key, item in said.items()}
            case list():
                return [item.bare(shown=shown) for item in self.value]
        return self.shown if shown and self.shown is not None else self.value

    def find(self, keys: tuple[str, ...]) -> YamlNode | None:
        """Return the value at `keys`, or None where nothing was written."""
        found: YamlNode | None = self
        for key in keys:
            found = found.below(key) if found is not None else None
        return None if found is None or found.is_empty else found

    def nearest(self, keys: tuple[str, ...]) -> YamlNode:
        """Return the value at `keys`, or at as many of them as there are."""
        found = self
        for key in keys:
            if (below := found.below(key)) is None:
                return found
            found = below
        return found

    def below(self, key: str) -> YamlNode | None:
        """Return the value of `key`, for a list its index; None where there is none."""
        match self.value:
            case dict():
                return self.value.get(key)
            case list() if key.isdecimal() and int(key) < len(self.value):
                item: YamlNode = self.value[int(key)]
                return item
        return None


def masked(value: Any, at: YamlNode | None) -> Any:
    """Return the plain `value` with `${NAME}` where `at`, what was written, holds a secret."""
    if at is None:
        return value
    if at.shown is not None:
        return at.shown
    match value:
        case dict():
            return {key: masked(item, at.below(str(key))) for key, item in value.items()}
        case list():
            return [masked(item, at.below(str(i))) for i, item in enumerate(value)]
    return value
