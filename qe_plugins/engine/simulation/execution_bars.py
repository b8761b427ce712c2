"""Add bars to the data so that the engine matches orders at every price of every bar.

The engine executes a bar as four trades of a quarter of its volume each, which skips prices: a bar
of less than four contracts has no whole quarter, and a bar whose prices all equal the last price
makes no trade. It also has no moment between a bar's open and its high at which a waiting order
could arrive. Where that matters the engine gets an extra bar just before the bar itself, of a type
that no strategy can subscribe to.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np
from nautilus_trader.model import Bar, BarType, BookOrder, OrderBookDepth, OrderSide, Quantity

if TYPE_CHECKING:
    from qe_plugins.bars import Bars
    from qe_plugins.data.catalog.reader import BarColumns
    from qe_plugins.engine.simulation.chunk_bars import ChunkBars

THIN = 4  # contracts: below it a bar has less than one for each of its four prices
MILLISECOND = "1-MILLISECOND-LAST-EXTERNAL"


class ExecutionBars:
    """Adds bars to the records of a chunk so that the engine trades every price.

    `always` adds an opening price to every bar; otherwise a bar gets one where more than `gap`
    (nanoseconds) lies between it and the bar before, since an order may be waiting for it. From its
    first thin bar on, a contract is matched on added bars of at least THIN contracts: the engine
    executes only the shortest bars of a contract, so it skips the thin ones.
    """

    def __init__(self, bars: ChunkBars, *, gap: int, always: bool) -> None:
        self._bars, self._gap, self._always = bars, gap, always
        self._replaced: set[str] = set()
        self._types = dict(zip(bars.types.values(), bars.parsed.values(), strict=True))
        self._extras = {text: opening_types(text) for text in bars.types.values()}

    def with_extra_bars(self, records: Sequence[Any], columns: BarColumns) -> Sequence[Any]:
        """Return the records of a chunk with the added bars before the bars that need them."""
        before: dict[int, list[Any]] = {}
        alone = len(columns.bar_types) == 1 and len(columns.of(columns.bar_types[0])) == len(
            records
        )
        for text in columns.bar_types:
            if text not in self._types:
                continue
            bars = columns.of(text)
            needs = self._find_needs(text, bars)
            for at in np.flatnonzero(needs).tolist():
                index = at if alone else self._index_of(records, text, int(bars.ts_init[at]))
                before[index] = self._extra_bars(records[index], text, int(needs[at]))
        return _merge(records, before) if before else records

    def _find_needs(self, text: str, bars: Bars) -> np.ndarray:
        """Return per bar the sum of what it needs: 1 an opening, 2 an own bar, 4 a touch."""
        last = self._bars.before(text)
        closes = np.concatenate(([last.close if last else np.nan], bars.close[:-1]))
        times = np.concatenate(
            ([last.ts if last else bars.ts_init[0] - self._gap - 1], bars.ts_init[:-1])
        )
        opening = np.full(len(bars), self._always) | (bars.ts_init - times > self._gap)
        flat = (bars.high == bars.low) & (bars.open == closes)
        own = np.full(len(bars), text in self._replaced)
        thin = np.flatnonzero(bars.volume < THIN)
        if thin.size:
            own[thin[0] :] = True
            self._replaced.add(text)
        needs: np.ndarray = opening * 1 + own * 2 + flat * 4
        return needs

    def _extra_bars(self, bar: Any, text: str, needs: int) -> list[Any]:
        opening, short = self._extras[text]
        own = bool(needs & 2)
        size = Quantity.from_int(max(THIN, int(bar.volume.as_double())))
        extra: list[Any] = []
        if needs & 4:
            extra.append(_touch(bar, Quantity.from_int(max(1, int(bar.volume.as_double()) // 4))))
        if needs & 1:
            at = (bar.open,) * 4
            extra.append(Bar(short if own else opening, *at, size, bar.ts_event, bar.ts_init))
        if own:
            prices = (bar.open, bar.high, bar.low, bar.close)
            extra.append(Bar(short, *prices, size, bar.ts_event, bar.ts_init))
        return extra

    def _index_of(self, records: Sequence[Any], text: str, ts: int) -> int:
        at = bisect_left(records, ts, key=attrgetter("ts_init"))
        wanted = self._types[text]
        while not (isinstance(records[at], Bar) and records[at].bar_type == wanted):
            at += 1
        return at


@cache
def opening_types(bar_type: str) -> tuple[Any, Any]:
    """Return the types of the added bars that have the opening prices of a contract's bars."""
    short = f"{bar_type.partition('-')[0]}-{MILLISECOND}"
    return BarType.from_str(_opening_type(bar_type)), BarType.from_str(short)


def _opening_type(bar_type: str) -> str:
    """Return another bar type of the same length, which the engine executes like `bar_type`."""
    last, mid = "-LAST-", "-MID-"
    return bar_type.replace(last, mid) if last in bar_type else bar_type.replace(mid, last)


def _touch(bar: Any, size: Quantity) -> OrderBookDepth:
    """Return a book at the single price of a bar, at which resting orders are matched."""
    bids, asks = ([BookOrder(s, bar.open, size, 0)] for s in (OrderSide.BUY, OrderSide.SELL))
    contract = bar.bar_type.instrument_id
    return OrderBookDepth(contract, bids, asks, [1], [1], 0, 0, bar.ts_event, bar.ts_init)


def _merge(records: Sequence[Any], before: dict[int, list[Any]]) -> list[Any]:
    merged: list[Any] = []
    done = 0
    for index in sorted(before):
        merged += records[done:index]
        merged += before[index]
        done = index
    return [*merged, *records[done:]]
