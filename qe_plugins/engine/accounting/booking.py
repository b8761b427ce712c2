"""Book fill events into trades, one chunk of the price history at a time.

A fill event is only queued when it happens and is booked when its chunk is over, so that booking
does not delay a bar. A trade's figures do not depend on when it is booked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from decimal import Decimal
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np
from nautilus_trader.model import Bar, InstrumentId, OrderType

from qe_plugins.data.catalog.reader import NO_COLUMNS, BarColumns
from qe_plugins.engine.accounting.trades import Fill, OpenTrade, build_trade
from qe_plugins.engine.contracts.instruments import SETTLES
from qe_plugins.engine.recording.recorder import IdTexts, Recorder, signal_id_of, signal_in
from qe_plugins.plugins.types import Rolled

if TYPE_CHECKING:
    from qe_plugins.bars import Bars
    from qe_plugins.engine.recording.observers import Observers
    from qe_plugins.engine.running.availability import AvailableData

ZERO = Decimal(0)
END_OF_TIME = 2**63 - 1

type Range = tuple[float, float]
"""The highest and the lowest price of some bars, in points."""

NO_RANGE: Range = (-inf, inf)
"""The range of no bars."""

type Key = tuple[str, str]
"""A strategy and a contract."""


class PriceRanges:
    """The highs and lows of one contract's bars, of every bar type, in the order of `ts_init`."""

    def __init__(self, parts: Sequence[Bars]) -> None:
        names = ("ts_init", "high", "low")
        columns = [_concatenated([part.columns[name] for part in parts]) for name in names]
        if len(parts) > 1:
            order = np.argsort(columns[0], kind="stable")
            columns = [column[order] for column in columns]
        self._stamps, self._highs, self._lows = columns

    def before(self, moments: Sequence[int]) -> list[int]:
        """Return how many bars there are before each of some moments (UTC nanoseconds)."""
        found: list[int] = np.searchsorted(self._stamps, moments, "left").tolist()
        return found

    def until(self, moments: Sequence[int]) -> list[int]:
        """Return how many bars there are up to and at each of some moments (UTC nanoseconds)."""
        found: list[int] = np.searchsorted(self._stamps, moments, "right").tolist()
        return found

    def ranges(self, cuts: Sequence[int]) -> list[Range]:
        """Return the range of the bars between each cut and the next one.

        A cut is a number of bars; cuts ascend.
        """
        edges = np.asarray(cuts, np.int64)
        tops, bottoms = np.full((2, len(edges) - 1), inf)
        np.negative(tops, out=tops)
        some = edges[1:] > edges[:-1]
        if some.any():
            firsts, end = edges[:-1][some], edges[-1]
            tops[some] = np.maximum.reduceat(self._highs[:end], firsts)
            bottoms[some] = np.minimum.reduceat(self._lows[:end], firsts)
        return list(zip(tops.tolist(), bottoms.tolist(), strict=True))


def _concatenated(columns: Sequence[np.ndarray]) -> np.ndarray:
    if len(columns) == 1:
        return columns[0]
    return np.concatenate(columns) if columns else np.empty(0)


class DecimalCache(dict[float, Decimal]):
    """Engine numbers of one precision as decimals: fills repeat them, so each is converted once."""

    def of(self, number: Any) -> Decimal:
        """Return a Price, a Quantity or a Money as a Decimal."""
        known = self.get(key := number.as_double())
        if known is None:
            known = self[key] = number.as_decimal()
        return known


class ContractConstants:
    """What the fills of one contract have in common: names and the decimals that they repeat."""

    def __init__(self, event: Any) -> None:
        self.contract = str(event.instrument_id)
        self.currency: str = event.currency.code
        self.sizes, self.prices, self.fees, self.closes = (DecimalCache() for _ in range(4))


class FillReader:
    """Builds a `Fill` from each fill event, with the price that its order could expect."""

    def __init__(self, cache: Any, recorder: Recorder, listings: AvailableData) -> None:
        self._order_of, self._recorder, self._listings = cache.order, recorder, listings
        self._constants: dict[Any, ContractConstants] = {}
        self._names = IdTexts()

    def read(self, event: Any) -> Fill:
        """Return an `OrderFilled` as plain data."""
        contract, fee = event.instrument_id, event.commission
        constants = self._constants.get(contract)
        if constants is None:
            constants = self._constants[contract] = ContractConstants(event)
        quantity, position = constants.sizes.of(event.last_qty), event.position_id
        order = event.client_order_id
        sent_on = self._recorder.sent_on.get(order)
        order_id: str = order.value
        if order_id.startswith(SETTLES):
            order_id = self._recorder.order_id(event)
        return Fill(
            ts=event.ts_event,
            trade_id=event.trade_id.value,
            client_order_id=order_id,
            instrument_id=constants.contract,
            strategy=self._names[event.strategy_id],
            quantity=quantity if event.is_buy else -quantity,
            price=constants.prices.of(event.last_px),
            commission=constants.fees.of(fee) if fee else ZERO,
            currency=constants.currency,
            position_id=position.value if position else "",
            liquidity=event.liquidity_side.name,
            reference=self._reference(event, sent_on, constants),
            signal=signal_id_of(sent_on) or self._tagged(order),
        )

    def _tagged(self, order: Any) -> str | None:
        """Return the id of the signal that an order is tagged with, None without one."""
        return self._recorder.tagged(self._order_of(order)) if self._recorder.signals else None

    def _reference(
        self, event: Any, sent_on: object, constants: ContractConstants
    ) -> Decimal | None:
        """Return the price an order could expect, in points; None where none is known.

        That is the trigger or limit of an order that has one. A market order could expect the close
        of the bar or the entry of the signal on which it was sent, a settlement its own price.
        """
        if event.order_type != OrderType.MARKET:
            order = self._order_of(event.client_order_id)
            for name in ("trigger_price", "price"):
                if (level := getattr(order, name, None)) is not None:
                    price: Decimal = level.as_decimal()
                    return price
        if isinstance(sent_on, Bar):
            is_own = self._is_of(sent_on, event.instrument_id)
            return constants.closes.of(sent_on.close) if is_own else None
        if isinstance(sent_on, Rolled) and sent_on.prices is not None:
            return sent_on.prices[constants.contract == sent_on.after]
        if sent_on is None and event.client_order_id.value.startswith(SETTLES):
            settled: Decimal = event.last_px.as_decimal()
            return settled
        signal = signal_in(sent_on)
        return signal.entry if signal else None

    def _is_of(self, bar: Bar, contract: InstrumentId) -> bool:
        """Return whether a bar is of a contract, or of the front of its root."""
        instrument = bar.bar_type.instrument_id
        if instrument == contract:
            return True
        root = self._listings.fronts.get(str(instrument))
        return root is not None and contract.symbol.value.startswith(root)


class TradeBooker:
    """Books fills into one open trade per strategy and contract, and notifies observers.

    `on_fill` queues a fill event. Bars are only looked up where an observer receives closed trades,
    since only those have excursions.
    """

    def __init__(
        self, cache: Any, recorder: Recorder, observers: Observers, listings: AvailableData
    ) -> None:
        self._cache, self._recorder = cache, recorder
        self._observers, self._read = observers, FillReader(cache, recorder, listings).read
        self._observed = observers.wants("trade_closed")
        self.open_trades: dict[Key, OpenTrade] = {}
        self._queue: deque[Any] = deque()
        self.on_fill = self._queue.append
        self._chunk_bars = NO_COLUMNS
        self._price_ranges: dict[str, PriceRanges] = {}
        self._bars_seen: dict[Key, int] = {}

    def start_chunk(self, columns: BarColumns) -> None:
        """Book the fills of the last chunk, and take the bars of the next one."""
        if self._observed:
            self.book_until()
            self._chunk_bars, self._price_ranges, self._bars_seen = columns, {}, {}

    def book_until(self, until: int = END_OF_TIME) -> None:
        """Book the queued fills before a moment (UTC ns); notify observers of closed trades."""
        events = self._take_queued(until)
        fills = [self._read(event) for event in events]
        ranges = self._ranges_by_trade(fills, events, until) if self._observed else {}
        for fill in fills:
            key = (fill.strategy, fill.instrument_id)
            trade = self.open_trades.get(key) or self._open_trade(key)
            if ranges:
                trade.extend_range(*next(ranges[key]))
            self._recorder.fills.append(fill)
            if closed := trade.apply(fill):
                self._close_trade(trade, closed)
        for key, rest in ranges.items():
            self.open_trades[key].extend_range(*next(rest))

    def _take_queued(self, until: int) -> list[Any]:
        """Remove the events before a moment from the queue; return them, oldest first."""
        queue, taken = self._queue, []
        while queue and queue[0].ts_event < until:
            taken.append(queue.popleft())
        return taken

    def _open_trade(self, key: Key) -> OpenTrade:
        instrument = self._cache.instrument(InstrumentId.from_str(key[1]))
        trade = self.open_trades[key] = OpenTrade(instrument.multiplier.as_decimal())
        return trade

    def _ranges_by_trade(
        self, fills: Sequence[Fill], events: Sequence[Any], until: int
    ) -> dict[Key, Iterator[Range]]:
        """Return of each trade the range before each of its fills, and after them to a moment."""
        found: dict[Key, list[Any]] = {key: [] for key in self.open_trades}
        for fill, event in zip(fills, events, strict=True):
            found.setdefault((fill.strategy, fill.instrument_id), []).append(event)
        return {key: iter(self._ranges(key, own, until)) for key, own in found.items()}

    def _ranges(self, key: Key, events: Sequence[Any], until: int) -> list[Range]:
        prices = self._prices_of(key[1])
        before = self._bars_before(events, prices)
        cuts = [self._bars_seen.get(key, 0), *before, *prices.before([until])]
        rising: list[int] = np.maximum.accumulate(cuts).tolist()
        self._bars_seen[key] = rising[-1]
        return prices.ranges(rising)

    def _bars_before(self, events: Sequence[Any], prices: PriceRanges) -> list[int]:
        """Return how many bars come before each fill.

        The bar at the moment of the fill counts, but where it fills an order that was resting: the
        rest of that bar traded after the fill.
        """
        counts = prices.until([event.ts_event for event in events])
        for n, event in enumerate(events):
            if event.order_type != OrderType.MARKET:
                [before] = prices.before([event.ts_event])
                if before < counts[n] and self._sent_at(event) < event.ts_event:
                    counts[n] = before
        return counts

    def _sent_at(self, event: Any) -> int:
        sent: int = self._cache.order(event.client_order_id).ts_init
        return sent

    def _prices_of(self, contract: str) -> PriceRanges:
        found = self._price_ranges.get(contract)
        if found is None:
            found = PriceRanges(self._chunk_bars.of_contract(contract))
            self._price_ranges[contract] = found
        return found

    def _close_trade(self, closed: OpenTrade, fills: list[Fill]) -> None:
        recorder = self._recorder
        prices = closed.range if self._observed else None
        votes = recorder.votes_behind(fills[0].signal)
        trade = build_trade(fills, closed.closed, closed.multiplier, prices, votes)
        recorder.trade(trade, fills[-1])
        self._observers.notify("trade_closed", trade.closed, trade=trade)
