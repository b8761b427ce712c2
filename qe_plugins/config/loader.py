"""Read YAML files with `extends`, `--set` and `${NAME}`, and decode a run's file into a Config."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
from typing import Any

import msgspec

from qe_plugins.config.aliases import RUN_ALIASES, Alias, rename_keys, translate_values
from qe_plugins.config.decoder import Decoder, unknown
from qe_plugins.config.dump import plain
from qe_plugins.config.env import interpolate, variables
from qe_plugins.config.merge import merge, normalize, stands_alone
from qe_plugins.config.nautilus import Venue
from qe_plugins.config.nodes import EMPTY, YamlNode, masked
from qe_plugins.config.schema import MAX_FAILURES, Config
from qe_plugins.config.yaml_reader import display, parse, read
from qe_plugins.errors import ConfigError, did_you_mean

EXTENDS = "extends"


def read_tree(
    path: Path | str,
    overrides: Sequence[str] = (),
    *,
    aliases: Sequence[Alias] = (),
    prepare: Callable[[YamlNode], YamlNode] = lambda tree: tree,
) -> tuple[Path, YamlNode]:
    """Return the absolute path of a file and its tree, ready to be decoded.

    Applies `extends`, overrides, renamed keys (`aliases`), variables, and at last `prepare`. Every
    kind of configuration file is read through here. Raises ConfigError with file and line.
    """
    file = Path(path).resolve()
    return file, completed(read_files(file, aliases), overrides, aliases=aliases, prepare=prepare)


def read_files(file: Path, aliases: Sequence[Alias] = ()) -> YamlNode:
    """Return the tree of a file over those that it extends, variables not yet filled in."""
    if not file.exists():
        raise ConfigError("no such file.", where=display(file), hint=missing(file))
    return gather(file, aliases)


def completed(
    tree: YamlNode,
    overrides: Sequence[str] = (),
    *,
    aliases: Sequence[Alias] = (),
    prepare: Callable[[YamlNode], YamlNode] = lambda tree: tree,
) -> YamlNode:
    """Return the tree of files as `read_tree` does, with what this process sets."""
    tree = override(tree, overrides, aliases)
    return translate_values(normalize(prepare(interpolate(tree, variables()))), aliases)


def gather(file: Path, aliases: Sequence[Alias] = (), above: tuple[Path, ...] = ()) -> YamlNode:
    """Return the tree of `file` merged over the files that it extends, later ones over earlier.

    `above` are the files that led here. Raises ConfigError for a missing file and for a cycle.
    """
    own = rename_keys(read(file), aliases)
    named = own.value.get(EXTENDS)
    own = replace(own, value={k: v for k, v in own.value.items() if k != EXTENDS})
    if named is None:
        return own
    bases = [gather(_base(one, file, above), aliases, (*above, file)) for one in _items(named)]
    return reduce(merge, [*bases, own])


def missing(file: Path) -> str | None:
    """Return the hint for a missing file: a file in its folder with a similar name."""
    folder = file.parent
    names = [p.name for p in sorted(folder.glob("*.yaml"))] if folder.is_dir() else []
    return did_you_mean(file.name, names)


def _items(named: YamlNode) -> list[YamlNode]:
    items = named.value if isinstance(named.value, list) else [named]
    for item in items:
        if not isinstance(item.value, str):
            message = "'extends' must be a file or a list of files, such as base/cme.yaml."
            raise ConfigError(message, where=item.location)
    return items


def _base(item: YamlNode, file: Path, above: tuple[Path, ...]) -> Path:
    base: Path = (file.parent / item.value).resolve()
    if base in (chain := (*above, file)):
        cycle = " -> ".join(display(one) for one in (*chain[chain.index(base) :], base))
        raise ConfigError(f"'extends' runs in a cycle: {cycle}.", where=item.location)
    if not base.is_file():
        message = f"cannot extend '{item.value}': no such file."
        raise ConfigError(message, where=item.location, hint=missing(base))
    return base


KEY = re.compile(r'"([^"]+)"|([^\s."=]+)')
DOTTED = re.compile(rf"({KEY.pattern})(\.({KEY.pattern}))*")


def override(tree: YamlNode, overrides: Sequence[str], aliases: Sequence[Alias] = ()) -> YamlNode:
    """Return `tree` with the overrides merged over it, later ones last.

    Raises ConfigError for a malformed one.
    """
    for text in overrides:
        keys, leaf = read_override(text)
        tree = merge(tree, rename_keys(_chain(tree, keys, leaf), aliases))
    return tree


def read_override(text: str) -> tuple[tuple[str, ...], YamlNode]:
    """Return the keys and the value of `data.dbn=tapes/es`. A key with dots is quoted."""
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not DOTTED.fullmatch(key):
        example = "Write --set dotted.key=value, such as --set rung.risk=25."
        raise ConfigError("not an override.", where=f"--set {' '.join(text.split())}", hint=example)
    keys = tuple(quoted or plain for quoted, plain in KEY.findall(key))
    leaf = parse(value, lambda line: f"--set {key}")
    if leaf.value is EMPTY and not stands_alone(keys):
        raise ConfigError("has no value.", where=leaf.location, hint="Write null to remove it.")
    return keys, leaf


def _chain(under: YamlNode | None, keys: tuple[str, ...], leaf: YamlNode) -> YamlNode:
    """Return the mappings that lead to `leaf`, with the places of the existing ones."""
    if not keys:
        return leaf
    first, *rest = keys
    there = under is not None and isinstance(under.value, dict)
    below = under.value.get(first) if under is not None and there else None
    place = under.location if under is not None and there else leaf.location
    return YamlNode({first: _chain(below, tuple(rest), leaf)}, place)


@dataclass(frozen=True)
class Loaded:
    """A configuration that knows where each value was written.

    `resolved` is all of it as plain data, with defaults and with secrets as `${NAME}`. Written to
    a file, it loads as the same Config.
    """

    config: Config = field(repr=False)
    file: Path
    resolved: dict[str, Any] = field(repr=False)
    _tree: YamlNode = field(repr=False)

    def where(self, *keys: str) -> str:
        """Return the nearest location of `keys`: `configs/x.yaml:12` or `--set data.dbn`."""
        return self._tree.nearest(keys).location

    def error(self, message: str, *keys: str, hint: str | None = None) -> ConfigError:
        """Return a ConfigError of one line at the location of `keys`, for the caller to raise."""
        return ConfigError(" ".join(message.split()), where=self.where(*keys), hint=hint)

    def plain(self, *keys: str) -> Any:
        """Return the value at `keys` as written, units as text; None where it is not set."""
        found = self._tree.find(keys)
        return found.to_plain() if found is not None else None

    def decode[T](
        self, kind: type[T], *keys: str, without: Collection[str] = (), given: Any = None
    ) -> T:
        """Return the value at `keys` as `kind`; from an empty mapping where it is not set.

        Keys of the mapping in `without` are left out; those in the mapping `given` are added.
        Units are read as annotated (`Money`, `Duration`, `Fraction`), unknown keys are errors.
        Raises ConfigError with file and line.
        """
        found = self._tree.find(keys) or YamlNode({}, self.where(*keys))
        if without or given:
            kept = {k: v for k, v in found.value.items() if k not in without}
            added = {k: YamlNode(v, found.location) for k, v in (given or {}).items()}
            found = replace(found, value=kept | added)
        decoded: T = Decoder(self.config.nautilus.venue.base_currency, keys).decode(kind, found)
        return decoded


def load(
    path: Path | str,
    overrides: Sequence[str] = (),
    *,
    prepare: Callable[[YamlNode], YamlNode] = lambda tree: tree,
) -> Loaded:
    """Read the file at `path` with `--set` overrides. Raise ConfigError with file and line.

    `prepare` rewrites the tree before it is decoded.
    """
    return decoded(*read_tree(path, overrides, aliases=RUN_ALIASES, prepare=prepare))


def decoded(file: Path, tree: YamlNode) -> Loaded:
    """Return the configuration of a completed tree. Raises ConfigError with file and line."""
    _check_sections(tree)
    if (name := tree.find(("name",))) is not None and name.shown is not None:
        message = f"a run cannot be named after a secret, was {name.shown}."
        raise ConfigError(message, where=name.location, hint="Folders and journals carry its name.")
    _check_failures(tree)
    config: Config = Decoder(_currency(tree)).decode(Config, _beside_plugins(tree))
    resolved = plain(config)
    resolved["plugins"] = {MAX_FAILURES: resolved.pop(MAX_FAILURES)} | resolved["plugins"]
    return Loaded(config, file, masked(resolved, tree), tree)


def _check_failures(tree: YamlNode) -> None:
    """Check `plugins.max_failures` under its name in a file. Raises ConfigError."""
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
    """Raise ConfigError for an unknown section: `extends`, which Config lacks, is a known one."""
    known = [name for name in (EXTENDS, *Config.__struct_encode_fields__) if name != MAX_FAILURES]
    for name, section in tree.value.items():
        if name not in known:
            raise unknown(name, known, section.location)


def _currency(tree: YamlNode) -> str | None:
    """Return the account's currency, in which amounts must be."""
    found = tree.find(("nautilus", "venue", "base_currency"))
    currency = found.value if found is not None else Venue().base_currency
    return currency if isinstance(currency, str) else None
