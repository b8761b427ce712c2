"""Look up the reference prices of market orders that were not sent on a bar, after the run.

Where a contract has quotes, the reference is the bid or the ask on the order's side when it was
sent, else the last close. Most orders are sent on a bar, whose close is recorded with the fill;
orders of a timer, of Nautilus' own `close_all_positions` and of forced closes are not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from msgspec.structs import replace
from nautilus_trader.model import OrderType

from qe_plugins.data.catalog.catalog import RecordKind
from qe_plugins.engine.accounting.trades import Fill, OpenTrade, fill_totals
from qe_plugins.engine.contracts.instruments import SETTLES
from qe_plugins.engine.recording.recorder import Recorder

if TYPE_CHECKING:
    from qe_plugins.data.tape import Tape

type Key = tuple[str, str]
"""A strategy and a contract."""

type Prices = Mapping[int, Decimal]
"""The last price of a contract by a moment (UTC ns), for the moments that have one."""


def complete(recorder: Recorder, orders: Iterable[Any], tape: Tape) -> list[OpenTrade]:
    """Add missing reference prices to fills and the slippage that follows from them to trades.

    They stay None for a contract without quotes and bars. Return the trades that are still open.
    """
    quoted = {one.contract for one in tape.series if one.kind is RecordKind.QUOTES and one.groups}
    unknown = {
        fill.client_order_id
        for fill in recorder.fills
        if fill.reference is None or fill.instrument_id in quoted
        if not fill.client_order_id.startswith(SETTLES)
    }
    if unknown:
        sent = {
            recorder.order_id(order): order.ts_init
            for order in orders
            if order.order_type == OrderType.MARKET and recorder.order_id(order) in unknown
        }
        recorder.fills[:] = _with_references(recorder.fills, sent, tape, quoted)
        changed = {
            trade.id for trade in recorder.trades if not sent.keys().isdisjoint(trade.orders)
        }
        slippage = _slippage_by_trade(recorder.fills, changed)
        recorder.trades[:] = [
            replace(trade, slippage=slippage.get(trade.id)) if trade.id in changed else trade
            for trade in recorder.trades
        ]
    return open_trades_of(recorder.fills)


def open_trades_of(fills: Iterable[Fill]) -> list[OpenTrade]:
    """Return the trades that fills leave open, in the order of their first fill."""
    open_trades: defaultdict[Key, OpenTrade] = defaultdict(lambda: OpenTrade(Decimal(1)))
    for fill in fills:
        open_trades[fill.strategy, fill.instrument_id].apply(fill)
    return [trade for trade in open_trades.values() if trade.net]


def _with_references(
    fills: Sequence[Fill], sent: Mapping[str, int], tape: Tape, quoted: Container[str]
) -> list[Fill]:
    wanted: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    for fill in fills:
        if fill.client_order_id in sent:
            wanted[fill.instrument_id, fill.side].add(sent[fill.client_order_id])
    known = {
        (contract, side): _reference_prices(tape, contract, side, sorted(moments), quoted)
        for (contract, side), moments in wanted.items()
    }

    def completed(fill: Fill) -> Fill:
        if fill.client_order_id not in sent:
            return fill
        prices = known[fill.instrument_id, fill.side]
        return replace(fill, reference=prices.get(sent[fill.client_order_id], fill.reference))

    return [completed(fill) for fill in fills]


def _reference_prices(
    tape: Tape, contract: str, side: str, moments: Sequence[int], quoted: Container[str]
) -> Prices:
    if contract in quoted:
        column = "ask_price" if side == "BUY" else "bid_price"
        return _last_prices(tape, RecordKind.QUOTES, contract, column, moments)
    bars = [name for name in tape.bar_types if name.startswith(f"{contract}-")]
    return _last_prices(tape, RecordKind.BARS, bars[0], "close", moments) if bars else {}


def _last_prices(
    tape: Tape, kind: RecordKind, name: str, column: str, moments: Sequence[int]
) -> Prices:
    """Return the last price of a series by each of some moments, where there is one."""
    series = next(one for one in tape.series if (one.kind, one.name) == (kind, name))
    files = series.files
    prices = pl.scan_parquet(files, glob=False)
    rows = (
        prices.select(pl.col("ts_init").cast(pl.Int64), column)
        .filter(pl.col("ts_init").is_between(tape.start, moments[-1]))
        .collect()
        .sort("ts_init", maintain_order=True)
    )
    last = np.searchsorted(rows["ts_init"].to_numpy(), moments, side="right") - 1
    return {
        moment: Decimal(rows[column][int(index)]).normalize()
        for moment, index in zip(moments, last, strict=True)
        if index >= 0
    }


def _slippage_by_trade(fills: Iterable[Fill], trades: Container[str]) -> dict[str, Decimal | None]:
    """Return the slippage of the closed trades with the given ids, in points per contract."""
    open_trades: defaultdict[Key, OpenTrade] = defaultdict(lambda: OpenTrade(Decimal(1)))
    found: dict[str, Decimal | None] = {}
    for fill in fills:
        trade = open_trades[fill.strategy, fill.instrument_id]
        closed = trade.apply(fill)
        if closed and (name := f"{fill.instrument_id}-{fill.strategy}-{trade.closed}") in trades:
            found[name] = fill_totals(closed).slippage
    return found
