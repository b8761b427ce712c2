"""One YAML file, with what it extends and what overrides it, into a Config that knows its lines."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
from typing import Any

import msgspec

from qe_plugins.config.decoder import Decoder, unknown
from qe_plugins.config.dump import plain
from qe_plugins.config.env import interpolate, variables
from qe_plugins.config.merge import merge, settle, stands_alone
from qe_plugins.config.nautilus import Venue
from qe_plugins.config.nodes import EMPTY, YamlNode, masked
from qe_plugins.config.schema import MAX_FAILURES, Config
from qe_plugins.config.yaml_reader import display, parse, read
from qe_plugins.errors import ConfigError, did_you_mean

EXTENDS = "extends"


def gather(file: Path, above: tuple[Path, ...] = ()) -> YamlNode:
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


def _items(named: YamlNode) -> list[YamlNode]:
    items = named.value if isinstance(named.value, list) else [named]
    for item in items:
        if not isinstance(item.value, str):
            message = "'extends' must be a file or a list of files, such as base/cme.yaml."
            raise ConfigError(message, where=item.place)
    return items


def _base(item: YamlNode, file: Path, above: tuple[Path, ...]) -> Path:
    base: Path = (file.parent / item.value).resolve()
    if base in (chain := (*above, file)):
        circle = " -> ".join(display(one) for one in (*chain[chain.index(base) :], base))
        raise ConfigError(f"'extends' runs in a circle: {circle}.", where=item.place)
    if not base.is_file():
        message = f"cannot extend '{item.value}': no such file."
        raise ConfigError(message, where=item.place, hint=missing(base))
    return base


KEY = re.compile(r'"([^"]+)"|([^\s."=]+)')
DOTTED = re.compile(rf"({KEY.pattern})(\.({KEY.pattern}))*")


def override(tree: YamlNode, overrides: Sequence[str]) -> YamlNode:
    """Return `tree` under the overrides, later ones last. Raise ConfigError for a malformed one."""
    for text in overrides:
        keys, leaf = read_override(text)
        tree = merge(tree, _chain(tree, keys, leaf))
    return tree


def read_override(text: str) -> tuple[tuple[str, ...], YamlNode]:
    """Return the keys and the value of `data.dbn=tapes/es`. A key with dots stands in quotes."""
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not DOTTED.fullmatch(key):
        example = "Write --set dotted.key=value, such as --set rung.risk=25."
        raise ConfigError("not an override.", where=f"--set {' '.join(text.split())}", hint=example)
    keys = tuple(quoted or plain for quoted, plain in KEY.findall(key))
    leaf = parse(value, lambda line: f"--set {key}")
    if leaf.value is EMPTY and not stands_alone(keys):
        raise ConfigError("has no value.", where=leaf.place, hint="Write null to take it away.")
    return keys, leaf


def _chain(under: YamlNode | None, keys: tuple[str, ...], leaf: YamlNode) -> YamlNode:
    """Return the mappings that lead to `leaf`, with the places of those that are there already."""
    if not keys:
        return leaf
    first, *rest = keys
    there = under is not None and isinstance(under.value, dict)
    below = under.value.get(first) if under is not None and there else None
    place = under.place if under is not None and there else leaf.place
    return YamlNode({first: _chain(below, tuple(rest), leaf)}, place)


@dataclass(frozen=True)
class Loaded:
    """A configuration and where each part of it was written.

    `resolved` is all of it as plain data, defaults included and secrets as `${NAME}`: written to a
    file, it loads as the same Config.
    """

    config: Config = field(repr=False)
    file: Path
    resolved: dict[str, Any] = field(repr=False)
    _tree: YamlNode = field(repr=False)

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
        found = self._tree.find(keys) or YamlNode({}, self.where(*keys))
        if without or given:
            kept = {k: v for k, v in found.value.items() if k not in without}
            added = {k: YamlNode(v, found.place) for k, v in (given or {}).items()}
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


def _check_failures(tree: YamlNode) -> None:
    """Refuse `plugins.max_failures` under the name that it has in a file."""
    keys = ("plugins", MAX_FAILURES)
    if (most := tree.find(keys)) is not None:
        kind = next(f.type for f in msgspec.structs.fields(Config) if f.name == MAX_FAILURES)
        Decoder(at=keys).decode(kind, most)


def _beside_plugins(tree: YamlNode) -> YamlNode:
    """Return `tree` with `plugins.max_failures` beside `plugins`, where Config has it."""
    plugins = tree.find(("plugins",))
    if plugins is None or not isinstance(plugins.value, dict) or MAX_FAILURES not in plugins.value:
        return tree
    named = dict(plugins.value)
    most = named.pop(MAX_FAILURES)
    moved = {"plugins": replace(plugins, value=named), MAX_FAILURES: most}
    return replace(tree, value=tree.value | moved)


def _check_sections(tree: YamlNode) -> None:
    """Refuse an unknown section here, where `extends` is known to be one."""
    known = [name for name in (EXTENDS, *Config.__struct_encode_fields__) if name != MAX_FAILURES]
    for name, section in tree.value.items():
        if name not in known:
            raise unknown(name, known, section.place)


def _currency(tree: YamlNode) -> str | None:
    """Return the account's currency, which amounts must be in."""
    found = tree.find(("nautilus", "venue", "base_currency"))
    said = found.value if found is not None else Venue().base_currency
    return said if isinstance(said, str) else None
