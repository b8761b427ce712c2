"""`extends:` a file may build on others, and says only what it changes."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from pathlib import Path

from qe_plugins.config.merge import merge
from qe_plugins.config.source import display, read
from qe_plugins.config.written import Written
from qe_plugins.errors import ConfigError, did_you_mean

EXTENDS = "extends"


def gather(file: Path, above: tuple[Path, ...] = ()) -> Written:
    """Return what `file` says on top of the files that it extends, a later one over an earlier.

    `above` are the files that led here. Raise ConfigError for a missing file and for a circle.
    """
    own = read(file)
    named = own.value.get(EXTENDS)
    own = replace(own, value={k: v for k, v in own.value.items() if k != EXTENDS})
    if named is None:
        return own
    bases = [gather(_base(item, file, above), (*above, file)) for item in _items(named)]
    return reduce(merge, [*bases, own])


def missing(file: Path) -> str | None:
    """Return the hint for a file that is not there: a neighbour with a name like its own."""
    folder = file.parent
    names = [p.name for p in sorted(folder.glob("*.yaml"))] if folder.is_dir() else []
    return did_you_mean(file.name, names)


def _items(named: Written) -> list[Written]:
    items = named.value if isinstance(named.value, list) else [named]
    for item in items:
        if not isinstance(item.value, str):
            message = "'extends' must be a file or a list of files, such as base/cme.yaml."
            raise ConfigError(message, where=item.place)
    return items


def _base(item: Written, file: Path, above: tuple[Path, ...]) -> Path:
    base: Path = (file.parent / item.value).resolve()
    if base in (chain := (*above, file)):
        circle = " -> ".join(display(one) for one in (*chain[chain.index(base) :], base))
        raise ConfigError(f"'extends' runs in a circle: {circle}.", where=item.place)
    if not base.is_file():
        message = f"cannot extend '{item.value}': no such file."
        raise ConfigError(message, where=item.place, hint=missing(base))
    return base
