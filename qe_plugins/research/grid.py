"""The grid of a sweep: axes such as `strategies.ema_cross.fast=5,10,20`, and their product."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from math import prod
from typing import Any

import msgspec

from qe_plugins.config.loader import DOTTED, read_override
from qe_plugins.errors import ConfigError

NUMBER = r"-?\d+(?:\.\d+)?"
RANGE = re.compile(rf"({NUMBER})\.\.({NUMBER})(?:/(\d+(?:\.\d+)?))?")
MOST_VALUES = 10_000


class Axis(msgspec.Struct, frozen=True):
    """One setting by its dotted key, and its values in the order written."""

    key: str
    values: tuple[Any, ...]


def read_axis(text: str) -> Axis:
    """Return the axis of a text such as `rung.risk=25,50 USD`. Raises ConfigError.

    Values are YAML; a value that contains commas is written in brackets or quotes. `5..60/5` stands
    for 5, 10, ... 60, and `5..60` for steps of 1.
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
    return axis(key.strip(), found, where)


def axis(key: str, values: Sequence[Any], where: str) -> Axis:
    """Return the axis of a key, its ranges as their values. Raises ConfigError at `where`."""
    found = tuple(one for value in values for one in _in_range(value, where))
    if not found:
        raise ConfigError("not an axis of a grid: it has no value.", where=where)
    written = [json.dumps(value, default=str) for value in found]
    if len(set(written)) < len(written):
        raise ConfigError("a value is given twice.", where=where)
    return Axis(key, found)


def _in_range(value: Any, where: str) -> Iterator[Any]:
    """Yield the numbers of a range such as `5..60/5`, any other value as it is."""
    bounds = RANGE.fullmatch(value) if isinstance(value, str) else None
    if bounds is None:
        yield value
        return
    first, last, step = Decimal(bounds[1]), Decimal(bounds[2]), Decimal(bounds[3] or 1)
    if step == 0 or last < first or (last - first) / step >= MOST_VALUES:
        hint = f"Write FIRST..LAST/STEP, with at most {MOST_VALUES:,} values."
        raise ConfigError(f"'{value}' is not a range.", where=where, hint=hint)
    for number in range(int((last - first) / step) + 1):
        one = first + number * step
        yield int(one) if one == one.to_integral_value() else float(one)


def read_axes(texts: Sequence[str]) -> tuple[Axis, ...]:
    """Return the axes of a grid. Raises ConfigError for a key that is given twice."""
    axes = tuple(map(read_axis, texts))
    keys = [axis.key for axis in axes]
    for key in keys:
        if keys.count(key) > 1:
            raise ConfigError("the key is given twice.", where=f"--grid {key}")
    return axes


def configured_axes(grid: Mapping[str, Any], where: str) -> tuple[Axis, ...]:
    """Return the axes of `sweep.grid` of a file, as written at `where`. Raises ConfigError."""
    for key in grid:
        if not DOTTED.fullmatch(key):
            raise ConfigError(f"'{key}' is not a dotted key.", where=where)
    return tuple(
        axis(key, values if isinstance(values, list) else [values], where)
        for key, values in grid.items()
    )


def size(axes: Sequence[Axis]) -> int:
    """Return the number of points of the grid."""
    return prod(len(axis.values) for axis in axes)


def point(axes: Sequence[Axis], number: int) -> dict[str, Any]:
    """Return the settings of one point by key: `number` counts from 0, the last axis fastest."""
    chosen: dict[str, Any] = {}
    for one in reversed(axes):
        number, index = divmod(number, len(one.values))
        chosen[one.key] = one.values[index]
    return {one.key: chosen[one.key] for one in axes}


def settings(axes: Sequence[Axis]) -> Iterator[dict[str, Any]]:
    """Yield the settings of every point by key; the last axis varies fastest."""
    return (point(axes, number) for number in range(size(axes)))


def short(keys: Sequence[str]) -> list[str]:
    """Return the last parts of dotted keys if they are distinct, else the whole keys."""
    last = [key.rpartition(".")[2] for key in keys]
    return last if len(set(last)) == len(last) else list(keys)


def overrides(chosen: Mapping[str, Any]) -> tuple[str, ...]:
    """Return settings in the form of `--set`."""
    written = {
        key: json.dumps(value, ensure_ascii=False, default=str) for key, value in chosen.items()
    }
    return tuple(f"{key}={value}" for key, value in written.items())
