"""Load a market snapshot from `data:`. Imports the reader of the catalog, which takes a second."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

from qe_plugins.config.schema import DataSettings
from qe_plugins.data.catalog.catalog import RecordKind
from qe_plugins.data.catalog.decimals import scanned
from qe_plugins.data.tape import Tape, open_futures
from qe_plugins.errors import DataError
from qe_plugins.fleet.loader import LoadedFleet
from qe_plugins.fleet.tasks.snapshot import PRICES, MarketSnapshot


def open_market(loaded: LoadedFleet) -> MarketSnapshot:
    """Return the snapshot of a fleet's `data:` at its last bar.

    Raises DataError for bars that are not of one minute, and as `open_futures` does.
    """
    return market_of(loaded.fleet.data, loaded.data_places())


def market_of(data: DataSettings, locations: dict[str, str]) -> MarketSnapshot:
    """Return the snapshot of `data:`; `locations` holds where each of its keys was written."""
    if not data.bars.startswith("1-MINUTE-"):
        raise DataError(
            f"a fleet needs one-minute bars, was '{data.bars}'.",
            where=locations["bars"],
            hint="Write 'bars: 1-MINUTE-LAST'; longer bars are computed from them.",
        )
    where: Callable[[str], str] = locations.__getitem__
    bars = _read_bars(open_futures(data, where)).sort("instrument", "ts")
    if data.options is None:
        return MarketSnapshot(bars)
    from qe_plugins.fleet.tasks.chain_rows import chain_frame  # compiled code, for chains alone

    return MarketSnapshot(bars, chain_frame(data.options.root, MarketSnapshot(bars).as_of))


def _read_bars(tape: Tape) -> pl.DataFrame:
    return pl.concat(
        _read_contract(sorted(one.files), one.contract, tape)
        for one in tape.series
        if one.kind is RecordKind.BARS
    )


def _read_contract(files: list[Path], contract: str, tape: Tape) -> pl.DataFrame:
    ts = pl.col("ts_init").cast(pl.Int64)
    return (
        scanned(files, *PRICES, "volume")
        .filter(ts.is_between(tape.start, tape.end))
        .select(ts.alias("ts"), pl.lit(contract).alias("instrument"), *PRICES, "volume")
        .collect()
    )
