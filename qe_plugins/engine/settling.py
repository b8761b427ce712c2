"""Settle what is held into its expiry at the exchange's settlement price, where the data has it.

Without one the engine closes such a position inside the contract's last bar, at a price it finds
there: that is left as it is, and said.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from nautilus_trader.backtest import BacktestEngine
from nautilus_trader.execution import DefaultFillModel
from nautilus_trader.model import (
    FuturesContract,
    InstrumentClose,
    InstrumentCloseType,
    InstrumentId,
    Price,
    Venue,
)

from qe_plugins.data.settlements import Settlement
from qe_plugins.engine.instruments import remade

Feed = Callable[[Sequence[Any]], None]
"""Lets the engine hear records, in time order."""


class Settling:
    """Stands between the tape and the engine, which it stops at each settlement there is.

    `fill_model` is the venue's: a settlement does not slip, so the model steps aside for it.
    """

    def __init__(
        self,
        engine: BacktestEngine,
        contracts: Iterable[FuturesContract],
        settlements: Mapping[str, Settlement],
        fill_model: Any,
    ) -> None:
        self._engine, self._fill_model = engine, fill_model
        known = [(one.expiration_ns, settlements.get(str(one.id))) for one in contracts]
        self._due = deque(sorted((ts, one) for ts, one in known if one is not None))

    def feed(self, records: Sequence[Any], feed: Feed) -> None:
        """Feed records to the engine, and before those at or after an expiry the settlement."""
        while self._due and records and records[-1].ts_init >= self._due[0][0]:
            expiry, one = self._due.popleft()
            first = bisect_left(records, expiry, key=attrgetter("ts_init"))
            if first:
                feed(records[:first])
            self._settle(expiry, one, feed)
            records = records[first:]
        if records:
            feed(records)

    def finish(self, feed: Feed) -> None:
        """Settle what expires after the last record of the tape."""
        while self._due:
            self._settle(*self._due.popleft(), feed)

    def _settle(self, expiry: int, one: Settlement, feed: Feed) -> None:
        """Let the clocks run up to the expiry; then settle what is held, and nothing else."""
        contract = InstrumentId.from_str(one.contract)
        instrument: Any = self._engine.cache.instrument(contract)
        price = Price.from_decimal_dp(one.price, instrument.price_precision)
        feed([_close(contract, price, InstrumentCloseType.END_OF_SESSION, expiry - 1)])
        if not self._engine.cache.positions_open(instrument_id=contract):
            return
        self._refine(instrument, price)
        venue: Venue = contract.venue
        if self._fill_model is not None:
            self._engine.change_fill_model(venue, DefaultFillModel(1.0, 0.0))
        feed([_close(contract, price, InstrumentCloseType.CONTRACT_EXPIRED, expiry)])
        if self._fill_model is not None:
            self._engine.change_fill_model(venue, self._fill_model)

    def _refine(self, instrument: Any, price: Price) -> None:
        """Make the tick as fine as the settlement: the engine skips a fill between two ticks."""
        tick = instrument.price_increment.as_decimal()
        if price.as_decimal() % tick:
            finest = Price.from_mantissa_exponent(1, -price.precision, price.precision)
            margins = {n: getattr(instrument, n) for n in ("margin_init", "margin_maint")}
            self._engine.add_instrument(remade(instrument, price_increment=finest, **margins))


def _close(
    contract: InstrumentId, price: Price, kind: InstrumentCloseType, ts: int
) -> InstrumentClose:
    return InstrumentClose(contract, price, kind, ts, ts)
