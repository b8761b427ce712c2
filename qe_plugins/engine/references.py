"""What market orders could expect that were sent on no bar: the last close when they were sent.

A timer sends such orders, Nautilus' own `close_all_positions` does, and so does the house. They are
looked up when a run is over, so that no order waits for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
from msgspec.structs import replace
from nautilus_trader.model import OrderType

from qe_plugins.data.tape import Tape
from qe_plugins.decisions import Trade
from qe_plugins.engine.books import Book, Fill, totals
from qe_plugins.engine.recorder import Recorder


def complete(recorder: Recorder, orders: Iterable[Any], tape: Tape) -> None:
    """Fill in the references that fills lack, and the slippage that trades lack for want of them.

    Without bars of a contract they stay unknown.
    """
    unknown = {fill.client_order_id for fill in recorder.fills if fill.reference is None}
    if not unknown:
        return
    sent = {
        recorder.order_id(order): order.ts_init
        for order in orders
        if order.order_type == OrderType.MARKET and recorder.order_id(order) in unknown
    }
    recorder.fills[:] = _referenced(recorder.fills, sent, tape)
    lacking = {trade.id for trade in recorder.trades if trade.slippage is None}
    slipped = _slipped(recorder.fills, lacking)
    recorder.trades[:] = [_with_slippage(trade, slipped) for trade in recorder.trades]


def _referenced(fills: Sequence[Fill], sent: Mapping[str, int], tape: Tape) -> list[Fill]:
    closes: dict[str, Mapping[int, Decimal]] = {}
    moments: defaultdict[str, set[int]] = defaultdict(set)
    for fill in fills:
        if fill.reference is None and fill.client_order_id in sent:
            moments[fill.instrument_id].add(sent[fill.client_order_id])
    for contract, times in moments.items():
        closes[contract] = _closes(tape, contract, sorted(times))
    return [
        replace(fill, reference=closes[fill.instrument_id].get(sent[fill.client_order_id]))
        if fill.reference is None and fill.client_order_id in sent
        else fill
        for fill in fills
    ]


def _closes(tape: Tape, contract: str, moments: Sequence[int]) -> dict[int, Decimal]:
    """Return the last close of a contract by each of some moments, as far as there is one."""
    names = [name for name in tape.bar_types if name.startswith(f"{contract}-")]
    if not names:
        return {}
    bars = pl.scan_parquet(tape.catalog / "data" / "bars" / names[0] / "*.parquet")
    told = (
        bars.select(pl.col("ts_init").cast(pl.Int64), "close")
        .filter(pl.col("ts_init").is_between(tape.start, tape.end))
        .collect()
    )
    last = np.searchsorted(told["ts_init"].to_numpy(), moments, side="right") - 1
    return {
        moment: Decimal(told["close"][int(row)]).normalize()
        for moment, row in zip(moments, last, strict=True)
        if row >= 0
    }


def _slipped(fills: Iterable[Fill], trades: Container[str]) -> dict[str, Decimal | None]:
    """Return the slippage of some of the trades that fills make, by their ids."""
    books: defaultdict[tuple[str, str], Book] = defaultdict(lambda: Book(Decimal(1)))
    found: dict[str, Decimal | None] = {}
    for fill in fills:
        book = books[fill.strategy, fill.instrument_id]
        closed = book.apply(fill)
        if closed and (trade := f"{fill.instrument_id}-{fill.strategy}-{book.closed}") in trades:
            found[trade] = totals(closed).slippage
    return found


def _with_slippage(trade: Trade, slipped: Mapping[str, Decimal | None]) -> Trade:
    if trade.slippage is not None:
        return trade
    return replace(trade, slippage=slipped.get(trade.id))
