"""Options at expiry in the engine: fed the fixing price, exercised, and none may outlive it.

Nautilus exercises an option into its future only if the underlying has traded: with bars or quotes
alone it warns, keeps the position open for ever and books the premium as a profit. So a trade at
the fixing price is fed a nanosecond before each expiry (at the same instant the order of the two
is not defined, nautechsystems/nautilus_trader#4966), and a position that is still open after its
expiry ends the run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec
from nautilus_trader.backtest import BacktestEngine
from nautilus_trader.model import (
    AggressorSide,
    AssetClass,
    Currency,
    InstrumentId,
    OptionContract,
    OptionKind,
    Price,
    Quantity,
    Symbol,
    TieredTickScheme,
    TradeId,
    TradeTick,
    register_tick_scheme,
)

from qe_plugins.errors import DataError, RunError
from qe_plugins.market.listed_options import ListedOption
from qe_plugins.market.option_terms import Fixing, option_ticks
from qe_plugins.market.specs import market

CENTS = 2
MOST_TICKS = 1_000
ONE_NS = 1
BEFORE_SETTLEMENT = 2
"""Nanoseconds by which an option that expires with its future is exercised before it settles."""

type FixingBasis = Literal["settlement", "preliminary", "vwap", "bar"]

type FixingPrice = Callable[[ListedOption], tuple[Decimal, FixingBasis] | None]
"""Returns the price of an option's future that decides about its exercise, and where it is from.

None where there is no price.
"""

type FeedRecords = Callable[[Sequence[Any]], None]
"""Passes records to the engine, in time order, and lets it process them."""

_schemes: set[str] = set()


class ExpiredOption(msgspec.Struct, frozen=True):
    """An option that was held into its expiry, and the price of its future that decided (points).

    `basis` is where that price is from: `settlement`, `preliminary` (a settlement that is not final
    yet), `vwap` or `bar`, the last close.
    """

    option: ListedOption
    fixing: Decimal
    basis: FixingBasis

    @property
    def is_exercised(self) -> bool:
        """Return whether its owner exercised it: it ended in the money."""
        return self.option.intrinsic(self.fixing) > 0


def exercise_time(one: ListedOption) -> int:
    """Return when the engine exercises an option, in UTC nanoseconds: at its expiry.

    One that expires together with its future is exercised just before: at the same instant the
    engine may have ended the future already, and would keep what the exercise opens.
    """
    return one.expiry - (BEFORE_SETTLEMENT if one.fixing is Fixing.SETTLEMENT else 0)


def option_contract(one: ListedOption, on: date) -> OptionContract:
    """Return the engine's instrument of an option, with the ticks in force on a day.

    Its underlying is the future's name with two digits, which the engine looks up on the option's
    venue. Margins are 0: the engine knows none for options; `options/margin.py` has the scan.
    """
    ticks = option_ticks(one.root, on)
    name = f"OPTION_{ticks.tick}_{ticks.below}_{ticks.above}"
    if name not in _schemes:
        tiers = [
            (0.0, float(ticks.below), float(ticks.tick)),
            (float(ticks.below), float("inf"), float(ticks.above)),
        ]
        register_tick_scheme(TieredTickScheme(name, tiers, CENTS, MOST_TICKS))
        _schemes.add(name)
    return OptionContract(
        instrument_id=InstrumentId.from_str(one.id),
        raw_symbol=Symbol(one.symbol),
        asset_class=AssetClass.INDEX,
        underlying=one.underlying,
        option_kind=OptionKind.CALL if one.right == "call" else OptionKind.PUT,
        strike_price=Price.from_decimal_dp(one.strike, CENTS),
        currency=Currency.from_str("USD"),
        activation_ns=0,
        expiration_ns=exercise_time(one),
        price_precision=CENTS,
        price_increment=Price.from_decimal_dp(ticks.tick, CENTS),
        multiplier=Quantity.from_str(f"{one.multiplier:f}"),
        lot_size=Quantity.from_int(1),
        margin_init=Decimal(0),
        margin_maint=Decimal(0),
        exchange=market(one.root).exchange,
        tick_scheme=name,
        ts_event=0,
        ts_init=0,
    )


class OptionExpiries:
    """Feeds records to an engine, with the fixing of each option's future before its expiry.

    `expired` has the options that were held into their expiry, by id.
    Raises DataError where an option has no underlying in the engine, or expires in the tape without
    a price to fix it at, and RunError where a position outlives its expiry.
    """

    def __init__(
        self, engine: BacktestEngine, options: Iterable[ListedOption], fixing: FixingPrice
    ) -> None:
        self._engine, self._fixing = engine, fixing
        self.expired: dict[str, ExpiredOption] = {}
        self._due = deque(sorted(options, key=lambda one: (exercise_time(one), one.symbol)))
        for one in self._due:
            if engine.cache.instrument(InstrumentId.from_str(one.underlying_id)) is None:
                raise DataError(
                    f"the data has no {one.underlying}, into which it is exercised.",
                    where=one.symbol,
                    hint="Add the future, with its bars or quotes, to the run.",
                )

    def feed(self, records: Sequence[Any], feed: FeedRecords) -> None:
        """Feed records; settle the options that expire among them, each at its moment."""
        while self._due and records and records[-1].ts_init >= exercise_time(self._due[0]):
            expiry = exercise_time(self._due[0])
            before = [one for one in records if one.ts_init < expiry]
            if before:
                feed(before)
            self._settle(expiry, feed)
            records = records[len(before) :]
        if records:
            feed(records)

    def finish(self, until: int, feed: FeedRecords) -> None:
        """Settle the options that expire after the last record and by `until` (UTC ns)."""
        while self._due and self._due[0].expiry <= until:
            self._settle(exercise_time(self._due[0]), feed)

    def _settle(self, expiry: int, feed: FeedRecords) -> None:
        """Feed each underlying's fixing a nanosecond before the expiry, then pass the expiry.

        The trade is fed only where an option is held, since orders on the future may fill on it.
        """
        expiring = []
        while self._due and exercise_time(self._due[0]) == expiry:
            expiring.append(self._due.popleft())
        held = [one for one in expiring if self._is_held(one)]
        first = {one.underlying: one for one in reversed(held)}
        fixings = {name: self._fixing_of(one, expiry) for name, one in first.items()}
        for one in held:
            self.expired[one.id] = ExpiredOption(one, *fixings[one.underlying])
        if first:
            feed([self._trade(one, fixings[name][0], expiry) for name, one in first.items()])
        self._engine.run(start=expiry, end=expiry, streaming=True)
        for one in held:
            if self._is_held(one):
                raise RunError(
                    f"a position in {one.symbol} outlived its expiry at {_moment(expiry)}: the "
                    f"engine has no price of {one.underlying} at which to exercise it."
                )

    def _is_held(self, one: ListedOption) -> bool:
        contract = InstrumentId.from_str(one.id)
        return bool(self._engine.cache.positions_open(instrument_id=contract))

    def _fixing_of(self, one: ListedOption, expiry: int) -> tuple[Decimal, FixingBasis]:
        found = self._fixing(one)
        if found is None:
            raise DataError(
                f"it expires at {_moment(expiry)} in the data, which has neither a trade nor a "
                f"settlement of {one.underlying} by then.",
                where=one.symbol,
                hint="Add the future's bars of that day, or end the run before.",
            )
        return found

    def _trade(self, one: ListedOption, price: Decimal, expiry: int) -> TradeTick:
        """Return a trade of an option's future at its fixing, just before the expiry."""
        future: Any = self._engine.cache.instrument(InstrumentId.from_str(one.underlying_id))
        return TradeTick(
            InstrumentId.from_str(one.underlying_id),
            Price.from_decimal_dp(price, future.price_precision),
            Quantity.from_int(1),
            AggressorSide.NO_AGGRESSOR,
            TradeId(f"FIXING-{one.underlying}-{expiry}"),
            expiry - ONE_NS,
            expiry - ONE_NS,
        )


def _moment(ts: int) -> str:
    return f"{datetime.fromtimestamp(ts // 10**9, UTC):%Y-%m-%d %H:%M:%S} UTC"
