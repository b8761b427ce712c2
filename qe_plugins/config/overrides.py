"""`--set dotted.key=value`: what the command line writes over the file."""

from __future__ import annotations

import re
from collections.abc import Sequence

from qe_plugins.config.merge import merge, stands_alone
from qe_plugins.config.source import parse
from qe_plugins.config.written import EMPTY, Written
from qe_plugins.errors import ConfigError

KEY = re.compile(r'"([^"]+)"|([^\s."=]+)')
DOTTED = re.compile(rf"({KEY.pattern})(\.({KEY.pattern}))*")


def override(tree: Written, overrides: Sequence[str]) -> Written:
    """Return `tree` under the overrides, later ones last. Raise ConfigError for a malformed one."""
    for text in overrides:
        keys, leaf = read_override(text)
        tree = merge(tree, _chain(tree, keys, leaf))
    return tree


def read_override(text: str) -> tuple[tuple[str, ...], Written]:
    """Return the keys and the value of `data.dbn=tapes/es`. A key with dots stands in quotes."""
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not DOTTED.fullmatch(key):
        example = "Write --set dotted.key=value, such as --set rung.risk=25."
        raise ConfigError("not an override.", where=f"--set {' '.join(text.split())}", hint=example)
    keys = tuple(quoted or plain for quoted, plain in KEY.findall(key))
    leaf = parse(value, lambda line: f"--set {key}")
    if leaf.value is EMPTY and not stands_alone(keys):
        raise ConfigError("has no value.", where=leaf.place, hint="Write null to take it away.")
    return keys, leaf


def _chain(under: Written | None, keys: tuple[str, ...], leaf: Written) -> Written:
    """Return the mappings that lead to `leaf`, with the places of those that are there already."""
    if not keys:
        return leaf
    first, *rest = keys
    there = under is not None and isinstance(under.value, dict)
    below = under.value.get(first) if under is not None and there else None
    place = under.place if under is not None and there else leaf.place
    return Written({first: _chain(below, tuple(rest), leaf)}, place)
