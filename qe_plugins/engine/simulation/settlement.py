"""Settle what is held into its expiry: at the exchange's price, or else at the last bar's close."""

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
from qe_plugins.journal.facts import FactKind

if TYPE_CHECKING:
    from qe_plugins.data.tape import Tape
    from qe_plugins.engine.accounting.trades import Fill
    from qe_plugins.engine.simulation.chunk_bars import ChunkBars

BASES = {
    "settlement": "the exchange's settlement price of",
    "preliminary": "the exchange's preliminary settlement price of",
    "bar": "its last close: the data has no settlement price of",
}
SHOWN = 6


class SettlementRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A position that its expiry closed. `contracts` is what was held, negative when short.

    `basis` says whose price it was; `published` is when the exchange said it (ISO, UTC).
    """

    order: str
    instrument_id: str
    strategy: str
    contracts: Decimal
    price: Decimal
    basis: Literal["settlement", "preliminary", "bar"]
    day: str
    published: str | None = None
    at: int

    @property
    def words(self) -> str:
        """Say it in a sentence without its subject."""
        of = f"{BASES[self.basis]} {self.day}"
        return f"{int(self.contracts):+d} {self.instrument_id} settled at {self.price:,f}, {of}"


def settled(fills: Iterable[Fill], settlements: Mapping[str, Settlement]) -> list[SettlementRecord]:
    """Return what fills say was settled, oldest first."""
    return [_settled(f, settlements) for f in fills if f.client_order_id.startswith(SETTLES)]


def journaled(found: Iterable[SettlementRecord], recorder: Recorder) -> dict[str, str]:
    """Journal each settlement; return the ids of these facts by the orders that they caused."""
    return {one.order: _journaled(one, recorder) for one in found}


def in_words(found: Iterable[SettlementRecord]) -> list[str]:
    """Say what settled, a sentence each."""
    return [f"{one.words}." for one in found]


def expected(contracts: Sequence[FuturesContract], known: Iterable[str], end: int) -> list[str]:
    """Say of the contracts that expire by `end` (UTC ns) where their last price will come from."""
    having = set(known)
    names = [
        str(one.id)
        for one in sorted(contracts, key=lambda one: one.expiration_ns)
        if one.expiration_ns <= end or str(one.id) in having
    ]
    told, bare = [n for n in names if n in having], [n for n in names if n not in having]
    lines = []
    if told:
        what = "What is held into expiry settles at the exchange's settlement price"
        lines.append(f"{what}: the data has that of {_listed(told)}.")
    if bare:
        what = "What is held into expiry settles at the contract's last close"
        lines.append(f"{what}: the data has no settlement price of {_listed(bare)}.")
    return lines


def _settled(fill: Fill, settlements: Mapping[str, Settlement]) -> SettlementRecord:
    one = settlements.get(fill.instrument_id)
    if one is not None and one.price.quantize(fill.price) != fill.price:
        one = None
    said = datetime.fromtimestamp(one.published // 10**9, UTC).isoformat() if one else None
    return SettlementRecord(
        order=fill.client_order_id,
        instrument_id=fill.instrument_id,
        strategy=fill.strategy,
        contracts=-fill.quantity,
        price=fill.price,
        basis="bar" if one is None else "preliminary" if one.preliminary else "settlement",
        day=f"{expiry_day(fill.ts)}",
        published=said,
        at=fill.ts,
    )


def _journaled(one: SettlementRecord, recorder: Recorder) -> str:
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
"""Lets the engine hear records, in time order."""


class SettlementFeeder:
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
