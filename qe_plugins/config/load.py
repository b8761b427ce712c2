"""One YAML file, with what it extends and what overrides it, into a Config that knows its lines."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from qe_plugins.config.decode import Decoder, unknown
from qe_plugins.config.env import interpolate, variables
from qe_plugins.config.extends import EXTENDS, gather, missing
from qe_plugins.config.merge import settle
from qe_plugins.config.nautilus import Venue
from qe_plugins.config.overrides import override
from qe_plugins.config.plain import plain
from qe_plugins.config.schema import MAX_FAILURES, Config
from qe_plugins.config.source import display
from qe_plugins.config.written import Written, masked
from qe_plugins.errors import ConfigError


@dataclass(frozen=True)
class Loaded:
    """A configuration and where each part of it was written.

    `resolved` is all of it as plain data, defaults included and secrets as `${NAME}`: written to a
    file, it loads as the same Config.
    """

    config: Config = field(repr=False)
    file: Path
    resolved: dict[str, Any] = field(repr=False)
    _tree: Written = field(repr=False)

    def where(self, *keys: str) -> str:
        """Return the nearest known place of `keys`: `configs/x.yaml:12` or `--set data.dbn`."""
        return self._tree.nearest(keys).place

    def error(self, message: str, *keys: str, hint: str | None = None) -> ConfigError:
        """Return a ConfigError of one line at the place of `keys`, for the caller to raise."""
        return ConfigError(" ".join(message.split()), where=self.where(*keys), hint=hint)

    def plain(self, *keys: str) -> Any:
        """Return the value at `keys` as written, units unread; None where nothing was."""
        found = self._tree.find(keys)
        return found.bare() if found is not None else None

    def decode[T](
        self, kind: type[T], *keys: str, without: Collection[str] = (), given: Any = None
    ) -> T:
        """Return the value at `keys` as `kind`; an empty mapping where nothing was written.

        Keys of the mapping in `without` are left out; those in the mapping `given` are added.

        Units are read as annotated (`Money`, `Duration`, `Fraction`), unknown keys are errors.
        Raises ConfigError with file and line.
        """
        found = self._tree.find(keys) or Written({}, self.where(*keys))
        if without or given:
            kept = {k: v for k, v in found.value.items() if k not in without}
            added = {k: Written(v, found.place) for k, v in (given or {}).items()}
            found = replace(found, value=kept | added)
        decoded: T = Decoder(self.config.nautilus.venue.base_currency, keys).decode(kind, found)
        return decoded


def load(path: Path | str, overrides: Sequence[str] = ()) -> Loaded:
    """Read the file at `path` with `--set` overrides. Raise ConfigError with file and line."""
    file = Path(path).resolve()
    if not file.exists():
        raise ConfigError("no such file.", where=display(file), hint=missing(file))
    tree = settle(interpolate(override(gather(file), overrides), variables()))
    _check_sections(tree)
    if (name := tree.find(("name",))) is not None and name.shown is not None:
        message = f"a run cannot be named after a secret, was {name.shown}."
        raise ConfigError(message, where=name.place, hint="Folders and journals carry its name.")
    _check_failures(tree)
    config: Config = Decoder(_currency(tree)).decode(Config, _beside_plugins(tree))
    resolved = plain(config)
    resolved["plugins"] = {MAX_FAILURES: resolved.pop(MAX_FAILURES)} | resolved["plugins"]
    return Loaded(config, file, masked(resolved, tree), tree)


def _check_failures(tree: Written) -> None:
    """Refuse `plugins.max_failures` under the name that it has in a file."""
    keys = ("plugins", MAX_FAILURES)
    if (most := tree.find(keys)) is not None:
        kind = next(f.type for f in msgspec.structs.fields(Config) if f.name == MAX_FAILURES)
        Decoder(at=keys).decode(kind, most)


def _beside_plugins(tree: Written) -> Written:
    """Return `tree` with `plugins.max_failures` beside `plugins`, where Config has it."""
    plugins = tree.find(("plugins",))
    if plugins is None or not isinstance(plugins.value, dict) or MAX_FAILURES not in plugins.value:
        return tree
    named = dict(plugins.value)
    most = named.pop(MAX_FAILURES)
    moved = {"plugins": replace(plugins, value=named), MAX_FAILURES: most}
    return replace(tree, value=tree.value | moved)


def _check_sections(tree: Written) -> None:
    """Refuse an unknown section here, where `extends` is known to be one."""
    known = [name for name in (EXTENDS, *Config.__struct_encode_fields__) if name != MAX_FAILURES]
    for name, section in tree.value.items():
        if name not in known:
            raise unknown(name, known, section.place)


def _currency(tree: Written) -> str | None:
    """Return the account's currency, which amounts must be in."""
    found = tree.find(("nautilus", "venue", "base_currency"))
    said = found.value if found is not None else Venue().base_currency
    return said if isinstance(said, str) else None
