"""What a type annotation asks for: its unit, whether None will do, its shape in YAML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Annotated, Any, get_args, get_origin

import msgspec

from qe_plugins.config.written import Written

SEQUENCES = (list, tuple, set, frozenset, Sequence)
MAPPINGS = (dict, Mapping)


def strip(kind: Any) -> tuple[Any, str | None]:
    """Return `kind` without its annotations, and the unit that they name."""
    if get_origin(kind) is not Annotated:
        return kind, None
    bare, *notes = get_args(kind)
    extras = [note.extra for note in notes if isinstance(note, msgspec.Meta) and note.extra]
    return bare, next((extra["unit"] for extra in extras if "unit" in extra), None)


def again(kind: Any, choice: Any) -> Any:
    """Return `choice` with the annotations that `kind`, the union, has."""
    if get_origin(kind) is not Annotated:
        return choice
    return Annotated[choice, *get_args(kind)[1:]]


def optional(kind: Any) -> bool:
    """Say whether None is one of the values of `kind`."""
    bare, _ = strip(kind)
    return bare is Any or bare is NoneType or NoneType in get_args(bare)


def shape(kind: Any) -> type:
    """Return dict, list or, for scalars, object: what `kind` looks like in YAML."""
    bare, _ = strip(kind)
    origin = get_origin(bare) or bare
    if origin in MAPPINGS or (isinstance(origin, type) and issubclass(origin, msgspec.Struct)):
        return dict
    return list if origin in SEQUENCES else object


def shape_of(tree: Written) -> type:
    """Return dict, list or, for scalars, object: what `tree` looks like."""
    return type(tree.value) if isinstance(tree.value, dict | list) else object
