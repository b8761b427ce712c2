"""Bracket orders and closing positions that have them, for every strategy here with a stop.

Nautilus' own `order_factory.bracket` marks the exits reduce-only, which Interactive Brokers does
not support and the sandbox rejects. Here the same three orders are sent without that mark: the
exits wait for the entry (OTO) and shrink with one another (OUO), so together they never close more
than the entry opened. For the same reason a position is closed only after its exits are cancelled,
but at a broker, where the host closes it under its stop.
"""

from __future__ import annotations

import inspect
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Annotated, Any

import msgspec
from nautilus_trader.model import (
    ContingencyType,
    InstrumentId,
    OrderInitialized,
    OrderSide,
    Price,
    Quantity,
)
from nautilus_trader.trading import Strategy

from qe_plugins import Side, Signal

FIELDS = [name for name in inspect.signature(OrderInitialized).parameters if name != "reduce_only"]
Reward = Annotated[float, msgspec.Meta(gt=0)]
"""The target of a trade as a multiple of its risk."""

OPENS = {Side.LONG: OrderSide.BUY, Side.SHORT: OrderSide.SELL}


class Bracketed(Strategy):
    """A strategy that enters with a bracket and leaves without orphaned orders.

    Its config has `contracts`, the size of an entry without a desk: in plain Nautilus.
    """

    desk: Any = None
    sized_by_desk = True

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self._leaving: dict[InstrumentId, Any] = {}

    def net_position(self, contract: InstrumentId) -> Decimal:
        """Return this strategy's position in contracts, negative when short."""
        positions = self.cache.positions_open(instrument_id=contract, strategy_id=self.strategy_id)
        return sum((Decimal(str(p.signed_qty)) for p in positions), Decimal(0))

    def working(self, contract: InstrumentId) -> list[Any]:
        """Return this strategy's orders that may still fill."""
        mine: dict[str, Any] = {"instrument_id": contract, "strategy_id": self.strategy_id}
        return [*self.cache.orders_open(**mine), *self.cache.orders_inflight(**mine)]

    def is_leaving(self, contract: InstrumentId) -> bool:
        """Return whether `leave` was called and the position is not flat yet."""
        return contract in self._leaving

    def enter(self, signal: Signal) -> None:
        """Send a bracket for a signal that has a stop and a target, sized by the desk."""
        contract = InstrumentId.from_str(signal.instrument_id)
        contracts = self.desk.size(signal) if self.desk else self.config.contracts
        if contracts > 0 and not self.working(contract):
            self.submit_order_list(bracket(self, signal, contracts))

    def leave(self, contract: InstrumentId) -> None:
        """Cancel the working orders, then close the position; calls `on_flat` when it is flat."""
        self._leaving.setdefault(contract, None)
        self._continue(contract)

    def on_flat(self, contract: InstrumentId) -> None:
        """Called when `leave` has closed the position. Does nothing by default."""

    def on_order_rejected(self, event: Any) -> None:
        """Leave when the venue rejects one of the three orders: no position without its stop."""
        if not self._stop_leaving(event):
            self.leave(event.instrument_id)

    def on_order_denied(self, event: Any) -> None:
        self._stop_leaving(event)

    def on_order_canceled(self, event: Any) -> None:
        self._on_leaving_event(event)

    def on_order_filled(self, event: Any) -> None:
        self._on_leaving_event(event)

    def on_position_closed(self, event: Any) -> None:
        self._on_leaving_event(event)

    def _on_leaving_event(self, event: Any) -> None:
        if event.instrument_id in self._leaving:
            self._continue(event.instrument_id)

    def _stop_leaving(self, event: Any) -> bool:
        """Stop leaving after a closing order was denied; return whether the event is of that order.

        Resent at once, it might be denied for ever. The caller of `leave` may call it again.
        """
        denied = event.client_order_id == self._leaving.get(event.instrument_id)
        if denied:
            del self._leaving[event.instrument_id]
        return bool(denied)

    def _continue(self, contract: InstrumentId) -> None:
        """Take the next step of leaving. Called at every event until the position is flat."""
        close = getattr(self, "close_under_stop", None)
        if close is not None and self.net_position(contract):
            close(contract)
            return
        working = self.working(contract)
        for order in working:
            if order.is_open and not order.is_pending_cancel and not self._is_close(order):
                self.cancel_order(order.client_order_id)
        if working or self._close_is_underway(contract):
            return
        if net := self.net_position(contract):
            self._close(contract, net)
        else:
            del self._leaving[contract]
            self.on_flat(contract)

    def _is_close(self, order: Any) -> bool:
        return bool(self._leaving[order.instrument_id] == order.client_order_id)

    def _close_is_underway(self, contract: InstrumentId) -> bool:
        order = self.cache.order(sent) if (sent := self._leaving[contract]) else None
        return order is not None and not order.is_closed

    def _close(self, contract: InstrumentId, net: Decimal) -> None:
        side = OrderSide.SELL if net > 0 else OrderSide.BUY
        order = self.order_factory.market(contract, side, Quantity.from_int(int(abs(net))))
        self._leaving[contract] = order.client_order_id
        self.submit_order(order)


def bracket(strategy: Strategy, signal: Signal, contracts: int) -> list[Any]:
    """Return a market entry, its stop and its target, ready for `submit_order_list`.

    The entry is tagged with the signal's id; stop and target are put on the tick grid.
    """
    instrument = strategy.cache.instrument(InstrumentId.from_str(signal.instrument_id))
    entry, *exits = strategy.order_factory.bracket(
        instrument.id,
        OPENS[signal.side],
        Quantity.from_int(contracts),
        contingency_type=ContingencyType.OUO,
        entry_tags=["ENTRY", signal.id] if signal.id else ["ENTRY"],
        tp_price=on_grid(signal.target, instrument),
        tp_post_only=False,
        sl_trigger_price=on_grid(signal.stop, instrument),
    )
    return [entry, *(without_reduce_only(order) for order in exits)]


def target_of(entry: Decimal, stop: Decimal, reward: Reward) -> Decimal:
    """Return the price at which a trade gains `reward` times its risk."""
    return entry + (entry - stop) * Decimal(str(reward))


def on_grid(price: Decimal | None, instrument: Any) -> Price:
    """Return the tick nearest to `price`. Raises ValueError for None."""
    if price is None:
        raise ValueError("a bracket needs a stop and a target")
    tick = instrument.price_increment.as_decimal()
    ticks = (price / tick).quantize(Decimal(1), ROUND_HALF_EVEN)
    return Price.from_decimal_dp(ticks * tick, instrument.price_precision)


def without_reduce_only(order: Any) -> Any:
    """Return a copy of `order` without its reduce-only mark."""
    first = order.init_event
    fields = {name: value for name in FIELDS if (value := getattr(first, name, None)) is not None}
    return type(order).create(OrderInitialized(**fields, reduce_only=False))
