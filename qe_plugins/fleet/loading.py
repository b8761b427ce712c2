"""A fleet's YAML file, with what it extends and what overrides it, into a Fleet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qe_plugins.config.decode import Decoder
from qe_plugins.config.env import interpolate, variables
from qe_plugins.config.extends import gather, missing
from qe_plugins.config.merge import settle
from qe_plugins.config.overrides import override
from qe_plugins.config.plain import plain
from qe_plugins.config.source import display
from qe_plugins.config.written import Written, masked
from qe_plugins.errors import ConfigError
from qe_plugins.fleet.settings import Fleet

CURRENCY = "USD"


@dataclass(frozen=True)
class LoadedFleet:
    """A fleet and where each part of it was written.

    `resolved` is all of it as plain data, secrets as `${NAME}`: it loads as the same Fleet.
    """

    fleet: Fleet
    resolved: dict[str, Any] = field(repr=False)
    _tree: Written = field(repr=False)

    def where(self, *keys: str) -> str:
        """Return the nearest known place of `keys`: `configs/fleet/team.yaml:12`."""
        return self._tree.nearest(keys).place

    def error(self, message: str, *keys: str, hint: str | None = None) -> ConfigError:
        """Return a ConfigError of one line at the place of `keys`, for the caller to raise."""
        return ConfigError(message, where=self.where(*keys), hint=hint)


def load(path: Path | str, overrides: Sequence[str] = ()) -> LoadedFleet:
    """Read the file at `path` with `--set` overrides. Raise ConfigError with file and line."""
    file = Path(path).resolve()
    if not file.exists():
        raise ConfigError("no such file.", where=display(file), hint=missing(file))
    tree = settle(interpolate(override(gather(file), overrides), variables()))
    fleet: Fleet = Decoder(CURRENCY).decode(Fleet, tree)
    return LoadedFleet(fleet, masked(plain(fleet), tree), tree)
