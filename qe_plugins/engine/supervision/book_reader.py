"""Our book, read from the engine's cache as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from nautilus_trader.model import OrderSide, OrderStatus

from qe_plugins.engine.contracts.instruments import decimal
from qe_plugins.engine.reconciliation.book import BookOrder, BookState, OwnBook

NOT_SENT = (OrderStatus.INITIALIZED, OrderStatus.EMULATED, OrderStatus.RELEASED)
"""States of an order that the broker cannot know."""


def read_book(cache: Any, contracts: Mapping[Any, str], now: int) -> OwnBook:
    """Return our book of some contracts: their ids in the engine, with the broker's names.

    `now` is UTC nanoseconds. Call on the trading thread.
    """
    orders: dict[str, BookOrder] = {}
    executions: set[str] = set()
    nets: dict[str, Decimal] = {}
    for contract, name in contracts.items():
        for order in cache.orders(instrument_id=contract):
            executions.update(trade.value for trade in order.trade_ids)
            if order.status not in NOT_SENT:
                orders[order.client_order_id.value] = book_order(order, name)
        nets[name] = sum(
            (
                decimal(one.quantity) if one.is_long else -decimal(one.quantity)
                for one in cache.positions_open(instrument_id=contract)
            ),
            Decimal(0),
        )
    return OwnBook(at=now, orders=orders, nets=nets, executions=frozenset(executions))


def book_order(order: Any, contract: str) -> BookOrder:
    """Return an order of the engine as our book has it; `contract` is the broker's name."""
    trigger, limit = getattr(order, "trigger_price", None), getattr(order, "price", None)
    parent = order.parent_order_id
    return BookOrder(
        ref=order.client_order_id.value,
        contract=contract,
        side="BUY" if order.side == OrderSide.BUY else "SELL",
        quantity=decimal(order.quantity),
        filled=decimal(order.filled_qty),
        state=_state(order),
        trigger=None if trigger is None else decimal(trigger),
        limit=None if limit is None else decimal(limit),
        owner=order.strategy_id.value,
        parent="" if parent is None else parent.value,
        is_exit=parent is not None or is_repair(order),
        since=order.ts_last,
        rejected=order.status == OrderStatus.REJECTED,
    )


def _state(order: Any) -> BookState:
    if order.is_closed or order.status == OrderStatus.DENIED:
        return BookState.ENDED
    return BookState.IN_FLIGHT if order.status == OrderStatus.SUBMITTED else BookState.WORKING


REPAIR = "REPAIR"
"""The tag of a stop that was placed because a position had none."""


def is_repair(order: Any) -> bool:
    """Return whether an order was placed to protect a position."""
    return REPAIR in (order.tags or ())
