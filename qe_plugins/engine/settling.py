"""Settle what is held into its expiry: at the exchange's price, or else at the last bar's close."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Any

from nautilus_trader.backtest import BacktestEngine
from nautilus_trader.execution import DefaultFillModel
from nautilus_trader.model import (
    InstrumentClose,
    InstrumentCloseType,
    InstrumentId,
    Price,
    Venue,
)

from qe_plugins.data.tape import Tape
from qe_plugins.engine.instruments import remade
from qe_plugins.engine.simulation.chunk_bars import ChunkBars

Feed = Callable[[Sequence[Any]], None]
"""Lets the engine hear records, in time order."""


class Settling:
    """Stands between the tape and the engine, which it stops at each expiry.

    `bars` knows the last closes; without it only settlement prices are used. `fill_model` is the
    venue's: a settlement does not slip, so the model steps aside for it.
    """

    def __init__(
        self, engine: BacktestEngine, tape: Tape, bars: ChunkBars | None, fill_model: Any
    ) -> None:
        self._engine, self._bars, self._fill_model = engine, bars, fill_model
        self._settlements = tape.settlements
        self._due = deque(
            sorted(
                (one.expiration_ns, str(one.id))
                for one in tape.contracts
                if str(one.id) in tape.settlements
                or (bars is not None and one.expiration_ns <= tape.end)
            )
        )

    def feed(self, records: Sequence[Any], feed: Feed) -> None:
        """Feed records to the engine, and before those at or after an expiry the settlement."""
        while self._due and records and records[-1].ts_init >= self._due[0][0]:
            expiry, contract = self._due.popleft()
            first = bisect_left(records, expiry, key=attrgetter("ts_init"))
            if first:
                feed(records[:first])
            self._settle(expiry, contract, feed)
            records = records[first:]
        if records:
            feed(records)

    def finish(self, feed: Feed) -> None:
        """Settle what expires after the last record of the tape."""
        while self._due:
            self._settle(*self._due.popleft(), feed)

    def _settle(self, expiry: int, name: str, feed: Feed) -> None:
        """Let the clocks run up to the expiry; then settle what is held, and nothing else."""
        contract = InstrumentId.from_str(name)
        instrument: Any = self._engine.cache.instrument(contract)
        final = self._final(name, expiry)
        if final is None:
            return  # never traded, so nothing can be held
        price = Price.from_decimal_dp(final, instrument.price_precision)
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

    def _final(self, contract: str, expiry: int) -> Decimal | None:
        """Return the price that a contract settles at, None where nothing is known of it."""
        if (one := self._settlements.get(contract)) is not None:
            return one.price
        last = self._bars.latest(contract, expiry) if self._bars else None
        return None if last is None else Decimal(repr(last.close))

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
