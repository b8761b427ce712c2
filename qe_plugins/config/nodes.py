"""The tree of a configuration file, in which every value knows its location."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any


class Empty(Enum):
    """The value of a key with nothing after its colon: an inherited value stays."""

    EMPTY = "empty"


EMPTY = Empty.EMPTY


@dataclass(frozen=True, slots=True)
class YamlNode:
    """A value and its location: `configs/x.yaml:12` or `--set data.dbn`.

    `value` is a scalar, EMPTY, a list of nodes, or a dict of nodes by key. `plain` marks text
    without quotes. `shown` is printed in place of a value that contains a secret.
    """

    value: Any
    location: str
    plain: bool = False
    shown: str | None = None

    @property
    def is_empty(self) -> bool:
        """Return whether there is nothing after the colon."""
        return self.value is EMPTY

    def to_plain(self, *, shown: bool = False) -> Any:
        """Return plain lists, dicts and scalars; with `shown`, secrets as `${NAME}`.

        Keys without a value are left out.
        """
        match self.value:
            case dict():
                said = {key: item for key, item in self.value.items() if not item.is_empty}
                return {key: item.to_plain(shown=shown) for key, item in said.items()}
            case list():
                return [item.to_plain(shown=shown) for item in self.value]
        return self.shown if shown and self.shown is not None else self.value

    def find(self, keys: tuple[str, ...]) -> YamlNode | None:
        """Return the node at `keys`, None where it is not written or empty."""
        found: YamlNode | None = self
        for key in keys:
            found = found.below(key) if found is not None else None
        return None if found is None or found.is_empty else found

    def nearest(self, keys: tuple[str, ...]) -> YamlNode:
        """Return the node at `keys`, or at as many of them as exist."""
        found = self
        for key in keys:
            if (below := found.below(key)) is None:
                return found
            found = below
        return found

    def below(self, key: str) -> YamlNode | None:
        """Return the node at `key`, for a list its index; None where there is none."""
        match self.value:
            case dict():
                return self.value.get(key)
            case list() if key.isdecimal() and int(key) < len(self.value):
                item: YamlNode = self.value[int(key)]
                return item
        return None


def masked(value: Any, at: YamlNode | None) -> Any:
    """Return the plain `value` with `${NAME}` where its node `at` contains a secret."""
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
