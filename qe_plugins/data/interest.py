"""Open interest of a root's contracts, from Databento's `statistics`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import databento_dbn
import polars as pl
import zstandard

from qe_plugins.data.dbn_file import check_whole, read_header
from qe_plugins.data.history import contract_on, names_of
from qe_plugins.errors import DataError

BLOCK = 1 << 20
SCHEMA = {"contract": pl.String, "ts": pl.Int64, "open_interest": pl.Int64}


def read_interest(files: Iterable[Path], root: str) -> pl.DataFrame:
    """Return open interest by the time it was published: contract, ts (UTC ns), open_interest.

    Raises DataError where the files hold none.
    """
    rows = [row for file in files for row in _rows(file, root)]
    if not rows:
        raise DataError(
            "the data has no open interest.",
            where=root,
            hint="Buy schema 'statistics', or roll by --rule volume or calendar.",
        )
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    return frame.unique(["contract", "ts"], keep="last").sort("ts", "contract")


def _rows(file: Path, root: str) -> Iterator[tuple[str, int, int]]:
    if read_header(file, "data").schema != "statistics":
        return
    check_whole(file, "data")
    decoder = databento_dbn.DBNDecoder()
    names = None
    with file.open("rb") as raw:
        reader = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
        while block := reader.read(BLOCK):
            decoder.write(block)
            for record in decoder.decode():
                if isinstance(record, databento_dbn.Metadata):
                    names = names_of(record, root)
                elif names and isinstance(record, databento_dbn.StatMsg):
                    if record.stat_type != databento_dbn.StatType.OPEN_INTEREST:
                        continue
                    day = datetime.fromtimestamp(record.ts_event // 1_000_000_000, UTC).date()
                    if name := contract_on(record.instrument_id, day, names):
                        yield name, record.ts_event, record.quantity
