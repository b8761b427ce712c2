"""The trading floor of one run: what hosted strategies, the bridge and the gate have in common."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_trader.model import Bar, BarType, ClientOrderId, InstrumentId

from qe_plugins.decisions import OrderRequest, Rolled, Signal, Size
from qe_plugins.engine.alarm import Alarm
from qe_plugins.engine.books import Book, Fill, trade_of
from qe_plugins.engine.denial import Denier
from qe_plugins.engine.gate import Gate
from qe_plugins.engine.house import House
from qe_plugins.engine.listings import Listings
from qe_plugins.engine.margin import margin_of
from qe_plugins.engine.observers import Observers
from qe_plugins.engine.recorder import SETTLES, Recorder, decimal, signal_in
from qe_plugins.engine.rules import rules_of
from qe_plugins.manager import Plugins
from qe_plugins.market.keys import dated_key
from qe_plugins.market.rolls import sessions_left
from qe_plugins.market.sessions import Session, next_session

if TYPE_CHECKING:
    from nautilus_trader.backtest import BacktestEngine

    from qe_plugins.config.schema import Config
    from qe_plugins.engine.fronts import Front
    from qe_plugins.engine.money import Terms

HEARS_BARS = ("contribute_signals", "trade_closed", "session_closed")
"""Hooks for which the bridge hears every bar."""


class Floor:
    """One run's plugins, gate, books and recorder. Lives on the trading thread."""

    def __init__(
        self,
        engine: BacktestEngine,
        plugins: Plugins,
        config: Config,
        listings: Listings,
        money: dict[str, Terms],
    ) -> None:
        self.cache: Any = engine.cache
        self.portfolio = engine.portfolio
        self.plugins, self.rung, self.listings = plugins, config.rung, listings
        self.alarm, self.recorder = Alarm(), Recorder()
        self.denier = Denier(self.alarm.waiting)
        self.observers = Observers(plugins)
        self.books: dict[tuple[str, str], Book] = {}
        self.fronts: dict[str, Front] = {}
        self.desk = Desk(self)
        self.gate = Gate(
            plugins,
            self.recorder,
            rung=config.rung,
            posture=config.posture,
            timeout=config.gate.timeout,
        )
        self.money = money
        self.margin = margin = margin_of(engine, config, money)
        self.rules = rules_of(engine, config, margin)
        policy = config.margin.on_breach
        self.house = House(self.cache, margin, self.rules, self.recorder, self.gate, policy)
        self._unbooked: list[Any] = []
        self.hears = any(plugins.bind(hook) for hook in HEARS_BARS)
        self.watches = self.observers.wants("trade_closed")
        self._held_in: defaultdict[str, list[Book]] = defaultdict(list)
        self._heard: dict[BarType, list[Book]] = {}
        self._live = self.watches or self.observers.wants("session_closed")

    def filled(self, event: Any) -> None:
        """Take a fill in. Books are kept at once where an analyst waits for closed trades."""
        self._unbooked.append(event)
        if self._live:
            self.settle()

    def settle(self) -> None:
        """Bring the books up to date with every fill heard so far."""
        for event in self._unbooked:
            self._book(self._fill(event), event)
        self._unbooked.clear()

    def denied(self, request: OrderRequest | None, event: Any) -> None:
        """Tell the plugins of a denial. `request` is None where the engine itself denied."""
        if self.observers.wants("order_denied"):
            order = request or self._as_request(event)
            self.observers.tell("order_denied", event.ts_event, order=order, reason=event.reason)

    def saw(self, bar: Bar) -> None:
        """Widen what open trades in the bar's contract have seen. Only where one `watches`."""
        books = self._heard.get(bar.bar_type)
        if books is None:
            books = self._held_in[str(bar.bar_type.instrument_id)]
            self._heard[bar.bar_type] = books
        for book in books:
            if book.held:
                book.see(bar)

    def _book(self, fill: Fill, event: Any) -> None:
        self.recorder.fills.append(fill)
        key = (fill.strategy, fill.instrument_id)
        book = self.books.get(key)
        if book is None:
            multiplier = decimal(self.cache.instrument(event.instrument_id).multiplier)
            book = self.books[key] = Book(multiplier)
            self._held_in[fill.instrument_id].append(book)
        if closed := book.apply(fill):
            self._close(book, closed)

    def _close(self, book: Book, fills: list[Fill]) -> None:
        excursion = book.excursion(fills) if self.watches else None
        votes = self.recorder.votes_behind(ClientOrderId(fills[0].client_order_id))
        trade = trade_of(fills, book.closed, book.multiplier, excursion, votes)
        self.recorder.trade(trade, fills[-1])
        self.observers.tell("trade_closed", trade.closed, trade=trade)

    def _fill(self, event: Any) -> Fill:
        quantity, commission = decimal(event.last_qty), event.commission
        return Fill(
            ts=event.ts_event,
            trade_id=event.trade_id.value,
            client_order_id=self.recorder.order_id(event),
            instrument_id=str(event.instrument_id),
            strategy=event.strategy_id.value,
            quantity=quantity if event.is_buy else -quantity,
            price=decimal(event.last_px),
            commission=decimal(commission) if commission else Decimal(0),
            currency=event.currency.code,
            position_id=event.position_id.value if event.position_id else "",
            liquidity=event.liquidity_side.name,
            reference=self._reference(event),
        )

    def _reference(self, event: Any) -> Decimal | None:
        """Return the price an order could expect: its trigger, its limit, or what it was sent on.

        A market order is sent on the close of a bar or on the entry of a signal; a settlement is
        what it is.
        """
        order = self.cache.order(event.client_order_id)
        for name in ("trigger_price", "price"):
            if (asked := getattr(order, name, None)) is not None:
                return decimal(asked)
        sent_on = self.recorder.handled.get(event.client_order_id)
        if isinstance(sent_on, Bar):
            return decimal(sent_on.close) if self._is_of(sent_on, event.instrument_id) else None
        if isinstance(sent_on, Rolled) and sent_on.prices is not None:
            return sent_on.prices[str(event.instrument_id) == sent_on.after]
        if sent_on is None and event.client_order_id.value.startswith(SETTLES):
            return decimal(event.last_px)
        signal = signal_in(sent_on)
        return signal.entry if signal else None

    def _is_of(self, bar: Bar, contract: InstrumentId) -> bool:
        """Say whether a bar is of a contract, or of the front that stands for it."""
        heard = bar.bar_type.instrument_id
        root = self.listings.fronts.get(str(heard))
        return heard == contract or (root is not None and contract.symbol.value.startswith(root))

    def _as_request(self, event: Any) -> OrderRequest:
        order = self.cache.order(event.client_order_id)
        return OrderRequest(
            client_order_id=event.client_order_id.value,
            strategy=event.strategy_id.value,
            instrument_id=str(event.instrument_id),
            side=order.side.name,
            type=order.order_type.name,
            quantity=decimal(order.quantity),
            ts=event.ts_event,
        )


class Desk:
    """What a hosted strategy may ask for. Strategies reach it as `self.desk`."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    def size(self, signal: Signal) -> int:
        """Return how many contracts `signal` is worth, at most what the rung allows.

        Zero means no order: a plugin said so, failed, or nobody answered. Every answer is
        journaled with its reason.
        """
        floor = self._floor
        plugin, size = self._ask(signal)
        most = floor.rung.max_contracts
        if size.contracts > most:
            reason = f"{size.reason}; rung {floor.rung.name} caps {size.contracts} at {most}"
            size = Size(most, reason)
        floor.recorder.size(signal, size, plugin, signal.ts_event)
        return size.contracts

    def session(self, instrument_id: str, ts: int) -> Session:
        """Return the session of a contract at `ts` (UTC nanoseconds), or the one that opens next.

        It knows half days and halts: `session.next_stop(ts)` is when trading stops.
        """
        return next_session(instrument_of(self._floor.cache, instrument_id).underlying, ts)

    def sessions_to_roll(self, instrument_id: str, ts: int) -> int:
        """Return how many sessions a contract, or a root's front, may still be held after this one.

        0 in the last one. A roll by volume or open interest may come sooner: that is known on the
        day before and no earlier.
        """
        instrument = instrument_of(self._floor.cache, instrument_id)
        front = self._floor.fronts.get(instrument.underlying)
        held = front.contract(ts) if front and front.id == instrument_id else instrument_id
        day = next_session(instrument.underlying, ts).date
        key = dated_key(held.partition(".")[0], day)
        assert key is not None
        return sessions_left(key, day)

    def _ask(self, signal: Signal) -> tuple[str, Size]:
        floor = self._floor
        answers = floor.plugins.ask(
            "size_order",
            signal=signal,
            instrument=instrument_of(floor.cache, signal.instrument_id),
            portfolio=floor.portfolio,
            rung=floor.rung,
        )
        for answer in answers:
            if answer.error is not None:
                floor.recorder.failure(answer.plugin, "size_order", answer.error, signal.ts_event)
                return answer.plugin, Size(0, f"{answer.plugin} failed: {answer.error}")
            if answer.value is not None:
                return answer.plugin, answer.value
        return "house", Size(0, "no plugin answered size_order")


def instrument_of(cache: Any, instrument_id: str) -> Any:
    """Return the engine's instrument for an id as text, or None."""
    return cache.instrument(InstrumentId.from_str(instrument_id))
