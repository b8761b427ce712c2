"""The price of the underlying future that decides about an option's exercise at its expiry."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq

from qe_plugins.data.catalog.catalog import RecordKind
from qe_plugins.data.catalog.decimals import floats
from qe_plugins.data.catalog.row_groups import times
from qe_plugins.market.option_terms import Fixing

if TYPE_CHECKING:
    from qe_plugins.data.tape import Tape
    from qe_plugins.engine.simulation.chunk_bars import ChunkBars
    from qe_plugins.engine.simulation.option_expiry import FixingBasis
    from qe_plugins.market.listed_options import ListedOption

FIXING_SPAN = 30 * 1_000_000_000
"""The future's trades of so long before the expiry (nanoseconds) make its fixing."""

OLDEST_CLOSE = 3_600 * 1_000_000_000
"""An older last close (nanoseconds) is no price of the expiry."""

CENT = Decimal("0.01")


class OptionFixings:
    """Fixings from the data of a run.

    An option on a future that expires with it is fixed at the future's settlement price, any other
    at the VWAP of the future's trades in the last 30 seconds. Where the data has neither it is the
    last close of the hour before the expiry.
    """

    def __init__(self, tape: Tape, bars: ChunkBars) -> None:
        self._settlements, self._bars = tape.settlements, bars
        self._trades = {
            one.contract: one.groups for one in tape.series if one.kind is RecordKind.TRADES
        }

    def price(self, one: ListedOption) -> tuple[Decimal, FixingBasis] | None:
        """Return the fixing of an option in points; None where the data has no price by then."""
        if one.fixing is Fixing.SETTLEMENT:
            if (settlement := self._settlements.get(one.underlying_id)) is not None:
                return settlement.price, "preliminary" if settlement.preliminary else "settlement"
        elif (average := self._average(one)) is not None:
            return average, "vwap"
        last = self._bars.latest(one.underlying_id, one.expiry)
        if last is None or one.expiry - last.ts > OLDEST_CLOSE:
            return None
        return Decimal(repr(last.close)), "bar"

    def _average(self, one: ListedOption) -> Decimal | None:
        """Return the VWAP of the last 30 seconds, rounded to a cent; None without a trade."""
        first, volume, value = one.expiry - FIXING_SPAN, 0.0, 0.0
        for group in self._trades.get(one.underlying_id, ()):
            if group.last < first or group.first >= one.expiry:
                continue
            with pq.ParquetFile(group.file) as parquet:
                table = parquet.read_row_group(group.index, use_threads=False)
            stamps = times(table)
            within = (stamps >= first) & (stamps < one.expiry)
            prices, sizes = (column[within] for column in floats(table, "price", "size"))
            volume += float(np.sum(sizes))
            value += float(np.sum(prices * sizes))
        return None if not volume else Decimal(value / volume).quantize(CENT)
