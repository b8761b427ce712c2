"""A configuration as plain data, for a process that does not have its files.

Values keep their file and line, and `${NAME}` is filled in by the process that loads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qe_plugins.config.aliases import RUN_ALIASES
from qe_plugins.config.loader import Loaded, completed, decoded, read_files
from qe_plugins.config.nodes import EMPTY, YamlNode


def ship(path: Path | str) -> dict[str, Any]:
    """Return the file at `path` with those that it extends. Raises ConfigError."""
    file = Path(path).resolve()
    return {"file": str(file), "tree": _plain(read_files(file, RUN_ALIASES))}


def load_shipped(shipped: dict[str, Any], overrides: Sequence[str] = ()) -> Loaded:
    """Return what `loader.load` returns of the file. Raises ConfigError with its file and line."""
    tree = completed(_node(shipped["tree"]), overrides, aliases=RUN_ALIASES)
    return decoded(Path(shipped["file"]), tree)


def _plain(node: YamlNode) -> dict[str, Any]:
    at: dict[str, Any] = {"at": node.location}
    match node.value:
        case dict():
            return at | {"keys": {key: _plain(below) for key, below in node.value.items()}}
        case list():
            return at | {"items": [_plain(item) for item in node.value]}
        case _ if node.is_empty:
            return at
    return at | {"value": node.value} | ({"plain": True} if node.plain else {})


def _node(plain: dict[str, Any]) -> YamlNode:
    if "keys" in plain:
        value: Any = {key: _node(below) for key, below in plain["keys"].items()}
    elif "items" in plain:
        value = [_node(item) for item in plain["items"]]
    else:
        value = plain.get("value", EMPTY)
    return YamlNode(value, plain["at"], plain=plain.get("plain", False))
