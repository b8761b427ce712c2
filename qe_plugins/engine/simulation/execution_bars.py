"""Have the engine trade every price of every bar.

The engine executes a bar as four trades of a quarter of its volume each, which leaves prices out:
a bar of less than four contracts has no whole quarter, and a bar that stands still at the price
before it is no trade at all. Nor is there a moment between a bar's open and its high at which an
order that waited for the market could arrive. So where it matters the engine gets a bar of a type
that no strategy can subscribe to, just before the bar itself.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np
from nautilus_trader.model import Bar, BarType, BookOrder, OrderBookDepth, OrderSide, Quantity

if TYPE_CHECKING:
    from qe_plugins.bars import Bars
    from qe_plugins.data.catalog.reader import BarColumns
    from qe_plugins.engine.simulation.chunk_bars import ChunkBars

THIN = 4  # contracts from which on each of a bar's four prices has a whole one
MILLISECOND = "1-MILLISECOND-LAST-EXTERNAL"


class ExecutionBars:
    """Adds to the records of a chunk what makes the engine trade every price.

    `always` adds an opening price to every bar, `gap` (nanoseconds) to a bar that comes so long
    after the one before: there an order may be waiting for it. From its first thin bar on a
    contract is traded on bars of its own, of THIN contracts at least: the engine executes the
    shortest bars of a contract, so that it leaves the thin ones alone.
    """

    def __init__(self, bars: ChunkBars, *, gap: int, always: bool) -> None:
        self._bars, self._gap, self._always = bars, gap, always
        self._replaced: set[str] = set()
        self._types = {text: BarType.from_str(text) for text in bars.types.values()}
        self._extras = {text: opening_types(text) for text in bars.types.values()}

    def added(self, records: Sequence[Any], columns: BarColumns) -> Sequence[Any]:
        """Return the records of a chunk with what the engine needs before some of the bars."""
        before: dict[int, list[Any]] = {}
        alone = len(columns.bar_types) == 1 and len(columns.of(columns.bar_types[0])) == len(
            records
        )
        for text in columns.bar_types:
            if text not in self._types:
                continue
            bars = columns.of(text)
            needs = self._needs(text, bars)
            for at in np.flatnonzero(needs).tolist():
                place = at if alone else self._place(records, text, int(bars.ts_init[at]))
                before[place] = self._extra(records[place], text, int(needs[at]))
        return _merged(records, before) if before else records

    def _needs(self, text: str, bars: Bars) -> np.ndarray:
        """Return per bar which extras it needs: 1 an opening, 2 a bar of its own, 4 a touch."""
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

    def _extra(self, bar: Any, text: str, needs: int) -> list[Any]:
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

    def _place(self, records: Sequence[Any], text: str, ts: int) -> int:
        at = bisect_left(records, ts, key=attrgetter("ts_init"))
        wanted = self._types[text]
        while not (isinstance(records[at], Bar) and records[at].bar_type == wanted):
            at += 1
        return at


def opening_types(bar_type: str) -> list[Any]:
    """Return the types of the bars that bring the opening prices of a contract's bars."""
    contract = bar_type.partition("-")[0]
    return [BarType.from_str(text) for text in (_opening(bar_type), f"{contract}-{MILLISECOND}")]


def _opening(bar_type: str) -> str:
    """Return a type that the engine executes in turn with `bar_type`: one of the same length."""
    last, mid = "-LAST-", "-MID-"
    return bar_type.replace(last, mid) if last in bar_type else bar_type.replace(mid, last)


def _touch(bar: Any, size: Quantity) -> OrderBookDepth:
    """Return a market at the bar's one price, at which resting orders are matched."""
    bids, asks = ([BookOrder(s, bar.open, size, 0)] for s in (OrderSide.BUY, OrderSide.SELL))
    contract = bar.bar_type.instrument_id
    return OrderBookDepth(contract, bids, asks, [1], [1], 0, 0, bar.ts_event, bar.ts_init)


def _merged(records: Sequence[Any], before: dict[int, list[Any]]) -> list[Any]:
    merged: list[Any] = []
    done = 0
    for place in sorted(before):
        merged += records[done:place]
        merged += before[place]
        done = place
    return [*merged, *records[done:]]
