"""Who trades: an entry of `strategies:` is a module of the project or any class by import path."""

from __future__ import annotations

from typing import Any

from qe_plugins.config.load import Loaded
from qe_plugins.config.schema import ImportedStrategy, Section


class StrategyEntry(Section, frozen=True, kw_only=True):
    """One strategy to run, and where its settings are: `loaded.decode(kind, *entry.keys)`.

    `path` is `module:Class`; None means strategies/<name>.py. `config_path` is the settings' own
    `module:Class`, None where the strategy's annotations tell.
    """

    name: str
    path: str | None
    config_path: str | None
    keys: tuple[str, ...]
    settings: dict[str, Any]


def entries(loaded: Loaded, section: str) -> list[StrategyEntry]:
    """Return what `strategies`, `actors` or `exec_algorithms` names, in the order written.

    Raises ConfigError for a key beside `path:`.
    """
    return [_entry(loaded, section, name) for name in getattr(loaded.config, section)]


def _entry(loaded: Loaded, section: str, name: str) -> StrategyEntry:
    keys = (section, name)
    settings = getattr(loaded.config, section)[name]
    if "path" not in settings:
        return StrategyEntry(name=name, path=None, config_path=None, keys=keys, settings=settings)
    imported = loaded.decode(ImportedStrategy, *keys)
    return StrategyEntry(
        name=name,
        path=imported.path,
        config_path=imported.config_path,
        keys=(*keys, "config"),
        settings=imported.config,
    )
