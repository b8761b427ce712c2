"""Decode a YAML node as a typed value: unknown and missing keys, units, errors at their line.

msgspec converts the leaves. The walk is ours because msgspec's errors name no line, nor the key
of a mapping (`$.plugins[...]`), and its structs cannot read `250 USD`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

from qe_plugins import units
from qe_plugins.config import messages
from qe_plugins.config.nodes import YamlNode
from qe_plugins.errors import ConfigError, did_you_mean

SEQUENCES = (list, tuple, set, frozenset, Sequence)
MAPPINGS = (dict, Mapping)


def unwrap(kind: Any) -> tuple[Any, str | None]:
    """Return `kind` without its annotations, and the unit that they name."""
    if get_origin(kind) is not Annotated:
        return kind, None
    bare, *notes = get_args(kind)
    extras = [note.extra for note in notes if isinstance(note, msgspec.Meta) and note.extra]
    return bare, next((extra["unit"] for extra in extras if "unit" in extra), None)


def annotate(kind: Any, choice: Any) -> Any:
    """Return `choice` with the annotations that `kind`, the union, has."""
    if get_origin(kind) is not Annotated:
        return choice
    return Annotated[choice, *get_args(kind)[1:]]


def optional(kind: Any) -> bool:
    """Return whether None is a value of `kind`."""
    bare, _ = unwrap(kind)
    return bare is Any or bare is NoneType or NoneType in get_args(bare)


def shape(kind: Any) -> type:
    """Return dict, list or, for scalars, object: the shape of `kind` in YAML."""
    bare, _ = unwrap(kind)
    origin = get_origin(bare) or bare
    if origin in MAPPINGS or (isinstance(origin, type) and issubclass(origin, msgspec.Struct)):
        return dict
    return list if origin in SEQUENCES else object


def shape_of(tree: YamlNode) -> type:
    """Return dict, list or, for scalars, object: the shape of `tree`."""
    return type(tree.value) if isinstance(tree.value, dict | list) else object


MOST = 12  # names that an error lists where none is similar to the unknown one


@dataclass(frozen=True, slots=True)
class Decoder:
    """Decodes values found at the keys `at`. Amounts must be in `currency`, where one is known."""

    currency: str | None = None
    at: tuple[str, ...] = ()

    def decode(self, kind: Any, tree: YamlNode) -> Any:
        """Return `tree` as `kind`. Raise ConfigError at the line that is wrong."""
        bare, unit = unwrap(kind)
        origin = get_origin(bare) or bare
        if origin in (Union, UnionType):
            return self._union(kind, bare, tree)
        if isinstance(origin, type) and issubclass(origin, msgspec.Struct):
            return self._struct(origin, self._mapping(tree))
        if origin in MAPPINGS and get_args(bare):
            return self._dict(kind, get_args(bare)[1], self._mapping(tree))
        if origin in SEQUENCES and get_args(bare) and isinstance(tree.value, list):
            return self._sequence(kind, get_args(bare)[0], tree)
        return self._leaf(kind, bare, unit, tree)

    def _below(self, key: str) -> Decoder:
        return replace(self, at=(*self.at, key))

    def _mapping(self, tree: YamlNode) -> YamlNode:
        if isinstance(tree.value, dict):
            return tree
        raise self._error(f"must be a mapping, was {messages.shown_value(tree)}.", tree)

    def _union(self, kind: Any, bare: Any, tree: YamlNode) -> Any:
        """Decode as the only choice of the value's shape; let msgspec choose among leaves."""
        choices = [choice for choice in get_args(bare) if choice is not NoneType]
        if tree.value is None and len(choices) < len(get_args(bare)):
            return None
        fitting = [choice for choice in choices if shape(choice) == shape_of(tree)]
        if len(choices) == 1 or len(fitting) == 1:
            return self.decode(annotate(kind, (fitting or choices)[0]), tree)
        return self._leaf(kind, bare, None, tree)

    def _struct(self, kind: type[msgspec.Struct], tree: YamlNode) -> Any:
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        for key, item in tree.value.items():
            if key not in fields:
                raise unknown(key, fields, item.location)
        decoder = replace(self, currency=_currency(fields, tree) or self.currency)
        given: dict[str, Any] = {}
        for key, field in fields.items():
            item = tree.find((key,))
            if item is not None and (item.value is not None or optional(field.type)):
                given[field.name] = decoder._below(key).decode(field.type, item)
            elif field.required:
                raise ConfigError(f"missing required field {self._full(key)}.", where=tree.location)
        return self._constructed(kind, given, tree)

    def _constructed(
        self, kind: type[msgspec.Struct], given: dict[str, Any], tree: YamlNode
    ) -> Any:
        try:
            return kind(**given)
        except (ValueError, TypeError) as error:
            text = " ".join(str(error).split()).rstrip(".")
            whose = f"{'.'.join(self.at)}: " if self.at else ""
            place = tree.nearest((text.partition(" ")[0],)).location  # most begin with the field
            raise ConfigError(f"{whose}{text}.", where=place) from error

    def _dict(self, kind: Any, inside: Any, tree: YamlNode) -> Any:
        said = {key: item for key, item in tree.value.items() if not item.is_empty}
        items = {key: self._below(key).decode(inside, item) for key, item in said.items()}
        return self._converted(items, kind, tree)

    def _sequence(self, kind: Any, inside: Any, tree: YamlNode) -> Any:
        items = [self._below(str(i)).decode(inside, item) for i, item in enumerate(tree.value)]
        return self._converted(items, kind, tree)

    def _leaf(self, kind: Any, bare: Any, unit: str | None, tree: YamlNode) -> Any:
        value = tree.to_plain()
        if unit and isinstance(value, str):
            try:
                value = units.parse(unit, value, self.currency)
            except ValueError as error:
                raise self._error(f"{error}, was {messages.shown_value(tree)}.", tree) from error
        if bare is datetime and isinstance(value, str):
            value = messages.utc(value) or value
        return self._converted(float(value) if _is_float(bare, value) else value, kind, tree)

    def _converted(self, value: Any, kind: Any, tree: YamlNode) -> Any:
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            message, hint = messages.type_error(error, kind, tree)
            raise self._error(message, tree, hint) from error

    def _error(self, message: str, tree: YamlNode, hint: str | None = None) -> ConfigError:
        return ConfigError(f"{self._name()}{message}", where=tree.location, hint=hint)

    def _name(self) -> str:
        return f"'{'.'.join(self.at)}' " if self.at else ""

    def _full(self, key: str) -> str:
        return f"'{'.'.join((*self.at, key))}'"


def unknown(key: str, known: Iterable[str], place: str) -> ConfigError:
    """Return the error for a key that is none of `known`."""
    return ConfigError(f"unknown field '{key}'.", where=place, hint=_hint(key, list(known)))


def _hint(key: str, known: list[str]) -> str | None:
    longer = [name for name in known if key and name.startswith(key)]
    if hint := did_you_mean(key, known) or did_you_mean(key, longer, cutoff=0):
        return hint
    return f"Known here: {', '.join(known)}." if 0 < len(known) <= MOST else None


def _is_float(bare: Any, value: Any) -> bool:
    return bare is float and isinstance(value, Decimal)


def _currency(fields: Mapping[str, msgspec.structs.FieldInfo], tree: YamlNode) -> str | None:
    """Return the `currency` of a section, as written or by default; None where it has none."""
    if "currency" not in fields:
        return None
    item = tree.find(("currency",))
    said = item.value if item is not None else fields["currency"].default
    return said if isinstance(said, str) else None
