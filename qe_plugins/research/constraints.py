"""Constraints of a sweep, such as `fast < slow`: a variant that breaks one is skipped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from qe_plugins import units
from qe_plugins.condition import Condition
from qe_plugins.errors import ConfigError, did_you_mean
from qe_plugins.research.grid import Axis, short


class Constraint(Condition):
    """A parsed condition over settings. `names` are the settings in it. Raises ConfigError."""

    NAME = r"(?!(?:and|or|not|abs|min|max)(?![\w.]))[A-Za-z_]\w*(?:\.\w+)*"
    NOUN = "setting"
    KIND = "constraint"
    HINT = "fast < slow"
    ERROR = ConfigError


class Constraints:
    """The constraints of a grid. A name is an axis, whole or its last part, or a dotted key."""

    def __init__(
        self, texts: Sequence[str], axes: Sequence[Axis], base: Mapping[str, Any], where: str
    ) -> None:
        """Parse `texts`; keys that are no axis have their value in `base`.

        Raises ConfigError at `where` for a text that is not a condition, for a setting that does
        not exist, and for one that is not a number and has no unit.
        """
        keys = [axis.key for axis in axes]
        self._axes = dict(zip(short(keys), keys, strict=True)) | {key: key for key in keys}
        self._where = where
        self._parsed = [Constraint(text, where) for text in texts]
        names = {name for one in self._parsed for name in one.names}
        self._fixed = {
            name: self._number(name, self._of_file(name, base))
            for name in sorted(names - set(self._axes))
        }

    def broken(self, settings: Mapping[str, Any]) -> str | None:
        """Return the first constraint that the settings of a variant break, as written."""
        for one in self._parsed:
            columns = {
                name: np.array([self._value(name, settings)], dtype=float) for name in one.names
            }
            if not one.holds(columns)[0]:
                return one.text
        return None

    def _value(self, name: str, settings: Mapping[str, Any]) -> float:
        if name in self._fixed:
            return self._fixed[name]
        return self._number(name, settings[self._axes[name]])

    def _of_file(self, name: str, base: Mapping[str, Any]) -> Any:
        found: Any = base
        for part in name.split("."):
            if not isinstance(found, Mapping) or part not in found:
                hint = did_you_mean(name, self._axes) or f"The grid has {', '.join(self._axes)}."
                raise ConfigError(f"no setting '{name}'.", where=self._where, hint=hint)
            found = found[part]
        return found

    def _number(self, name: str, value: Any) -> float:
        """Return a value as a number; one with a unit in seconds, money or parts of one."""
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
        for unit in ("duration", "money", "fraction") if isinstance(value, str) else ():
            try:
                return float(units.parse(unit, value))
            except ValueError:
                continue
        raise ConfigError(
            f"'{name}' is not a number, was {value!r}.",
            where=self._where,
            hint="A constraint compares numbers, and values with units.",
        )
