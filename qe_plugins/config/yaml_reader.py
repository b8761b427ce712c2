"""Read YAML text into a tree whose values know their lines. Duplicate keys are errors."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import yaml

from qe_plugins.config.nodes import EMPTY, YamlNode
from qe_plugins.errors import ConfigError
from qe_plugins.safe_text import UNWRITABLE

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
    """Return the number in `text`. Raises ValueError for one too large for a float."""
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
    """Reads YAML. Only its nodes are used, because they know their lines."""


class Dumper(yaml.SafeDumper):
    """Writes YAML that `Loader` reads as the same values."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_teach(Loader)
_teach(Dumper)


def meaning(text: str) -> Any:
    """Return the value of unquoted `text`: a number, a boolean, None, or the text itself."""
    for name, pattern, _ in WORDS:
        if name in READ and re.fullmatch(pattern, text):
            with suppress(ValueError):  # a number too large to be held stays text
                return READ[name](text)
    return text


Place = Callable[[int], str]

LARGEST = 1_000_000
"""Maximum size of a file in bytes."""

LONGEST_KEY = 200
SHOWN = 60
"""Characters of a value that an error shows."""

DEEPEST = 100
"""Maximum depth of nesting and of merges."""

MOST = 50_000
"""Maximum number of values, because aliases and merges may repeat one a billion times."""


def read(file: Path) -> YamlNode:
    """Return the mapping in `file`. Raise ConfigError for anything but one readable mapping."""
    name = display(file)
    try:
        if file.stat().st_size > LARGEST:
            raise ConfigError(f"is larger than {LARGEST:,} bytes.", where=name)
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {_reason(error)}", where=name) from error
    tree = parse(text, lambda line: f"{name}:{line}")
    if tree.value is EMPTY:
        return YamlNode({}, f"{name}:1")
    if not isinstance(tree.value, dict):
        raise ConfigError("expected a mapping such as 'name: my run'.", where=tree.location)
    return tree


def parse(text: str, place: Place) -> YamlNode:
    """Return the value of YAML `text`; `place` turns its line numbers, from 1, into places."""
    try:
        node = yaml.compose(text, Loader=Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = place(mark.line + 1 if mark else 1)
        raise ConfigError(f"not YAML: {error.problem or error.context}.", where=where) from error
    except yaml.YAMLError as error:
        raise ConfigError(f"not YAML: {str(error).splitlines()[0]}.", where=place(1)) from error
    except RecursionError as error:
        raise ConfigError("nested too deeply.", where=place(1)) from error
    try:
        return YamlNode(EMPTY, place(1)) if node is None else _Tree(place).value(node)
    except RecursionError as error:
        raise ConfigError("nested too deeply.", where=place(1)) from error


def dump(resolved: dict[str, Any]) -> str:
    """Return YAML that `read` reads back as `resolved`, keys in their order."""
    return yaml.dump(resolved, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100)


def display(file: Path) -> str:
    """Return `file` relative to the working folder where it lies inside, else in full."""
    whole = file.resolve()
    return str(whole.relative_to(Path.cwd()) if whole.is_relative_to(Path.cwd()) else whole)


class _Tree:
    """Converts PyYAML's nodes to `YamlNode`s."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._open: set[int] = set()
        self._count = 0

    def value(self, node: yaml.Node, line: int | None = None) -> YamlNode:
        place = self._place((node.start_mark.line if line is None else line) + 1)
        self._count += 1
        if self._count > MOST:
            raise ConfigError(f"stands for more than {MOST:,} values.", where=place)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, place)
        if id(node) in self._open:
            raise ConfigError("an alias stands inside what it names.", where=place)
        self._open.add(id(node))
        if isinstance(node, yaml.MappingNode):
            items: Any = self._mapping(node)
        else:
            items = [self.value(item) for item in node.value]
        self._open.remove(id(node))
        return YamlNode(items, place)

    def _mapping(self, node: yaml.MappingNode) -> dict[str, YamlNode]:
        self._count += len(node.value)
        if self._count > MOST or len(self._open) > DEEPEST:
            raise ConfigError(f"stands for more than {MOST:,} values.", where=self._at(node))
        own: dict[str, YamlNode] = {}
        inherited: dict[str, YamlNode] = {}
        for key, value in node.value:
            if key.tag == MERGE:
                inherited |= self._inherited(value)
                continue
            name = self._key(key)
            if name in own:
                message = f"'{name}' is given twice, first at {own[name].location}."
                raise ConfigError(message, where=self._at(key))
            own[name] = self.value(value, key.start_mark.line)
        return inherited | own

    def _inherited(self, node: yaml.Node) -> dict[str, YamlNode]:
        """Return the keys that `<<` brings: of several mappings the first one wins."""
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        keys: dict[str, YamlNode] = {}
        for source in sources:
            if not isinstance(source, yaml.MappingNode):
                raise ConfigError("'<<' takes a mapping.", where=self._at(node))
            keys = self._mapping(source) | keys
        return keys

    def _key(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise ConfigError("a key must be a word.", where=self._at(node))
        if UNWRITABLE.search(node.value) or len(node.value) > LONGEST_KEY:
            raise ConfigError("a key must be a word.", where=self._at(node))
        return str(node.value)

    def _scalar(self, node: yaml.ScalarNode, place: str) -> YamlNode:
        plain = node.style is None
        if plain and node.value == "":
            return YamlNode(EMPTY, place)
        name = node.tag.removeprefix(PREFIX)
        if UNWRITABLE.search(node.value):
            raise ConfigError("holds a character that no text may have.", where=place)
        if name not in READ:
            raise ConfigError(f"tag '{node.tag}' is not known here.", where=place)
        try:
            return YamlNode(READ[name](node.value), place, plain=plain)
        except ValueError as error:
            said = node.value if len(node.value) <= SHOWN else f"{node.value[:SHOWN]}…"
            raise ConfigError(f"'{said}' is not of type {name}.", where=place) from error

    def _at(self, node: yaml.Node) -> str:
        return self._place(node.start_mark.line + 1)


def _reason(error: OSError | UnicodeDecodeError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start} is not UTF-8."
    return f"{(error.strerror or str(error)).lower()}."
