"""The fill model: at which price an order fills inside a bar, and with how much slippage.

The engine decides *when* an order is matched, on the four prices of a bar; this model decides the
price, or that the order does not fill yet. An order that takes the market has slippage, never past
its limit; a resting order fills at its limit. Nothing is random. Prices are costs in ticks: more is
worse for either side. The groups of order types are in `fill_attempt`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nautilus_trader.execution import FillModel
from nautilus_trader.model import (
    ContingencyType,
    OptionContract,
    OrderBook,
    Price,
    Quantity,
)

from qe_plugins.engine.contracts.instruments import SETTLES
from qe_plugins.engine.simulation.fill_attempt import FillAttempt, Levels
from qe_plugins.engine.simulation.option_fills import OptionFills
from qe_plugins.engine.simulation.slippage import slippage_ticks

if TYPE_CHECKING:
    from qe_plugins.config.schema import SlippageSettings
    from qe_plugins.engine.hosting.exceptions import ExceptionTrap
    from qe_plugins.engine.simulation.chunk_bars import BarRow, ChunkBars

DEEP = Quantity.from_int(1_000_000_000)
NOTHING = Quantity.from_int(0)
AWAY = 1  # ticks beyond the first price at which size above a quarter of the bar's volume fills


class SlippageFillModel(FillModel):
    """Prices every fill of a run.

    `bars` are the run's bars, which trade unless quotes or trades drive the market. `clock` is
    any component's, `cache` the engine's; `is_tradable(contract, ts)` says whether the market is
    open and its price is not stale.
    """

    exception_trap: ExceptionTrap
    clock: Any
    cache: Any
    is_tradable: Callable[[Any, int], bool]

    def __init__(
        self, slippage: SlippageSettings, bars: ChunkBars, *, by_ticks: bool, nearer_first: bool
    ) -> None:
        self._slippage, self._bars, self._nearer_first = slippage, bars, nearer_first
        self.by_ticks = by_ticks
        self._through = slippage.limit_fills == "on_trade_through"
        self._by_one = (slippage.model, slippage.ticks) == ("ticks", 1) or slippage.model == "none"
        self._limits: dict[Any, int] = {}
        self.options = OptionFills()

    def is_slipped(self) -> bool:
        return False

    def is_limit_filled(self) -> bool:
        return not self._through

    def get_orderbook_for_fill_simulation(
        self,
        _instrument: Any,
        _order: Any,
        _best_bid: Price | None = None,
        _best_ask: Price | None = None,
    ) -> OrderBook | None:
        """Return the book that the order fills from, None to leave the fill to Nautilus.

        With a book without contracts the order does not fill yet.
        """
        try:
            best = _best_ask if _order.is_buy else _best_bid
            if best is None or settles(_order):
                return None
            if isinstance(_instrument, OptionContract):
                now = self.clock.timestamp_ns()
                return self.options.book(_order, now, _best_bid, _best_ask)
            return self._simulated_book(FillAttempt(_instrument, _order, best, self))
        except Exception as error:  # the engine would ignore it and leave the order unfilled
            self.exception_trap.record(self, error, _order)
            raise

    def shutdown_system(self, reason: str) -> None:
        """Do nothing: a fill model cannot stop the engine. The runner raises after the chunk."""

    def phase(self, contract: str, ts: int) -> tuple[BarRow | None, bool]:
        """Return the bar that closes at `ts` and whether strategies have received it."""
        bar = None if self.by_ticks else self._bars.closing_at(contract, ts)
        if bar is None:
            return None, False
        received = self.cache.bar(self._bars.parsed[contract])
        return bar, received is not None and received.ts_init >= ts

    def own_limit(self, order: Any) -> int | None:
        """Return a repriced order's own limit as a cost in ticks, None for any other order."""
        return self._limits.get(order.client_order_id)

    def is_repriced(self, client_order_id: Any) -> bool:
        """Return whether an order's limit was changed here."""
        return client_order_id in self._limits

    def last_bar(self, contract: str, ts: int) -> BarRow | None:
        """Return the bar whose volume is known at `ts`, None without one."""
        return self._bars.latest(contract, ts)

    def runs_through(self, order: Any, instrument: Any, bar: BarRow) -> Price | None:
        """Return the close of a bar that runs through a stop-limit's trigger and its limit.

        The engine triggers such an order at the far end of the bar, where its limit is out of
        reach; an exchange would have filled it on the way. None where the engine can fill it. The
        order's own limit is stored here: the engine gets the returned price instead.
        """
        attempt = FillAttempt(instrument, order, order.trigger_price, self)
        assert attempt.limit is not None
        assert attempt.trigger is not None
        first, *rest = (attempt.cost(price) for price in self._path(bar))
        if first >= attempt.trigger or attempt.trigger > attempt.limit:
            return None
        reached = next((n for n, cost in enumerate(rest) if cost >= attempt.trigger), len(rest))
        if not rest[reached:] or min(rest[reached:]) <= attempt.limit:
            return None
        self._limits[order.client_order_id] = attempt.limit
        return attempt.price(rest[-1])

    def _simulated_book(self, attempt: FillAttempt) -> OrderBook | None:
        if attempt.idle or attempt.is_over() or self._is_exited(attempt.order):
            return attempt.book([(attempt.best, NOTHING)])
        if attempt.limit is None:
            return attempt.book(self._market_levels(attempt, attempt.unslipped()))
        levels = (
            self._limit_levels(attempt)
            if attempt.trigger is None
            else self._triggered_levels(attempt)
        )
        return None if levels is None else attempt.book(levels)

    def _path(self, bar: BarRow) -> tuple[float, ...]:
        """Return a bar's prices in the order in which the engine trades them."""
        low_first = self._nearer_first and bar.high - bar.open >= bar.open - bar.low
        ends = (bar.low, bar.high) if low_first else (bar.high, bar.low)
        return (bar.open, *ends, bar.close)

    def _is_exited(self, order: Any) -> bool:
        """Return whether an exit of a partly filled entry has filled: the entry is over then."""
        if order.contingency_type != ContingencyType.OTO or not order.filled_qty.as_double():
            return False
        exits = (self.cache.order(name) for name in order.linked_order_ids or ())
        return any(exit_ is not None and exit_.filled_qty.as_double() > 0 for exit_ in exits)

    def _limit_levels(self, attempt: FillAttempt) -> Levels | None:
        """Return the prices of a limit order's fill; None leaves a resting order to Nautilus."""
        assert attempt.limit is not None
        if attempt.arrives:
            crosses = attempt.best < attempt.limit or (
                attempt.best == attempt.limit and self.by_ticks  # a quoted price is on offer
            )
            taken = attempt.order.filled_qty.as_double() > 0
            if (
                not crosses
                or (taken and not attempt.changed)
                or not self.is_tradable(attempt.contract, attempt.ts)
            ):
                return [(attempt.best, NOTHING)]
            return self._market_levels(attempt, attempt.best)
        if not attempt.is_reached(through=self._through):
            return [(attempt.best, NOTHING)]
        return None if attempt.rested else [(attempt.limit, DEEP)]

    def _triggered_levels(self, attempt: FillAttempt) -> Levels:
        """Return the prices at which a triggered stop-limit or limit-if-touched order fills."""
        assert attempt.limit is not None
        reached = attempt.is_reached(through=self._through)
        resting = [(attempt.limit, DEEP if reached else NOTHING)]
        if not attempt.is_triggered_now():
            return resting
        price = attempt.unslipped()
        return self._market_levels(attempt, price) if price <= attempt.limit else resting

    def _market_levels(self, attempt: FillAttempt, price: int) -> Levels:
        """Return the prices of an order that takes the market at `price`."""
        bar = self.last_bar(str(attempt.contract), attempt.ts)
        size = attempt.order.leaves_qty.as_double()
        volume = None if bar is None else bar.volume
        first = price + slippage_ticks(self._slippage, size, abs(price), volume, self._bars.period)
        cap = attempt.limit if attempt.limit is not None else first + AWAY
        first, further = min(first, cap), min(first + AWAY, cap)
        if bar is None or not self._by_one or first == further:
            return [(first, DEEP)]
        return [(first, Quantity.from_int(max(1, int(bar.volume // 4)))), (further, DEEP)]


def settles(order: Any) -> bool:
    """Return whether an order is the engine's own that settles an expired contract."""
    return bool(order.client_order_id.value.startswith(SETTLES))
