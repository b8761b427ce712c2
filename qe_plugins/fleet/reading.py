"""A tape into the market that a scan looks at. This is where the tape's heavy reader comes in."""

from __future__ import annotations

import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import polars as pl

from qe_plugins.children import end_with_parent
from qe_plugins.config.schema import Data
from qe_plugins.data.catalog import Kind
from qe_plugins.data.decimals import scanned
from qe_plugins.data.tape import Tape, open_tape
from qe_plugins.errors import DataError
from qe_plugins.fleet.loading import LoadedFleet
from qe_plugins.fleet.state import PRICES, Market

KEYS = Data.__struct_fields__


def open_market(loaded: LoadedFleet) -> Market:
    """Return the market that a fleet's `data:` names, up to its last bar.

    Raises DataError for bars that are not of one minute, and as `open_tape` does.
    """
    return _market(loaded.fleet.data, _places(loaded))


def save_market_apart(loaded: LoadedFleet, folder: Path) -> None:
    """Write the market into a folder from a process of its own, which takes its memory with it.

    Reading a tape leaves some 200 MB behind, about what 6,000 calls in flight need.
    """
    spawned = get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawned, initializer=_as_a_child) as other:
        try:
            other.submit(_save, loaded.fleet.data, _places(loaded), folder).result()
        except BrokenProcessPool as error:
            raise DataError(
                "the process that reads the tape has died.",
                where=loaded.where("data"),
                hint="Look whether there was memory enough.",
            ) from error


def _as_a_child() -> None:
    """Leave Ctrl-C, which reaches all processes of a terminal, to the one that runs the scan."""
    end_with_parent()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)


def _save(data: Data, places: dict[str, str], folder: Path) -> None:
    _market(data, places).save(folder)


def _places(loaded: LoadedFleet) -> dict[str, str]:
    return {key: loaded.where("data", key) for key in KEYS}


def _market(data: Data, places: dict[str, str]) -> Market:
    if not data.bars.startswith("1-MINUTE-"):
        raise DataError(
            f"a fleet looks at one-minute bars, was '{data.bars}'.",
            where=places["bars"],
            hint="Write 'bars: 1-MINUTE-LAST'; longer ones are made from them.",
        )
    where: Callable[[str], str] = places.__getitem__
    return Market(_columns(open_tape(data, where)).sort("instrument", "ts"))


def _columns(tape: Tape) -> pl.DataFrame:
    return pl.concat(
        _read(sorted({group.file for group in one.groups}), one.contract, tape)
        for one in tape.series
        if one.kind is Kind.BARS
    )


def _read(files: list[Path], contract: str, tape: Tape) -> pl.DataFrame:
    ts = pl.col("ts_init").cast(pl.Int64)
    return (
        scanned(files, *PRICES, "volume")
        .filter(ts.is_between(tape.start, tape.end))
        .select(ts.alias("ts"), pl.lit(contract).alias("instrument"), *PRICES, "volume")
        .collect()
    )
