"""Hold what a book of factors forecasts, in whole contracts.

Thesis: none of its own; `qe factors test` says what chance would have left of the book. A forecast
is made at the book's decisions and holds for its horizon; the order goes out at the close of the
next bar, as the label of the test enters. Where the size rounds to nothing, nothing is held.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from nautilus_trader.model import Bar, BarType, InstrumentId, OrderSide, Quantity
from nautilus_trader.trading import Strategy

from qe_plugins.research.factors import provenance
from qe_plugins.research.factors.decisions import LATE, SECOND, ends_in_session, is_decision
from qe_plugins.research.factors.sizing import VOLATILITY, Sizing
from qe_plugins.units import Fraction, Money

BUY, SELL = OrderSide.BUY, OrderSide.SELL
NEVER = 2**63 - 1


class FactorTargetConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`book` is a book of `qe factors combine`: its name, or its file.

    `capital` times `risk`, a part a year, is what the whole book's average forecasts move in a
    year; `contracts` is the largest position. A position within `buffer` average positions of the
    best one is kept.
    """

    book: str
    instrument_id: str
    bars: str = "1-MINUTE-LAST"
    capital: Money = Decimal(100_000)
    risk: Annotated[Fraction, msgspec.Meta(gt=0, le=1)] = 0.2
    buffer: Annotated[Fraction, msgspec.Meta(ge=0, le=1)] = 0.1
    contracts: Annotated[int, msgspec.Meta(ge=1)] = 1

    def __post_init__(self) -> None:
        if self.capital <= 0:
            raise ValueError(f"capital must be positive, was {self.capital}")


class FactorTarget(Strategy):
    """Hold forecast times risk target over volatility, buffered."""

    desk: Any = None

    def __init__(self, config: FactorTargetConfig) -> None:
        super().__init__(config)
        self.book = provenance.current(config.book)
        self.contract = InstrumentId.from_str(config.instrument_id)
        self.bar_type = BarType.from_str(f"{config.instrument_id}-{config.bars}-EXTERNAL")
        self.decided: tuple[int, float, float] | None = None
        self.wanted = 0
        self.valid_until = NEVER
        self.refused = False

    @staticmethod
    def features(config: FactorTargetConfig) -> tuple[str, ...]:
        """Return what the book's factors read, and what sizes go by."""
        return (*(one.name for one in provenance.current(config.book).factors), VOLATILITY)

    @staticmethod
    def check_data(config: FactorTargetConfig, tape: Any) -> None:
        """Raise ConfigError for a root, or for bars, that the book was not tested on."""
        book = provenance.current(config.book)
        roots = {str(one.id): one.underlying for one in tape.contracts}
        book.share(roots.get(config.instrument_id) or config.instrument_id.partition(".")[0])
        provenance.check_bars(book, config.book, tape)

    def on_start(self) -> None:
        instrument = self.cache.instrument(self.contract)
        root = str(instrument.underlying)
        self.multiplier = float(instrument.multiplier.as_decimal())
        self.root = root
        self.sizing = Sizing(
            capital=float(self.config.capital),
            risk=self.config.risk,
            share=self.book.share(root),
            buffer=self.config.buffer,
            most=self.config.contracts,
        )
        self.subscribe_bars(self.bar_type)

    def on_bar(self, bar: Bar) -> None:
        ts = bar.ts_event
        if self.decided is not None and ts - self.decided[0] > LATE:
            self.decided = None
        if self.refused:
            self.refused = not self.reduce()
        elif self.decided is not None:
            self.enter(ts)
        elif ts >= self.valid_until and self.hold(0) and not self.net_position():
            self.valid_until = NEVER
        if is_decision(ts, self.book.every, self.book.session):
            self.decide(bar)

    def decide(self, bar: Bar) -> None:
        """Note the forecast of a bar, for the next one; none where a feature is unknown."""
        features = self.desk.features(self.config.instrument_id)
        forecast = self.book.forecast(features.__getitem__) / self.book.average
        volatility = features[VOLATILITY]
        average = self.sizing.average_position(
            volatility, float(bar.close.as_decimal()), self.multiplier
        )
        if math.isfinite(forecast) and math.isfinite(average):
            self.decided = bar.ts_event, forecast, average

    def enter(self, ts: int) -> None:
        """Hold what was decided a bar ago, for the horizon; nothing where the market closes."""
        assert self.decided is not None
        _, forecast, average = self.decided
        held = self.net_position()
        wanted = self.sizing.position(held, forecast, average)
        if not ends_in_session(self.root, ts, self.book.horizon):
            wanted = 0
        if self.hold(wanted):
            self.decided, self.valid_until = None, ts + int(self.book.horizon * SECOND)

    def reduce(self) -> bool:
        """After a denial, give up what the forecast no longer wants: that is never refused."""
        held = self.net_position()
        same_side = max(min(self.wanted, held), 0) if held > 0 else min(max(self.wanted, held), 0)
        return self.hold(same_side)

    def hold(self, contracts: int) -> bool:
        """Send what is missing to a position. Return false where an order is still working."""
        mine: dict[str, Any] = {"instrument_id": self.contract, "strategy_id": self.strategy_id}
        if self.cache.orders_open(**mine) or self.cache.orders_inflight(**mine):
            return False
        self.wanted = contracts
        change = contracts - self.net_position()
        if change:
            size = Quantity.from_int(abs(change))
            side = BUY if change > 0 else SELL
            self.submit_order(self.order_factory.market(self.contract, side, size))
        return True

    def net_position(self) -> int:
        """Return this strategy's contracts, negative when short."""
        mine = {"instrument_id": self.contract, "strategy_id": self.strategy_id}
        return int(sum(Decimal(str(p.signed_qty)) for p in self.cache.positions_open(**mine)))

    def on_order_denied(self, event: Any) -> None:
        """Reduce at the next bar: inside this callback no other order can be sent."""
        self.refused = True
