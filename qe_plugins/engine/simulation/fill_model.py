"""Price simulated fills: at which price an order fills inside a bar, and how far that slips.

The engine decides *when* an order is matched, on the four prices of a bar; this model decides at
what price it fills, or that it does not fill yet. Whatever takes the market slips and never past
its limit; whatever rests fills at its limit. Nothing here is random.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nautilus_trader.execution import FillModel
from nautilus_trader.model import (
    BarType,
    ContingencyType,
    OrderBook,
    Price,
    Quantity,
)

from qe_plugins.engine.contracts.instruments import SETTLES
from qe_plugins.engine.simulation.fill_attempt import FillAttempt, Levels
from qe_plugins.engine.simulation.slippage import slippage_ticks

if TYPE_CHECKING:
    from qe_plugins.config.schema import SlippageSettings
    from qe_plugins.engine.hosting.exceptions import ExceptionTrap
    from qe_plugins.engine.simulation.chunk_bars import BarRow, ChunkBars

DEEP = Quantity.from_int(1_000_000_000)
NOTHING = Quantity.from_int(0)
AWAY = 1  # ticks beyond the first price at which what exceeds a quarter of the bar fills


class SlippageFillModel(FillModel):
    """The exchange's side of every fill of a run.

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
        self._through = slippage.limits == "through"
        self._by_one = (slippage.model, slippage.ticks) == ("ticks", 1) or slippage.model == "none"
        self._types: dict[str, Any] = {}
        self._limits: dict[Any, int] = {}

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
        """Return the book that the order fills from, or None to let it rest as Nautilus does.

        A book without contracts means that the order does not fill yet.
        """
        try:
            best = _best_ask if _order.is_buy else _best_bid
            if best is None or settles(_order):
                return None
            return self._simulated(FillAttempt(_instrument, _order, best, self))
        except Exception as error:  # the engine would leave the order as it is, and go on
            self.exception_trap.record(self, error, _order)
            raise

    def shutdown_system(self, reason: str) -> None:
        """Do nothing: a fill model cannot stop the engine. The runner raises after the chunk."""

    def phase(self, contract: str, ts: int) -> tuple[BarRow | None, bool]:
        """Return the bar that closes at `ts` and whether strategies have received it."""
        bar = None if self.by_ticks else self._bars.closing_at(contract, ts)
        if bar is None:
            return None, False
        bar_type = self._types.get(contract)
        if bar_type is None:
            bar_type = self._types[contract] = BarType.from_str(self._bars.types[contract])
        received = self.cache.bar(bar_type)
        return bar, received is not None and received.ts_init >= ts

    def own_limit(self, order: Any) -> int | None:
        """Return a repriced order's own limit as a cost in ticks, None for any other order."""
        return self._limits.get(order.client_order_id)

    def is_repriced(self, client_order_id: Any) -> bool:
        """Say whether an order's limit was changed here."""
        return client_order_id in self._limits

    def volume(self, contract: str, ts: int) -> BarRow | None:
        """Return the bar whose volume is known at `ts`, None without one."""
        return self._bars.latest(contract, ts)

    def runs_through(self, order: Any, instrument: Any, bar: BarRow) -> Price | None:
        """Return the close of a bar that runs through a stop-limit's trigger and its limit.

        The engine triggers such an order at the far end of the bar, where its limit is out of
        reach; an exchange would have filled it on the way. None where the engine can fill it. The
        order's own limit is kept here, whatever price the engine is given.
        """
        match = FillAttempt(instrument, order, order.trigger_price, self)
        assert match.limit is not None
        assert match.trigger is not None
        first, *rest = (match.cost(price) for price in self._path(bar))
        if first >= match.trigger or match.trigger > match.limit:
            return None
        reached = next((n for n, cost in enumerate(rest) if cost >= match.trigger), len(rest))
        if not rest[reached:] or min(rest[reached:]) <= match.limit:
            return None
        self._limits[order.client_order_id] = match.limit
        return match.price(rest[-1])

    def _simulated(self, match: FillAttempt) -> OrderBook | None:
        if match.idle or match.is_over() or self._has_left(match.order):
            return match.book([(match.best, NOTHING)])
        if match.limit is None:
            return match.book(self._taken(match, match.unslipped()))
        levels = self._limit(match) if match.trigger is None else self._triggered(match)
        return None if levels is None else match.book(levels)

    def _path(self, bar: BarRow) -> tuple[float, ...]:
        """Return a bar's prices in the order in which the engine trades them."""
        low_first = self._nearer_first and bar.high - bar.open >= bar.open - bar.low
        ends = (bar.low, bar.high) if low_first else (bar.high, bar.low)
        return (bar.open, *ends, bar.close)

    def _has_left(self, order: Any) -> bool:
        """Say whether an exit of a partly filled entry has filled, which ends the entry."""
        if order.contingency_type != ContingencyType.OTO or not order.filled_qty.as_double():
            return False
        exits = (self.cache.order(name) for name in order.linked_order_ids or ())
        return any(exit_ is not None and exit_.filled_qty.as_double() > 0 for exit_ in exits)

    def _limit(self, match: FillAttempt) -> Levels | None:
        """Return what a limit order fills at; None leaves a resting order to Nautilus."""
        assert match.limit is not None
        if match.arrives:
            crosses = match.best < match.limit or (
                match.best == match.limit and self.by_ticks  # a quoted price is on offer
            )
            taken = match.order.filled_qty.as_double() > 0
            if (
                not crosses
                or (taken and not match.changed)
                or not self.is_tradable(match.contract, match.ts)
            ):
                return [(match.best, NOTHING)]
            return self._taken(match, match.best)
        if not match.is_reached(through=self._through):
            return [(match.best, NOTHING)]
        return None if match.rested else [(match.limit, DEEP)]

    def _triggered(self, match: FillAttempt) -> Levels:
        """Return what a triggered stop-limit or limit-if-touched order fills at."""
        assert match.limit is not None
        reached = match.is_reached(through=self._through)
        resting = [(match.limit, DEEP if reached else NOTHING)]
        if not match.is_triggered_now():
            return resting
        price = match.unslipped()
        return self._taken(match, price) if price <= match.limit else resting

    def _taken(self, match: FillAttempt, price: int) -> Levels:
        """Return what an order pays that takes the market at `price`."""
        bar = self.volume(str(match.contract), match.ts)
        size = match.order.leaves_qty.as_double()
        volume = None if bar is None else bar.volume
        first = price + slippage_ticks(self._slippage, size, abs(price), volume, self._bars.period)
        cap = match.limit if match.limit is not None else first + AWAY
        first, further = min(first, cap), min(first + AWAY, cap)
        if bar is None or not self._by_one or first == further:
            return [(first, DEEP)]
        return [(first, Quantity.from_int(max(1, int(bar.volume // 4)))), (further, DEEP)]


def settles(order: Any) -> bool:
    """Say whether it is by this order that the engine settles an expired contract."""
    return bool(order.client_order_id.value.startswith(SETTLES))
