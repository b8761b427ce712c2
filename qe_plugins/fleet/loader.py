"""Load a fleet's YAML file, with `extends:` and overrides, into a Fleet."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from qe_plugins.config.decoder import Decoder
from qe_plugins.config.dump import plain
from qe_plugins.config.loader import read_tree
from qe_plugins.config.nodes import YamlNode, masked
from qe_plugins.config.schema import DataSettings
from qe_plugins.config.yaml_reader import dump, parse
from qe_plugins.errors import ConfigError, did_you_mean
from qe_plugins.fleet.settings import FLEET_ALIASES, Fleet
from qe_plugins.fleet.tree import Level
from qe_plugins.llm.pricing.price_list import price_list

CURRENCY = "USD"
WORDS = {"news": "headlines", "lessons": "lessons"}


@dataclass(frozen=True)
class LoadedFleet:
    """A fleet and the location of each of its values.

    `resolved` is the fleet as plain data, secrets as `${NAME}`; it loads as the same Fleet.
    """

    fleet: Fleet
    resolved: dict[str, Any] = field(repr=False)
    _tree: YamlNode = field(repr=False)

    def where(self, *keys: str) -> str:
        """Return the nearest known location of `keys`, such as `configs/fleet/team.yaml:12`."""
        return self._tree.nearest(keys).location

    def with_fleet(self, fleet: Fleet) -> LoadedFleet:
        """Return the same file with another fleet, such as one with other paths."""
        return LoadedFleet(fleet, self.resolved, self._tree)

    def data_places(self) -> dict[str, str]:
        """Return the location of each key of `data:`."""
        return {key: self.where("data", key) for key in DataSettings.__struct_fields__}

    def error(self, message: str, *keys: str, hint: str | None = None) -> ConfigError:
        """Return a ConfigError of one line at the location of `keys`, for the caller to raise."""
        return ConfigError(message, where=self.where(*keys), hint=hint)


def load(path: Path | str, overrides: Sequence[str] = ()) -> LoadedFleet:
    """Read the file at `path` with `--set` overrides. Raise ConfigError with file and line."""
    _, tree = read_tree(path, overrides, aliases=FLEET_ALIASES)
    fleet: Fleet = Decoder(CURRENCY).decode(Fleet, tree)
    loaded = LoadedFleet(fleet, masked(plain(fleet), tree), tree)
    _refuse_contradictions(loaded)
    return loaded


def resolved_fleet(resolved: dict[str, Any], where: str) -> LoadedFleet:
    """Return a fleet from its resolved configuration, as scans and recordings store it.

    Raises ConfigError at `where` for one that another version wrote.
    """
    tree = parse(dump(resolved), lambda line: where)
    fleet: Fleet = Decoder(CURRENCY).decode(Fleet, tree)
    return LoadedFleet(fleet, resolved, tree)


def _refuse_contradictions(loaded: LoadedFleet) -> None:
    """Raise ConfigError for an unknown name, a bad URL or a budget, or texts while masked."""
    fleet = loaded.fleet
    for name, url in fleet.base_urls.items():
        _refuse_unknown(loaded, "provider", name, price_list().providers, "base_urls", name)
        _refuse_odd_address(loaded, url, "base_urls", name)
    for name in fleet.budgets.ranks:
        _refuse_unknown(loaded, "rank", name, list(Level), "budgets", "ranks", name)
    for keys, limit in _budget_limits(fleet):
        if limit is not None and not (limit.is_finite() and limit >= 0):
            message = f"'{'.'.join(keys)}' must not be negative, was {limit}."
            raise loaded.error(message, *keys)
    for name in ("news", "lessons"):
        if getattr(fleet, name) and fleet.mask_market:
            raise loaded.error(
                f"{WORDS[name]} name the instruments and the days that 'mask_market: true' hides.",
                name,
                hint=f"Leave '{name}:' out, or write 'mask_market: false'.",
            )


def _budget_limits(fleet: Fleet) -> Iterator[tuple[tuple[str, ...], Decimal | None]]:
    budgets = fleet.budgets
    for name in ("call", "scan", "day"):
        yield ("budgets", name), getattr(budgets, name)
    for rank, limit in budgets.ranks.items():
        yield ("budgets", "ranks", rank), limit


def _refuse_unknown(
    loaded: LoadedFleet, what: str, name: str, known: Collection[str], *keys: str
) -> None:
    if name not in known:
        hint = did_you_mean(name, known) or f"Known: {', '.join(known)}."
        raise loaded.error(f"unknown {what} '{name}'.", *keys, hint=hint)


def _refuse_odd_address(loaded: LoadedFleet, url: str, *keys: str) -> None:
    try:
        parts = urlsplit(url)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:  # a port that is no number, brackets that do not close
        whole = False
    if not whole or any(letter.isspace() for letter in url):
        hint = "Write it as https://host/path, or http://127.0.0.1:8000/v1."
        raise loaded.error(f"'{'.'.join(keys)}' must be a URL, was {url!r}.", *keys, hint=hint)
