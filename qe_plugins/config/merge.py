"""Merge a later tree over an earlier one.

Mappings are merged key by key, everything else is replaced, lists too. An empty value changes
nothing; `null` removes. The sources of data exclude each other: naming one removes the others.
"""

from __future__ import annotations

from dataclasses import replace

from qe_plugins.config.nodes import EMPTY, YamlNode
from qe_plugins.config.schema import MAX_FAILURES, NAMED, SOURCES


def merge(under: YamlNode, over: YamlNode, at: tuple[str, ...] = ()) -> YamlNode:
    """Return `over` on top of `under`, both found at the keys `at`. Associative where both sides
    of every key are of one kind; its unit is an empty mapping.
    """
    if over.value is EMPTY and not _chooses(at):
        return under
    if not isinstance(under.value, dict) or not isinstance(over.value, dict):
        return over
    kept = {k: v for k, v in under.value.items() if k not in _displaced(over, at)}
    both = {k: merge(kept[k], v, (*at, k)) for k, v in over.value.items() if k in kept}
    return replace(over, value=kept | over.value | both, location=over.location or under.location)


def normalize(tree: YamlNode) -> YamlNode:
    """Return `tree` without names that `null` removes, and with `{}` for names without a value.

    Those are strategies, plugins and `synthetic:`. Other empty values stay, so that a misspelt key
    with nothing after it is reported.
    """
    return _normalize(tree, ())


def _normalize(tree: YamlNode, at: tuple[str, ...]) -> YamlNode:
    if isinstance(tree.value, list):
        return replace(tree, value=[_filled(_normalize(item, at)) for item in tree.value])
    if not isinstance(tree.value, dict):
        return tree
    kept: dict[str, YamlNode] = {}
    for key, item in tree.value.items():
        here = (*at, key)
        if item.value is EMPTY and stands_alone(here):
            kept[key] = replace(item, value={})
        elif not (item.value is None and _is_name(here)):
            kept[key] = _normalize(item, here)
    return replace(tree, value=kept)


def _filled(item: YamlNode) -> YamlNode:
    """Return an item of a list; an empty one is null."""
    return replace(item, value=None) if item.value is EMPTY else item


def _displaced(over: YamlNode, at: tuple[str, ...]) -> set[str]:
    """Return the sources of data that `over` replaces by naming another."""
    if at != ("data",):
        return set()
    named = {name for name in SOURCES if name in over.value and _says(over.value[name], name)}
    return set(SOURCES) - named if named else set()


def stands_alone(at: tuple[str, ...]) -> bool:
    """Return whether a key without a value is meaningful: a name, or `synthetic:`."""
    return _is_name(at) or _chooses(at)


def _says(source: YamlNode, name: str) -> bool:
    return source.value is not None and (not source.is_empty or _chooses(("data", name)))


def _is_name(at: tuple[str, ...]) -> bool:
    return len(at) == 2 and at[0] in NAMED and at[1] != MAX_FAILURES


def _chooses(at: tuple[str, ...]) -> bool:
    """Return whether an empty value selects: `synthetic:` alone selects the default bars."""
    return at == ("data", "synthetic")
