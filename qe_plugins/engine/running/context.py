"""The trading floor of one run: what hosted strategies, the bridge and the gate have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nautilus_trader.model import OrderStatus

from qe_plugins.engine.accounting.account_view import CacheView, PortfolioView, SingleAccount
from qe_plugins.engine.accounting.balance import Balance, starting_balance
from qe_plugins.engine.accounting.booking import TradeBooker
from qe_plugins.engine.accounting.plugin_account import Account
from qe_plugins.engine.contracts.instruments import Instruments, decimal, instrument_of
from qe_plugins.engine.hosting.denial import VetoAlgorithm
from qe_plugins.engine.hosting.dispatch import EventDispatcher
from qe_plugins.engine.hosting.exceptions import ExceptionTrap
from qe_plugins.engine.recording.observers import Observers
from qe_plugins.engine.recording.recorder import Recorder
from qe_plugins.engine.risk.gate import OrderGate
from qe_plugins.engine.risk.liquidation import Liquidator
from qe_plugins.engine.risk.margin import MarginCalculator
from qe_plugins.engine.risk.rules import rules_of
from qe_plugins.engine.signals.history import History
from qe_plugins.market.contract_key import dated_key
from qe_plugins.market.roll_calendar import sessions_left
from qe_plugins.market.sessions import Session, next_session
from qe_plugins.plugins.types import OrderRequest, Signal, Size
from qe_plugins.safe_text import in_words

if TYPE_CHECKING:
    from nautilus_trader.backtest import BacktestEngine

    from qe_plugins.config.schema import Config
    from qe_plugins.data.catalog.reader import Chunk
    from qe_plugins.engine.contracts.terms import ContractTerms
    from qe_plugins.engine.rolling.front import Front
    from qe_plugins.engine.rolling.front_state import FrontState
    from qe_plugins.engine.running.availability import AvailableData
    from qe_plugins.engine.simulation.order_queue import OrderQueue
    from qe_plugins.engine.simulation.stop_limits import StopLimitWatch
    from qe_plugins.plugins import PluginManager

HEARS_BARS = ("contribute_signals", "session_closed")
"""Hooks for which the bridge hears every bar."""


class RunContext:
    """One run's plugins, gate, books and recorder. Lives on the trading thread.

    `fed` are the fronts' bar types that the engine hears itself; a strategy on a root is told of
    its front's bars by its `FrontState`.
    """

    def __init__(
        self,
        engine: BacktestEngine,
        plugins: PluginManager,
        config: Config,
        listings: AvailableData,
        money: dict[str, ContractTerms],
        recorder: Recorder | None = None,
    ) -> None:
        self.cache: Any = engine.cache
        self.balance = Balance(
            self.cache,
            engine.portfolio,
            config.nautilus.venue.base_currency or "USD",
            starting_balance(config.nautilus.venue),
        )
        self.plugins, self.rung, self.listings = plugins, config.rung, listings
        self.alarm, self.recorder = ExceptionTrap(), recorder or Recorder()
        self.circles = EventDispatcher(self.alarm)
        self.denier = VetoAlgorithm(self.alarm.waiting)
        self.recorder.failures.most = config.max_failures
        self.observers = Observers(plugins, self.recorder.failures)
        self.fronts: dict[str, Front] = {}
        self.followers: list[FrontState] = []
        self.fed: set[str] = set()
        self.office = TradeBooker(self.cache, self.recorder, self.observers, listings)
        self.desk = Desk(self)
        self.money = money
        self.margin = margin = MarginCalculator(self.cache, self.balance, money, config.margin)
        self.one_account = SingleAccount(
            config.nautilus.venue.name, engine.list_venues(), self.balance, margin
        )
        self.cache_view = CacheView(self.cache, self.one_account)
        self.portfolio = PortfolioView(engine.portfolio, self.one_account)
        self.rules = rules_of(engine, config, margin, self.alarm)
        self.house = Liquidator(
            self.cache,
            margin,
            self.rules,
            self.recorder,
            config.margin.on_breach,
            lambda posture: self.gate.take(posture),
        )
        self.account = Account(self.balance)
        self.history = History(self.cache)
        self.instruments = Instruments(self.cache)
        self.gate = OrderGate(
            plugins,
            self.recorder,
            rung=config.rung,
            posture=config.posture,
            timeout=config.gate.timeout,
            account=self.account,
            history=self.history,
            instruments=self.instruments,
        )
        self.sent: dict[Any, None] = {}
        self.queue: OrderQueue | None = None
        self.stop_limits: StopLimitWatch | None = None
        self.hears = any(plugins.caller(hook) for hook in HEARS_BARS)

    def expects(self, piece: Chunk) -> None:
        """Take the piece of the tape that is heard next."""
        self.house.verify()
        self.office.start_chunk(piece.columns)
        for follower in self.followers:
            follower.start_chunk(piece.spliced_bars)

    def feed(self, instrument: Any) -> None:
        """Let the engine hear the front's own bars, where `instrument` is one: others need them."""
        root = self.listings.fronts.get(str(instrument))
        if root is not None:
            self.fed.add(self.fronts[root].bar_type)

    def submitted(self) -> list[Any]:
        """Return orders that were sent of late, and that the cache does not list yet."""
        if self.sent:
            cached = [(i, self.cache.order(i)) for i in self.sent]
            for i, order in cached:
                if order is None or order.status != OrderStatus.INITIALIZED:
                    del self.sent[i]
        return list(self.sent)

    def denied(self, request: OrderRequest | None, event: Any) -> None:
        """Tell the plugins of a denial. `request` is None where the engine itself denied."""
        if self.observers.wants("order_denied"):
            order = request or self._as_request(event)
            self.observers.tell("order_denied", event.ts_event, order=order, reason=event.reason)

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

    def __init__(self, floor: RunContext) -> None:
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
            reason = f"{size.reason}; {floor.rung.title} caps {size.contracts} at {most}"
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
        answers = floor.plugins.call(
            "size_order",
            signal=signal,
            instrument=instrument_of(floor.cache, signal.instrument_id),
            portfolio=floor.portfolio,
            rung=floor.rung,
        )
        for answer in answers:
            if answer.error is not None:
                floor.recorder.failure(answer.plugin, "size_order", answer.error, signal.ts_event)
                return answer.plugin, Size(0, f"{answer.plugin} failed: {in_words(answer.error)}")
            if answer.value is not None:
                return answer.plugin, answer.value
        return "house", Size(0, "no plugin answered size_order")
