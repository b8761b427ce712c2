"""Settle positions at expiry: at the exchange's settlement price, else at the last bar's close."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal

import msgspec
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

from qe_plugins.data.catalog.settlements import Settlement, expiry_day
from qe_plugins.engine.contracts.instruments import SETTLES, remade
from qe_plugins.engine.recording.recorder import Recorder
from qe_plugins.engine.simulation.option_expiry import ExpiredOption, exercise_time
from qe_plugins.journal.facts import FactKind

if TYPE_CHECKING:
    from qe_plugins.data.tape import Tape
    from qe_plugins.engine.accounting.trades import Fill
    from qe_plugins.engine.simulation.chunk_bars import ChunkBars

BASES = {
    "settlement": "the exchange's settlement price of",
    "preliminary": "the exchange's preliminary settlement price of",
    "vwap": "the average price of its last 30 seconds before the option's expiry on",
    "bar": "its last close: the data has no settlement price of",
}
SHOWN = 6  # contracts that a sentence lists


class SettlementRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A position that was closed by expiry. `contracts` is negative for a short position.

    `order` is the client order id, `price` in points, `at` UTC nanoseconds. `basis` says which
    price it was; `published` is when the exchange published it (ISO, UTC). `outcome` says what
    became of an option, whose `price` is the fixing of its future; empty for a future.
    """

    order: str
    instrument_id: str
    strategy: str
    contracts: Decimal
    price: Decimal
    basis: Literal["settlement", "preliminary", "vwap", "bar"]
    day: str
    published: str | None = None
    at: int
    outcome: str = ""

    @property
    def words(self) -> str:
        """Return the settlement as a sentence without its full stop."""
        of = f"{BASES[self.basis]} {self.day}"
        if self.outcome:
            held = f"{int(self.contracts):+d} {self.instrument_id}"
            return f"{held} {self.outcome}: its future was fixed at {self.price:,f}, {of}"
        return f"{int(self.contracts):+d} {self.instrument_id} settled at {self.price:,f}, {of}"


def settlement_records(
    fills: Iterable[Fill],
    settlements: Mapping[str, Settlement],
    expired: Mapping[str, ExpiredOption],
) -> list[SettlementRecord]:
    """Return the settlements among fills, oldest first.

    `expired` are the options held into expiry by id. The future that an exercise opens is no
    settlement.
    """
    opened = {
        (one.option.underlying_id, exercise_time(one.option), one.option.strike)
        for one in expired.values()
        if one.is_exercised
    }
    return [
        _option_record(f, expired[f.instrument_id])
        if f.instrument_id in expired
        else _settlement_record(f, settlements)
        for f in fills
        if f.client_order_id.startswith(SETTLES) and (f.instrument_id, f.ts, f.price) not in opened
    ]


def record_settlements(found: Iterable[SettlementRecord], recorder: Recorder) -> dict[str, str]:
    """Record a fact a settlement; return the ids of the facts by order."""
    return {one.order: _record_settlement(one, recorder) for one in found}


def settlements_in_words(found: Iterable[SettlementRecord]) -> list[str]:
    """Return a sentence a settlement."""
    return [f"{one.words}." for one in found]


def settlement_sources(
    contracts: Sequence[FuturesContract], known: Iterable[str], end: int
) -> list[str]:
    """Return sentences on the final price of the contracts that expire by `end` (UTC ns)."""
    having = set(known)
    names = [
        str(one.id)
        for one in sorted(contracts, key=lambda one: one.expiration_ns)
        if one.expiration_ns <= end or str(one.id) in having
    ]
    known_names = [name for name in names if name in having]
    unknown_names = [name for name in names if name not in having]
    lines = []
    if known_names:
        what = "What is held into expiry settles at the exchange's settlement price"
        lines.append(f"{what}: the data has that of {_listed(known_names)}.")
    if unknown_names:
        what = "What is held into expiry settles at the contract's last close"
        lines.append(f"{what}: the data has no settlement price of {_listed(unknown_names)}.")
    return lines


def _settlement_record(fill: Fill, settlements: Mapping[str, Settlement]) -> SettlementRecord:
    one = settlements.get(fill.instrument_id)
    if one is not None and one.price.quantize(fill.price) != fill.price:
        one = None
    published = datetime.fromtimestamp(one.published // 10**9, UTC).isoformat() if one else None
    return SettlementRecord(
        order=fill.client_order_id,
        instrument_id=fill.instrument_id,
        strategy=fill.strategy,
        contracts=-fill.quantity,
        price=fill.price,
        basis="bar" if one is None else "preliminary" if one.preliminary else "settlement",
        day=f"{expiry_day(fill.ts)}",
        published=published,
        at=fill.ts,
    )


def _option_record(fill: Fill, expired: ExpiredOption) -> SettlementRecord:
    option = expired.option
    outcome = "expired worthless"
    if expired.is_exercised:
        future = int(-fill.quantity) * option.sign
        how = "exercised" if fill.quantity < 0 else "assigned"
        outcome = f"{how} into {future:+d} {option.underlying} at {option.strike:,f}"
    return SettlementRecord(
        order=fill.client_order_id,
        instrument_id=fill.instrument_id,
        strategy=fill.strategy,
        contracts=-fill.quantity,
        price=expired.fixing,
        basis=expired.basis,
        day=f"{expiry_day(fill.ts)}",
        at=fill.ts,
        outcome=outcome,
    )


def _record_settlement(one: SettlementRecord, recorder: Recorder) -> str:
    body: dict[str, Any] = {
        "reason": f"{one.words} (of {one.strategy})",
        "strategy": one.strategy,
        "instrument_id": one.instrument_id,
        "price": str(one.price),
        "basis": one.basis,
        "published": one.published,
    }
    return recorder.numbered(FactKind.CLOSING, one.at, "settlement", None, body)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


Feed = Callable[[Sequence[Any]], None]
"""Passes records to the engine, in time order, and lets it process them."""


class SettlementFeeder:
    """Feeds records to the engine and settles positions at each expiry among them.

    `bars` has the last closes; without it only settlement prices are used. `fill_model` is the
    venue's, which is replaced during a settlement: a settlement has no slippage.
    """

    def __init__(
        self, engine: BacktestEngine, tape: Tape, bars: ChunkBars | None, fill_model: Any
    ) -> None:
        self._engine, self._bars, self._fill_model = engine, bars, fill_model
        self._settlements = tape.settlements
        self._expiries = deque(
            sorted(
                (one.expiration_ns, str(one.id))
                for one in tape.contracts
                if str(one.id) in tape.settlements
                or (bars is not None and one.expiration_ns <= tape.end)
            )
        )

    def feed(self, records: Sequence[Any], feed: Feed) -> None:
        """Feed records to the engine; settle before the first record at or after an expiry."""
        while self._expiries and records and records[-1].ts_init >= self._expiries[0][0]:
            expiry, contract = self._expiries.popleft()
            first = bisect_left(records, expiry, key=attrgetter("ts_init"))
            if first:
                feed(records[:first])
            self._settle(expiry, contract, feed)
            records = records[first:]
        if records:
            feed(records)

    def finish(self, feed: Feed) -> None:
        """Settle the contracts that expire after the last record."""
        while self._expiries:
            self._settle(*self._expiries.popleft(), feed)

    def _settle(self, expiry: int, name: str, feed: Feed) -> None:
        """Advance the clocks to the expiry, then settle the contract's open positions."""
        contract = InstrumentId.from_str(name)
        instrument: Any = self._engine.cache.instrument(contract)
        final = self._settlement_price(name, expiry)
        if final is None:
            return  # never traded, so there is no position
        price = Price.from_decimal_dp(final, instrument.price_precision)
        feed([_instrument_close(contract, price, InstrumentCloseType.END_OF_SESSION, expiry - 1)])
        if not self._engine.cache.positions_open(instrument_id=contract):
            return
        self._refine_tick(instrument, price)
        venue: Venue = contract.venue
        if self._fill_model is not None:
            self._engine.change_fill_model(venue, DefaultFillModel(1.0, 0.0))
        feed([_instrument_close(contract, price, InstrumentCloseType.CONTRACT_EXPIRED, expiry)])
        if self._fill_model is not None:
            self._engine.change_fill_model(venue, self._fill_model)

    def _settlement_price(self, contract: str, expiry: int) -> Decimal | None:
        """Return the price at which a contract settles, None without any price."""
        if (one := self._settlements.get(contract)) is not None:
            return one.price
        last = self._bars.latest(contract, expiry) if self._bars else None
        return None if last is None else Decimal(repr(last.close))

    def _refine_tick(self, instrument: Any, price: Price) -> None:
        """Make the tick as fine as the price: the engine skips a fill between two ticks."""
        tick = instrument.price_increment.as_decimal()
        if price.as_decimal() % tick:
            finest = Price.from_mantissa_exponent(1, -price.precision, price.precision)
            margins = {n: getattr(instrument, n) for n in ("margin_init", "margin_maint")}
            self._engine.add_instrument(remade(instrument, price_increment=finest, **margins))


def _instrument_close(
    contract: InstrumentId, price: Price, kind: InstrumentCloseType, ts: int
) -> InstrumentClose:
    return InstrumentClose(contract, price, kind, ts, ts)
