"""The features of decisions: those of the catalogue from a store, those of plugins computed."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import polars as pl

from qe_plugins.bars import Bars
from qe_plugins.errors import DataError
from qe_plugins.features.feed import FeatureFeed, ListedContract
from qe_plugins.features.frames import DAY
from qe_plugins.features.names import Wanted
from qe_plugins.features.store_folder import StoreFolder
from qe_plugins.plugins.types import Family
from qe_plugins.research.factors.decisions import DecisionRows

BLOCK = 160
"""Features that are in memory at once."""


def blocks(
    store: Path | str,
    names: Sequence[str],
    rows: Sequence[DecisionRows],
    own: Mapping[str, np.ndarray],
) -> Iterator[tuple[list[str], np.ndarray]]:
    """Yield features in blocks: their names, and their values by decision, root after root.

    A value is that of the latest bar of its timeframe that closed at or before the decision; NaN
    where there is none. `own` has the values of features that are not in the store. Raises
    DataError for a file that the store lacks.
    """
    frames: dict[str, list[str]] = {}
    folder = StoreFolder(store)
    outside = [name for name in names if name in own]
    if outside:
        yield outside, np.column_stack([own[name] for name in outside])
    for name in names:
        if name in own:
            continue
        frame, _, rest = name.partition(".")
        frames.setdefault(frame, []).append(rest)
    for frame, features in frames.items():
        for at in range(0, len(features), BLOCK):
            part = features[at : at + BLOCK]
            values = np.concatenate([_of_root(folder, frame, part, one) for one in rows])
            yield [f"{frame}.{name}" for name in part], values


def registered(
    names: Sequence[str],
    families: Mapping[str, Family],
    bars: Mapping[str, Bars],
    contracts: Sequence[ListedContract],
    rows: Sequence[DecisionRows],
) -> dict[str, np.ndarray]:
    """Return the features among `names` of registered families, by decision, root after root.

    As in a run, a family's function is called at each decision with its lookback of bars, the last
    of which has closed at or before it. Raises FeatureError for an unknown name, and where a
    function fails.
    """
    own = list(Wanted(names, families).own)
    wanted = Wanted(own, families)
    found = {name: [np.full(len(one.ts), np.nan, np.float32) for one in rows] for name in own}
    for number, one in enumerate(rows if own else ()):
        for contract in np.unique(one.contract).tolist():  # one at a time: bars of years are large
            feed = FeatureFeed(wanted, [c for c in contracts if c.id == contract], "1m")
            feed.compute({contract: bars[contract]})
            here = np.flatnonzero(one.contract == contract)
            at = np.searchsorted(bars[contract].ts_event, one.ts[here])
            for name in own:
                found[name][number][here] = feed.column(contract, name, at)
    return {name: np.concatenate(parts) for name, parts in found.items()}


def _of_root(
    store: StoreFolder, frame: str, names: Sequence[str], rows: DecisionRows
) -> np.ndarray:
    """Return the values of features of one timeframe at the decisions of one root."""
    contract = np.full(len(rows.ts), rows.root) if frame == DAY else rows.contract
    decisions = pl.DataFrame({"ts": rows.ts, "contract": contract, "row": np.arange(len(rows.ts))})
    decisions = decisions.with_columns(
        pl.from_epoch("ts", time_unit="ns").dt.strftime("%Y-%m").alias("month")
    )
    found = np.full((len(rows.ts), len(names)), np.nan, dtype=np.float32)
    before: pl.DataFrame | None = None
    for stem, file in _files(store, rows.root, frame):
        month = pl.read_parquet(file, columns=["ts", "contract", *names])
        latest = month.group_by("contract", maintain_order=True).last().select(month.columns)
        known = month if before is None else pl.concat([before, month])
        before = latest if before is None else _latest(before, latest)
        _fill(found, decisions.filter(pl.col("month") == stem), known, names)
    return found


def _fill(
    found: np.ndarray, decisions: pl.DataFrame, known: pl.DataFrame, names: Sequence[str]
) -> None:
    joined = decisions.join_asof(
        known.sort("ts"), on="ts", by="contract", strategy="backward", check_sortedness=False
    )
    values = joined.select(pl.col(names).cast(pl.Float32).fill_null(np.nan)).to_numpy()
    found[joined["row"].to_numpy()] = values


def _latest(before: pl.DataFrame, month: pl.DataFrame) -> pl.DataFrame:
    """Return the last row of each contract, of this month where it traded."""
    kept = before.filter(~pl.col("contract").is_in(month["contract"].to_list()))
    return pl.concat([kept, month])


def _files(store: StoreFolder, root: str, frame: str) -> list[tuple[str, str | Path]]:
    """Return the months of a root's timeframe and their files."""
    there = sorted(fnmatch.filter(store.names(), f"{root}/{frame}/????-??.parquet"))
    if not there:
        raise DataError(
            f"has no features of {frame}.",
            where=f"{store}/{root}",
            hint="Compute them with `qe features compute`.",
        )
    return [(PurePosixPath(name).stem, store.source(name)) for name in there]
