"""The grid of a sweep: axes such as `strategies.ema_cross.fast=5,10,20`, and their product."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import msgspec

from qe_plugins.config.loader import read_override
from qe_plugins.errors import ConfigError


class Axis(msgspec.Struct, frozen=True):
    """One setting by its dotted key, and its values in the order written."""

    key: str
    values: tuple[Any, ...]


def read_axis(text: str) -> Axis:
    """Return the axis of a text such as `rung.risk=25,50 USD`. Raises ConfigError.

    Values are YAML; a value that contains commas is written in brackets or quotes.
    """
    key, equals, values = text.partition("=")
    where = f"--grid {' '.join(text.split())}"
    hint = "Write --grid dotted.key=one,another, such as --grid rung.risk=25,50."
    try:
        _, leaf = read_override(f"{key}{equals}[{values}]" if equals else text)
    except ConfigError as error:
        raise ConfigError("not an axis of a grid.", where=where, hint=hint) from error
    found = tuple(leaf.to_plain()) if isinstance(leaf.value, list) else ()
    if not found or any(item.is_empty for item in leaf.value):
        raise ConfigError("not an axis of a grid.", where=where, hint=hint)
    written = [json.dumps(value, default=str) for value in found]
    if len(set(written)) < len(written):
        raise ConfigError("a value is given twice.", where=where)
    return Axis(key.strip(), found)


def read_axes(texts: Sequence[str]) -> tuple[Axis, ...]:
    """Return the axes of a grid. Raises ConfigError for a key that is given twice."""
    axes = tuple(map(read_axis, texts))
    keys = [axis.key for axis in axes]
    for key in keys:
        if keys.count(key) > 1:
            raise ConfigError("the key is given twice.", where=f"--grid {key}")
    return axes


def settings(axes: Sequence[Axis]) -> Iterator[dict[str, Any]]:
    """Yield the settings of every variant by key; the last axis varies fastest."""
    for values in product(*(axis.values for axis in axes)):
        yield dict(zip((axis.key for axis in axes), values, strict=True))


def overrides(chosen: Mapping[str, Any]) -> tuple[str, ...]:
    """Return settings in the form of `--set`."""
    written = {
        key: json.dumps(value, ensure_ascii=False, default=str) for key, value in chosen.items()
    }
    return tuple(f"{key}={value}" for key, value in written.items())
