"""Keys of configuration files under their names of the last release, with a warning each.

A kind of file lists its renamed keys as `Alias`es; the loader applies them to each file and each
`--set` before merging, so that `extends` may mix old and new names. Remove an entry one release
after it was added.
"""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from qe_plugins.config.nodes import YamlNode
from qe_plugins.errors import ConfigError

type Keys = tuple[str, ...]


class Alias(NamedTuple):
    """A renamed key: `old` and `new` are dotted paths, where `*` is any one key.

    Both have the `*` in the same place. `values` maps old values to new ones.
    """

    old: str
    new: str
    values: Mapping[str, str] = {}


RUN_ALIASES = (
    Alias("gate.timeout", "risk.veto_timeout"),
    Alias("session.closed", "session.when_closed"),
    Alias(
        "slippage.limits",
        "slippage.limit_fills",
        {"touched": "on_touch", "through": "on_trade_through"},
    ),
    Alias("data.chunk", "data.chunk_size"),
)
"""Renamed keys of the files of runs."""

_warned: set[str] = set()


def rename_keys(tree: YamlNode, aliases: Sequence[Alias]) -> YamlNode:
    """Return the tree of one file, or of one override, with its keys under their new names.

    Writes one warning a place to standard error. Raises ConfigError where a key is written under
    both names.
    """
    for alias in aliases:
        for old, new in list(_matches(tree, alias)):
            tree = _renamed(tree, old, new)
    return tree


def dotted(keys: Keys) -> str:
    """Return a path as it is written: `risk.veto_timeout`."""
    return ".".join(keys)


def translate_values(tree: YamlNode, aliases: Sequence[Alias]) -> YamlNode:
    """Return a tree without `${NAME}` whose renamed values are the new ones."""
    for alias in aliases:
        keys = tuple(alias.new.split("."))
        found = tree.find(keys) if alias.values else None
        if found is not None and isinstance(found.value, str) and found.value in alias.values:
            tree = _put(tree, keys, replace(found, value=alias.values[found.value]))
    return tree


def _matches(tree: YamlNode, alias: Alias) -> Iterator[tuple[Keys, Keys]]:
    """Yield the paths of an alias that a tree contains: old, new."""
    old, new = alias.old.split("."), alias.new.split(".")
    if "*" not in old:
        every: list[str] = [""]
    else:
        parent = tree.find(tuple(old[: old.index("*")]))
        is_mapping = parent is not None and isinstance(parent.value, dict)
        every = list(parent.value) if parent is not None and is_mapping else []
    for name in every:
        path = tuple(name if key == "*" else key for key in old)
        target = tuple(name if key == "*" else key for key in new)
        if _get(tree, path) is not None:
            yield path, target
        elif path[:-1] != target[:-1] and _has_no_keys(_get(tree, path[:-1])):
            yield path[:-1], target[:-1]


def _has_no_keys(section: YamlNode | None) -> bool:
    """Return whether a section is written and is empty, null or not a mapping."""
    return section is not None and not (isinstance(section.value, dict) and section.value)


def _renamed(tree: YamlNode, old: Keys, new: Keys) -> YamlNode:
    node = _get(tree, old)
    assert node is not None
    was, now = dotted(old), dotted(new)
    if (other := _get(tree, new)) is not None:
        raise ConfigError(
            f"'{was}' is the old name of '{now}', which is written at {other.location}.",
            where=node.location,
            hint=f"Remove '{was}'.",
        )
    parent = tree.nearest(new[:-1])
    if new[:-1] != old[:-1] and not isinstance(parent.value, dict) and not parent.is_empty:
        return tree  # the new section is not a mapping: the decoder reports it
    _warn(f"{node.location}: '{was}' is now '{now}'; the old name works for one more release.")
    return _put(_without(tree, old), new, node)


def _warn(text: str) -> None:
    """Write a warning once, from the process of the command and from none of its workers."""
    if text not in _warned and multiprocessing.parent_process() is None:
        _warned.add(text)
        sys.stderr.write(f"warning: {text}\n")


def _get(tree: YamlNode, keys: Keys) -> YamlNode | None:
    """Return the value at `keys`, also an empty one; None where the key is not written."""
    found: YamlNode | None = tree
    for key in keys:
        found = found.below(key) if found is not None else None
    return found


def _without(tree: YamlNode, keys: Keys) -> YamlNode:
    """Return `tree` without the value at `keys`, and without a section that it leaves empty."""
    first, *rest = keys
    kept = {key: item for key, item in tree.value.items() if key != first}
    if rest and (below := _without(tree.value[first], tuple(rest))).value:
        kept = {key: below if key == first else item for key, item in tree.value.items()}
    return replace(tree, value=kept)


def _put(tree: YamlNode, keys: Keys, node: YamlNode) -> YamlNode:
    """Return `tree` with `node` at `keys`."""
    first, *rest = keys
    items = tree.value if isinstance(tree.value, dict) else {}
    if rest:
        node = _put(items.get(first, YamlNode({}, node.location)), tuple(rest), node)
    return replace(tree, value=items | {first: node})
