"""What market orders could expect, looked up when a run is over, so that no order waits for it.

Where a contract has quotes, that is the bid or the ask on the order's side when it was sent. Else
it is the last close: most orders are sent on a bar and bring that along; a timer's, those of
Nautilus' own `close_all_positions` and forced closes do not.
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
from qe_plugins.engine.accounting.trades import Fill, OpenTrade, totals
from qe_plugins.engine.contracts.instruments import SETTLES
from qe_plugins.engine.recording.recorder import Recorder

if TYPE_CHECKING:
    from qe_plugins.data.tape import Tape

type Prices = Mapping[int, Decimal]
"""The price of a contract by some moments (UTC ns), as far as there is one."""


def complete(recorder: Recorder, orders: Iterable[Any], tape: Tape) -> list[OpenTrade]:
    """Fill in the references that fills lack, and the slippage that trades lack for want of them.

    Of a contract without quotes and bars they stay unknown. Return the books of trades that are
    still open.
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
        recorder.fills[:] = _referenced(recorder.fills, sent, tape, quoted)
        changed = {
            trade.id for trade in recorder.trades if not sent.keys().isdisjoint(trade.orders)
        }
        slipped = _slipped(recorder.fills, changed)
        recorder.trades[:] = [
            replace(trade, slippage=slipped.get(trade.id)) if trade.id in changed else trade
            for trade in recorder.trades
        ]
    return still_open(recorder.fills)


def still_open(fills: Iterable[Fill]) -> list[OpenTrade]:
    """Return the books that fills leave open, in the order in which they were begun."""
    books: defaultdict[tuple[str, str], OpenTrade] = defaultdict(lambda: OpenTrade(Decimal(1)))
    for fill in fills:
        books[fill.strategy, fill.instrument_id].apply(fill)
    return [book for book in books.values() if book.held]


def _referenced(
    fills: Sequence[Fill], sent: Mapping[str, int], tape: Tape, quoted: Container[str]
) -> list[Fill]:
    wanted: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    for fill in fills:
        if fill.client_order_id in sent:
            wanted[fill.instrument_id, fill.side].add(sent[fill.client_order_id])
    known = {
        (contract, side): _expected(tape, contract, side, sorted(moments), quoted)
        for (contract, side), moments in wanted.items()
    }

    def completed(fill: Fill) -> Fill:
        if fill.client_order_id not in sent:
            return fill
        prices = known[fill.instrument_id, fill.side]
        return replace(fill, reference=prices.get(sent[fill.client_order_id], fill.reference))

    return [completed(fill) for fill in fills]


def _expected(
    tape: Tape, contract: str, side: str, moments: Sequence[int], quoted: Container[str]
) -> Prices:
    if contract in quoted:
        column = "ask_price" if side == "BUY" else "bid_price"
        return _last(tape, "quotes", contract, column, moments)
    bars = [name for name in tape.bar_types if name.startswith(f"{contract}-")]
    return _last(tape, "bars", bars[0], "close", moments) if bars else {}


def _last(tape: Tape, kind: str, name: str, column: str, moments: Sequence[int]) -> Prices:
    """Return the last price of a series by each of some moments, as far as there is one."""
    files = sorted((tape.catalog / "data" / kind / name).glob("*.parquet"))
    prices = pl.scan_parquet(files, glob=False)
    told = (
        prices.select(pl.col("ts_init").cast(pl.Int64), column)
        .filter(pl.col("ts_init").is_between(tape.start, moments[-1]))
        .collect()
        .sort("ts_init", maintain_order=True)
    )
    last = np.searchsorted(told["ts_init"].to_numpy(), moments, side="right") - 1
    return {
        moment: Decimal(told[column][int(row)]).normalize()
        for moment, row in zip(moments, last, strict=True)
        if row >= 0
    }


def _slipped(fills: Iterable[Fill], trades: Container[str]) -> dict[str, Decimal | None]:
    """Return the slippage of some of the trades that fills make, by their ids."""
    books: defaultdict[tuple[str, str], OpenTrade] = defaultdict(lambda: OpenTrade(Decimal(1)))
    found: dict[str, Decimal | None] = {}
    for fill in fills:
        book = books[fill.strategy, fill.instrument_id]
        closed = book.apply(fill)
        if closed and (trade := f"{fill.instrument_id}-{fill.strategy}-{book.closed}") in trades:
            found[trade] = totals(closed).slippage
    return found
