"""Open interest of a root's contracts, from Databento's `statistics`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import databento_dbn
import polars as pl

from qe_plugins.data.dbn.statistics import read_statistics
from qe_plugins.errors import DataError

UNSAID = 2**31 - 1  # undefined in version 1 of the format; later versions use a larger number
SCHEMA = {"contract": pl.String, "ts": pl.Int64, "open_interest": pl.Int64}


def read_interest(files: Iterable[Path], root: str) -> pl.DataFrame:
    """Return open interest by time of publication: contract, ts (UTC ns), open_interest.

    Raises DataError where the files hold none.
    """
    kind = databento_dbn.StatType.OPEN_INTEREST
    every = (one for file in files for one in read_statistics(file, kind, [root]))
    rows = [(one.contract, one.ts, one.quantity) for one in every if one.quantity < UNSAID]
    if not rows:
        raise DataError(
            "the data has no open interest.",
            where=root,
            hint="Buy schema 'statistics', or roll by volume or calendar.",
        )
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    return frame.unique(["contract", "ts"], keep="last").sort("ts", "contract")
