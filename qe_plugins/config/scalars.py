"""What a plain YAML word means here: the sober core of YAML 1.2, with `_` between thousands.

`true` and `false` alone are booleans, so `no` and `on` stay words; `17:30` and `2024-01-02` stay
text, and `1e-4` is a number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import yaml

PREFIX: Final = "tag:yaml.org,2002:"
MERGE: Final = f"{PREFIX}merge"

WORDS: Final[list[tuple[str, str, str]]] = [
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?\d+(_\d+)*", "-+0123456789"),
    ("float", r"[-+]?(\.\d+|\d+(_\d+)*(\.\d*)?)([eE][-+]?\d+)?", "-+.0123456789"),
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("merge", r"<<", "<"),
]


def finite(text: str) -> float:
    """Return the number in `text`. Raise ValueError for one too large to be held."""
    if math.isinf(number := float(text)):
        raise ValueError(f"too large: {text}")
    return number


READ: Final[dict[str, Callable[[str], Any]]] = {
    "null": lambda text: None,
    "bool": lambda text: text.lower() == "true",
    "int": int,
    "float": finite,
    "str": str,
}


def _teach(kind: type[yaml.SafeLoader] | type[yaml.SafeDumper]) -> None:
    """Replace PyYAML's YAML 1.1 table, whose `17:30` is 1050 and whose `NO` is False."""
    kind.yaml_implicit_resolvers = {}
    for name, pattern, first in WORDS:
        starts = ["" if letter == "\0" else letter for letter in first]
        kind.add_implicit_resolver(PREFIX + name, re.compile(rf"^(?:{pattern})$"), starts)


class Loader(yaml.SafeLoader):
    """Reads YAML; only its nodes are used, since they know their lines."""


class Dumper(yaml.SafeDumper):
    """Writes what `Loader` reads back as the same values."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_teach(Loader)
_teach(Dumper)


def meaning(text: str) -> Any:
    """Return what the plain word `text` means: a number, a boolean, None, or the text itself."""
    for name, pattern, _ in WORDS:
        if name in READ and re.fullmatch(pattern, text):
            with suppress(ValueError):  # a number too large to be held stays text
                return READ[name](text)
    return text
