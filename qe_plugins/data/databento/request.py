"""The download request file (YAML): roots, schemas, symbols and days."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from qe_plugins.config.aliases import Alias
from qe_plugins.config.decoder import Decoder
from qe_plugins.config.loader import read_tree
from qe_plugins.config.nodes import EMPTY, YamlNode
from qe_plugins.config.schema import Section
from qe_plugins.data.symbology.dataset import refuse_others
from qe_plugins.data.symbology.symbols import SType, Symbol, feed_symbol
from qe_plugins.errors import ConfigError, DataError

Schema = Literal[
    "mbo",
    "mbp-1",
    "mbp-10",
    "tbbo",
    "trades",
    "bbo-1s",
    "bbo-1m",
    "ohlcv-1s",
    "ohlcv-1m",
    "ohlcv-1h",
    "ohlcv-1d",
    "definition",
    "statistics",
    "status",
]
SHORT = {"front": "{root}.v.0", "parent": "{root}.FUT"}
GIGABYTE = 1_000_000_000

DOWNLOAD_ALIASES = (Alias("databento.batch_above", "databento.batch_threshold"),)
"""Renamed keys of download requests."""


class RootOptions(Section, frozen=True, kw_only=True):
    """Settings of one root; each defaults to that of the request."""

    start: date | None = None
    end: date | None = None
    symbols: str | list[str] | None = None
    schemas: list[Schema] | None = None


class ApiOptions(Section, frozen=True, kw_only=True):
    """The API's address. File parts above `batch_threshold` bytes become batch jobs."""

    gateway: str | None = None
    batch_threshold: Annotated[int, msgspec.Meta(ge=0)] = 5 * GIGABYTE


class RootRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to download of one root: `start` inclusive, `end` exclusive, UTC days."""

    root: str
    symbols: list[Symbol]
    schemas: list[Schema]
    start: date
    end: date


class DownloadRequest(Section, frozen=True, kw_only=True):
    """What to download from one dataset: `start` inclusive, `end` exclusive, UTC days.

    `symbols` is `front` (the contracts behind ROOT.v.0, each over its days as front month and five
    sessions on each side), `parent` (ROOT.FUT: every contract and spread), or a list of symbols.
    """

    dataset: str = "GLBX.MDP3"
    start: date
    end: date
    schemas: list[Schema]
    symbols: str | list[str] = "front"
    roots: dict[str, RootOptions]
    databento: ApiOptions = ApiOptions()

    def root_requests(self) -> list[RootRequest]:
        """Return the request of each root, in the order of the file."""
        return [self._root_request(name, root) for name, root in self.roots.items()]

    def _root_request(self, name: str, root: RootOptions) -> RootRequest:
        said = self.symbols if root.symbols is None else root.symbols
        return RootRequest(
            root=name,
            symbols=[symbol_of(name, text) for text in ([said] if isinstance(said, str) else said)],
            schemas=self.schemas if root.schemas is None else root.schemas,
            start=root.start or self.start,
            end=root.end or self.end,
        )


def load_request(path: Path) -> DownloadRequest:
    """Read a download request file. Raises ConfigError with file and line."""
    _, tree = read_tree(path, aliases=DOWNLOAD_ALIASES, prepare=_expand_bare_roots)
    request: DownloadRequest = Decoder().decode(DownloadRequest, tree)
    refuse_others(request.dataset, tree.nearest(("dataset",)).location)
    if not request.roots:
        raise ConfigError("'roots' names no root.", where=tree.nearest(("roots",)).location)
    for name in request.roots:
        _check_root(name, request, tree)
    return request


def symbol_of(root: str, text: str) -> Symbol:
    """Return the symbol that `front`, `parent` or a name stands for.

    Raises DataError, with the correct form, for an invalid name or one of another root.
    """
    symbol = feed_symbol(SHORT[text].format(root=root) if text in SHORT else text)
    if symbol.stype_in is SType.ID:
        raise DataError(
            "an instrument id means something else every day.",
            where=repr(text),
            hint=f"Name the contract, such as '{root}Z4'.",
        )
    if symbol.root != root:
        raise DataError(f"is no symbol of {root}.", where=repr(text), hint="Put it under its root.")
    return symbol


def _check_root(name: str, request: DownloadRequest, tree: YamlNode) -> None:
    """Raise ConfigError, at its line, for invalid symbols or dates of a root."""
    place = tree.nearest(("roots", name)).location
    said = "symbols" if request.roots[name].symbols is not None else None
    where = tree.nearest(("roots", name, "symbols")).location if said else place
    try:
        root_request = request._root_request(name, request.roots[name])
    except DataError as error:
        text = f"{error.where}: {error.message}" if error.where else error.message
        raise ConfigError(text, where=where, hint=error.hint) from error
    if root_request.start >= root_request.end:
        raise ConfigError(
            f"start must be before end, was {root_request.start} and {root_request.end}.",
            where=place,
        )


def _expand_bare_roots(tree: YamlNode) -> YamlNode:
    """Accept a root without settings: all default to those of the request."""
    roots = tree.value.get("roots")
    if roots is None or not isinstance(roots.value, dict):
        return tree
    named = {
        key: replace(item, value={}) if item.value in (EMPTY, None) else item
        for key, item in roots.value.items()
    }
    return replace(tree, value=tree.value | {"roots": replace(roots, value=named)})
