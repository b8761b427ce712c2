"""Build the frames of a finished run, with the columns that `BacktestResult` documents.

It is in `engine/results/result.py`. `positions` is written as trades.parquet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl

from qe_plugins.engine.accounting.realised_pnl import RealisedPnl
from qe_plugins.engine.accounting.trades import Fill, OpenTrade, fill_totals
from qe_plugins.engine.contracts.instruments import decimal
from qe_plugins.engine.recording.recorder import Recorder
from qe_plugins.journal.facts import Fact, FactKind

if TYPE_CHECKING:
    from qe_plugins.plugins.types import Trade

TIME = pl.Datetime("ns", "UTC")
FLOAT, TEXT = pl.Float64, pl.String

ORDERS = {
    "ts": TIME,
    "client_order_id": TEXT,
    "strategy": TEXT,
    "instrument_id": TEXT,
    "side": TEXT,
    "type": TEXT,
    "quantity": FLOAT,
    "price": FLOAT,
    "trigger": FLOAT,
    "status": TEXT,
    "reason": TEXT,
    "filled": FLOAT,
    "avg_price": FLOAT,
}
FILLS = {
    "ts": TIME,
    "instrument_id": TEXT,
    "side": TEXT,
    "quantity": FLOAT,
    "price": FLOAT,
    "commission": FLOAT,
    "currency": TEXT,
    "strategy": TEXT,
    "client_order_id": TEXT,
    "trade_id": TEXT,
    "position_id": TEXT,
    "liquidity": TEXT,
    "reference": FLOAT,
}
POSITIONS = {
    "id": TEXT,
    "instrument_id": TEXT,
    "strategy": TEXT,
    "side": TEXT,
    "quantity": FLOAT,
    "entry": FLOAT,
    "exit": FLOAT,
    "opened": TIME,
    "closed": TIME,
    "pnl": FLOAT,
    "commissions": FLOAT,
    "favorable": FLOAT,
    "adverse": FLOAT,
    "slippage": FLOAT,
}
ACCOUNT = {"ts": TIME, "balance": FLOAT, "locked": FLOAT, "currency": TEXT}
SIGNALS = {
    "ts": TIME,
    "id": TEXT,
    "source": TEXT,
    "kind": TEXT,
    "instrument_id": TEXT,
    "side": TEXT,
    "confidence": FLOAT,
    "entry": FLOAT,
    "stop": FLOAT,
    "target": FLOAT,
    "reason": TEXT,
}
VETOES = {
    "ts": TIME,
    "plugin": TEXT,
    "client_order_id": TEXT,
    "strategy": TEXT,
    "instrument_id": TEXT,
    "side": TEXT,
    "quantity": FLOAT,
    "reason": TEXT,
}


def orders_frame(orders: Iterable[Any], recorder: Recorder) -> pl.DataFrame:
    """Return one row an order; `reason` is why the engine or a guardian denied it."""
    rows = [
        (
            order.ts_init,
            recorder.order_id(order),
            order.strategy_id.value,
            str(order.instrument_id),
            order.side.name,
            order.order_type.name,
            number(order.quantity),
            number(getattr(order, "price", None)),
            number(getattr(order, "trigger_price", None)),
            order.status.name,
            getattr(order.last_event, "reason", None),
            number(order.filled_qty),
            None if order.avg_px is None else float(order.avg_px),
        )
        for order in orders
    ]
    return framed(rows, ORDERS)


def fills_frame(fills: Iterable[Fill]) -> pl.DataFrame:
    """Return one row a fill, in the order in which they happened.

    `reference` is the price its order could expect, in points.
    """
    rows = [
        (
            fill.ts,
            fill.instrument_id,
            fill.side,
            float(abs(fill.quantity)),
            float(fill.price),
            float(fill.commission),
            fill.currency,
            fill.strategy,
            fill.client_order_id,
            fill.trade_id,
            fill.position_id,
            fill.liquidity,
            None if fill.reference is None else float(fill.reference),
        )
        for fill in fills
    ]
    return framed(rows, FILLS)


def positions_frame(trades: Iterable[Trade], open_trades: Iterable[OpenTrade]) -> pl.DataFrame:
    """Return one row a trade; a trade that is still open has no exit and no P&L."""
    rows = [_closed_row(trade) for trade in trades] + [
        _open_row(trade) for trade in open_trades if trade.net
    ]
    return framed(rows, POSITIONS)


def signals_frame(recorder: Recorder) -> pl.DataFrame:
    """Return one row a vote and one a signal, in the order in which they happened."""
    rows = [
        (
            signal.ts_event,
            signal.id,
            signal.source,
            signal.id.partition(":")[0],
            signal.instrument_id,
            str(signal.side),
            signal.confidence,
            *(None if p is None else float(p) for p in (signal.entry, signal.stop, signal.target)),
            signal.reason,
        )
        for signal in recorder.signals.values()
    ]
    return framed(rows, SIGNALS)


def vetoes_frame(facts: Iterable[Fact]) -> pl.DataFrame:
    """Return one row a veto by one plugin."""
    rows = [
        (
            fact.ts_event,
            fact.source,
            *(fact.body[name] for name in ("client_order_id", "strategy", "instrument_id", "side")),
            float(fact.body["quantity"]),
            fact.body["reason"],
        )
        for fact in facts
        if fact.kind is FactKind.VETO
    ]
    return framed(rows, VETOES)


def number(value: Any) -> float | None:
    """Return an engine number or a decimal as a float for a frame, None for None."""
    if value is None or isinstance(value, Decimal):
        return None if value is None else float(value)
    return float(decimal(value))


def _closed_row(trade: Trade) -> tuple[Any, ...]:
    reached = trade.excursion
    return (
        trade.id,
        trade.instrument_id,
        trade.strategy,
        str(trade.side),
        float(trade.quantity),
        float(trade.entry),
        float(trade.exit),
        trade.opened,
        trade.closed,
        float(trade.pnl),
        float(trade.commissions),
        float(reached.favorable) if reached else None,
        float(reached.adverse) if reached else None,
        None if trade.slippage is None else float(trade.slippage),
    )


def _open_row(trade: OpenTrade) -> tuple[Any, ...]:
    first, sums = trade.fills[0], fill_totals(trade.fills)
    return (
        f"{first.instrument_id}-{first.strategy}-{trade.closed + 1}",
        first.instrument_id,
        first.strategy,
        "LONG" if trade.net > 0 else "SHORT",
        float(sums.peak),
        float(sums.entry_value / sums.entered),
        None,
        first.ts,
        None,
        None,
        float(sums.commissions),
        *(None, None),
        number(sums.slippage),
    )


def framed(rows: list[Any], schema: dict[str, Any]) -> pl.DataFrame:
    """Return rows as a frame of a schema; times are UTC nanoseconds."""
    plain = {name: pl.Int64 if kind == TIME else kind for name, kind in schema.items()}
    frame = pl.DataFrame(rows, schema=plain, orient="row")
    return frame.with_columns(pl.col(n).cast(TIME) for n, kind in schema.items() if kind == TIME)


def account_frame(
    fills: Sequence[Fill],
    multipliers: Mapping[str, Decimal],
    initial: Callable[[str, int], Decimal],
    *,
    start: int,
    starting: Decimal,
    currency: str,
    options: Container[str] = (),
    noted: Mapping[str, float] | None = None,
) -> pl.DataFrame:
    """Return ts, balance, locked and currency: at `start` (UTC ns) and after every fill.

    The premium of a fill in one of `options` is cash. `locked` is the initial margin of the net
    positions: `initial` returns that of one contract at a moment, in `currency`; `noted` has it by
    the id of a fill where it was a scan.
    """
    realised, net = RealisedPnl(), defaultdict[str, Decimal](Decimal)
    rows: list[tuple[int, float, float, str]] = [(start, float(starting), 0.0, currency)]
    for fill in fills:
        contract = fill.instrument_id
        key = (fill.strategy, contract)
        realised.add_fill(
            key,
            multipliers[contract],
            fill.quantity,
            fill.price,
            fill.commission,
            premium=contract in options,
        )
        net[contract] += fill.quantity
        locked = noted.get(fill.trade_id) if noted else None
        if locked is None:
            sizes = ((one, size) for one, size in net.items() if size)
            locked = float(sum(abs(size) * initial(one, fill.ts) for one, size in sizes))
        rows.append((fill.ts, float(starting + realised.realised()), locked, currency))
    return framed(rows, ACCOUNT)
