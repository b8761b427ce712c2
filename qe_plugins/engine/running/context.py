"""RunContext: the objects that the parts of one run share."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from nautilus_trader.model import BarType

from qe_plugins.engine.accounting.account_equity import AccountEquity, BrokerEquity
from qe_plugins.engine.accounting.account_view import CacheView, PortfolioView, SingleAccount
from qe_plugins.engine.accounting.booking import TradeBooker
from qe_plugins.engine.accounting.holdings import Balance, Holdings, starting_balance
from qe_plugins.engine.accounting.plugin_account import Account
from qe_plugins.engine.accounting.session_booking import SessionBooker
from qe_plugins.engine.contracts.instruments import Instruments, decimal
from qe_plugins.engine.hosting.dispatch import EventDispatcher
from qe_plugins.engine.hosting.exceptions import ExceptionTrap
from qe_plugins.engine.recording.observers import Observers
from qe_plugins.engine.recording.recorder import Recorder
from qe_plugins.engine.recording.session_recorder import SessionRecorder
from qe_plugins.engine.risk.gate import OrderGate, VetoAlgorithm
from qe_plugins.engine.risk.liquidation import Liquidator
from qe_plugins.engine.risk.margin import MarginCalculator
from qe_plugins.engine.risk.option_margin import OptionMargins
from qe_plugins.engine.risk.order_request import SentOrders
from qe_plugins.engine.risk.rules import SECOND, OrderRules, RiskRules, RungRule
from qe_plugins.engine.running.desk import Desk
from qe_plugins.engine.signals.features import RunFeatures
from qe_plugins.engine.signals.history import History
from qe_plugins.errors import QeError
from qe_plugins.plugins.deadline import HookDeadlines, against_deadline
from qe_plugins.plugins.types import OrderRequest, Rung

if TYPE_CHECKING:
    from qe_plugins.config.schema import Config
    from qe_plugins.engine.contracts.terms import ContractTerms
    from qe_plugins.engine.risk.entry_cancellation import OrderStates
    from qe_plugins.engine.rolling.front import Front
    from qe_plugins.engine.rolling.front_state import FrontState
    from qe_plugins.engine.running.availability import AvailableData
    from qe_plugins.engine.simulation.option_expiry import ExpiredOption
    from qe_plugins.engine.simulation.order_queue import OrderQueue
    from qe_plugins.engine.simulation.stop_limits import StopLimitWatch
    from qe_plugins.features.feed import FeatureFeed
    from qe_plugins.halt.latch import HaltLatch
    from qe_plugins.market.listed_options import ListedOption
    from qe_plugins.plugins import PluginManager

LOG = logging.getLogger(__name__)

BAR_HOOKS = ("contribute_signals", "session_closed")
"""Hooks for which the signal pipeline receives every bar."""


class TradingEngine(Protocol):
    """What a run needs of Nautilus. Both BacktestEngine and LiveNode have it."""

    @property
    def cache(self) -> Any:
        """Return the cache of instruments, orders and positions."""

    @property
    def portfolio(self) -> Any:
        """Return the portfolio."""

    def add_actor(self, actor: Any, /) -> None:
        """Add an actor."""

    def add_strategy(self, strategy: Any, /) -> None:
        """Add a strategy."""

    def add_exec_algorithm(self, algorithm: Any, /) -> None:
        """Add an execution algorithm."""


class ComponentClocks(Protocol):
    """Clocks in place of the engine's, such as those whose timers go by recorded data."""

    def clock(self, component: Any, engine_clock: Any, /) -> Any:
        """Return the clock of a component."""


class RunContext:
    """One run's plugins, rules, gate, accounting and recorder. For the trading thread only.

    A run whose recorder commits is a session, any other a backtest. `venues` are those that
    contracts trade on: a session's engine has no instruments before it is connected; `options` are
    those of a backtest. `account_id`
    is the account at a broker whose balance is the equity, by default the fills are. A session has
    a halt `latch`. `strategies` are the hosted ones, in the order of the configuration.
    A replayed session calls `flush` itself, without `timed_flush`: its clock is the data's.
    `needs_bars` says that the signal pipeline receives every bar: a session records them.
    `order_terms` puts an order on the terms of a broker, None where orders are simulated.
    `order_states` is what is known of orders at a broker, likewise; `unresolved_entries` are ids of
    entries to be cancelled once their state there is known.
    `front_bar_types` are the bar types of fronts that the engine must process itself, since a
    component subscribed to them; a strategy on a root receives its front's bars from its
    `FrontState`.
    """

    def __init__(
        self,
        engine: TradingEngine,
        plugins: PluginManager,
        config: Config,
        available_data: AvailableData,
        terms: dict[str, ContractTerms],
        recorder: Recorder | None = None,
        latch: HaltLatch | None = None,
        *,
        venues: Iterable[Any] = (),
        features: FeatureFeed | None = None,
        triggered: frozenset[str] = frozenset(),
        declared: Mapping[str, tuple[str, ...]] | None = None,
        account_id: Any = None,
        options: Iterable[ListedOption] = (),
    ) -> None:
        self.cache: Any = engine.cache
        self.balance = Balance(
            self.cache,
            engine.portfolio,
            config.nautilus.venue.base_currency or "USD",
            starting_balance(config.nautilus.venue),
        )
        self.exception_trap, self.recorder = ExceptionTrap(), recorder or Recorder()
        self.in_session = self.recorder.commits
        self.on_hook_timeout: Callable[[str, str, float], None] | None = None
        self.hook_deadlines = HookDeadlines(config.risk.veto_timeout, self._on_overdue)
        if self.in_session:
            plugins = against_deadline(plugins, self.hook_deadlines)
        self.plugins, self.rung, self.available_data = plugins, config.rung, available_data
        self.dispatcher = EventDispatcher(self.exception_trap)
        self.latch = latch
        self.veto_algorithm = VetoAlgorithm(self.exception_trap.deferred)
        self.recorder.failures.most = config.max_failures
        self.observers = Observers(plugins, self.recorder.failures)
        self.strategies: list[Any] = []
        self.fronts: dict[str, Front] = {}
        self.front_states: list[FrontState] = []
        self.front_bar_types: set[str] = set()
        self.trade_booker: TradeBooker | SessionBooker
        if isinstance(self.recorder, SessionRecorder):
            self.trade_booker = self._session_booker(self.recorder)
        else:
            self.trade_booker = TradeBooker(
                self.cache, self.recorder, self.observers, available_data
            )
        self.desk = Desk(self)
        self.terms = terms
        self.equity: AccountEquity = self.balance
        if account_id is not None:
            self.equity = BrokerEquity(
                self.cache, account_id, self.balance, lambda: self.single_account.now()
            )
        self.holdings = Holdings(
            self.cache,
            lambda: [one.strategy_id for one in self.strategies],
            in_session=self.in_session,
        )
        self.margin = margin = MarginCalculator(
            self.cache,
            self.holdings,
            self.equity,
            terms,
            config.margin,
            OptionMargins(self.cache, options),
        )
        self.single_account = SingleAccount(
            config.nautilus.venue.name, sorted(venues, key=str), self.equity, margin, account_id
        )
        self.cache_view = CacheView(self.cache, self.single_account)
        self.portfolio = PortfolioView(engine.portfolio, self.single_account)
        rules = _rules(self.cache, config, margin, self.exception_trap, self.in_session)
        self.rules: OrderRules = rules
        self.liquidator = Liquidator(
            self.cache,
            self.holdings,
            margin,
            rules,
            self.recorder,
            config.margin.on_breach,
            lambda posture: self.gate.set_posture(posture),
            self.in_session,
        )
        self.account = Account(self.equity)
        self.history = History(self.cache)
        self.features, self.triggered = RunFeatures(features, declared), triggered
        self.instruments = Instruments(self.cache)
        self.gate = OrderGate(
            plugins,
            self.recorder,
            rung=config.rung,
            posture=config.posture,
            timeout=config.risk.veto_timeout,
            account=self.account,
            history=self.history,
            features=self.features,
            instruments=self.instruments,
            latch=latch,
        )
        self.sent_orders = SentOrders(self.cache)
        self.timers: ComponentClocks | None = None
        self.timed_flush = True
        self.queue: OrderQueue | None = None
        self.order_terms: Callable[[Any], Any] | None = None
        self.order_states: OrderStates | None = None
        self.unresolved_entries: set[Any] = set()
        self.stop_limits: StopLimitWatch | None = None
        self.expired_options: Mapping[str, ExpiredOption] = {}
        self.needs_bars = (
            self.in_session
            or self.features.active
            or any(plugins.caller(hook) for hook in BAR_HOOKS)
        )

    def request_front_bars(self, instrument: Any) -> None:
        """Have the engine process a front's bars from the next chunk on, if `instrument` is one."""
        root = self.available_data.fronts.get(str(instrument))
        if root is not None:
            self.front_bar_types.add(self.fronts[root].bar_type)

    def set_rung(self, rung: Rung) -> None:
        """Have rules, guardians and position sizing go by another rung from now on."""
        self.rung = self.rules.rung_rule.limits = rung
        self.gate.set_rung(rung)

    @property
    def session_recorder(self) -> SessionRecorder:
        """Return the recorder of a session. Raises TypeError in a backtest."""
        if not isinstance(self.recorder, SessionRecorder):
            raise TypeError("a backtest commits nothing")
        return self.recorder

    def resume(self) -> None:
        """Take up what a continued run had reached: its fills, and the numbers of its orders.

        Call once the engine has its instruments, before any strategy starts.
        """
        recorder, booker = self.session_recorder, self.trade_booker
        assert isinstance(booker, SessionBooker)
        for fill, _ in booker.restore(recorder.reached.fills):
            self.balance.restore(fill)
        for strategy in self.strategies:
            factory = strategy.order_factory
            for _ in range(recorder.reached.orders.get(strategy.strategy_id.value, 0)):
                factory.generate_client_order_id()
                factory.generate_order_list_id()

    def flush(self) -> None:
        """Have a session's facts written soon. Call about once a second, and as it ends."""
        self.equity.unknown()  # reads a broker's newest figure
        recorder = self.session_recorder
        recorder.observed(self.observers.take())
        recorder.flush()

    def _session_booker(self, recorder: SessionRecorder) -> SessionBooker:
        booker = SessionBooker(self.cache, recorder, self.observers, self.available_data)
        recorder.order_of, recorder.in_use = self.cache.order, booker.signals_in_use
        recorder.on_failure = self._on_journal_failure
        return booker

    def _on_journal_failure(self, reason: str) -> None:
        """Halt: nothing may be done that is not in the journal."""
        LOG.error("the journal cannot be written: %s", reason)
        self._halt(f"the journal cannot be written: {reason}", "journal")

    def _on_overdue(self, plugin: str, hook: str, limit: float) -> None:
        """Halt: a plugin that is silent may have been the one to object."""
        reason = f"{plugin} did not answer {hook} within {limit:g} s"
        LOG.error("%s", reason)
        if self.on_hook_timeout is not None:
            self.on_hook_timeout(plugin, hook, limit)
        self._halt(reason, "hook_timeout")

    def _halt(self, reason: str, source: str) -> None:
        """Set the latch. Where its file cannot be written either, this process is halted."""
        if self.latch is None:
            return
        try:
            self.latch.set(reason, source)
        except QeError as error:
            LOG.error("halt: %s", error)

    def notify_denial(self, request: OrderRequest | None, event: Any) -> None:
        """Notify plugins of a denial. `request` is None where the engine itself denied."""
        if self.observers.wants("order_denied"):
            order = request or self._request_of(event)
            self.observers.notify("order_denied", event.ts_event, order=order, reason=event.reason)

    def _request_of(self, event: Any) -> OrderRequest:
        """Return the order of an event as plain data."""
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


def _rules(
    cache: Any, config: Config, margin: MarginCalculator, trap: ExceptionTrap, in_session: bool
) -> RiskRules:
    """Return the rules of a run."""
    length = BarType.from_str(f"ES.XCME-{config.data.bars}-EXTERNAL").spec.timedelta
    grace = 0 if config.session.when_closed == "refuse" else int(length.total_seconds() * SECOND)
    deny_when_closed = config.fills.rules == "exchange"
    flat_before = config.expiry.flat_before
    rung = RungRule(cache, config.rung, trap)
    return RiskRules(
        cache,
        margin,
        rung,
        flat_before=flat_before,
        deny_when_closed=deny_when_closed,
        grace=grace,
        by_exchange=in_session,
    )
